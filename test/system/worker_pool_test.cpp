// Threads that are made at the start, and threads that do not end.

#include "system/worker_pool.hpp"

#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <system_error>

using namespace warmd;

namespace {

constexpr auto for_ever = std::chrono::hours(1); // a hang is a failure

} // namespace

BOOST_AUTO_TEST_CASE(everything_posted_is_done_before_it_is_joined)
{
    std::atomic<int> done = 0;
    worker_pool pool(3, "to test");
    for (int each = 0; each != 100; ++each)
        asio::post(pool.get_executor(), [&done] { ++done; });
    BOOST_TEST(pool.join(for_ever));
    BOOST_TEST(done == 100);
}

BOOST_AUTO_TEST_CASE(a_thread_that_does_not_end_is_not_waited_for)
{
    std::promise<void> release;
    worker_pool pool(2, "to test");
    asio::post(pool.get_executor(), [released = release.get_future().share()] { released.wait(); });
    BOOST_TEST(!pool.join({}));
    release.set_value();
    BOOST_TEST(pool.join(for_ever));
}

BOOST_AUTO_TEST_CASE(its_threads_have_the_niceness_asked_for)
{
    std::promise<int> nice;
    worker_pool pool(1, "to test", 10);
    asio::post(pool.get_executor(), [&nice] {
        nice.set_value(::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())));
    });
    BOOST_TEST(nice.get_future().get() >= 10);
    BOOST_TEST(pool.join(for_ever));
}

BOOST_AUTO_TEST_CASE(threads_that_the_system_does_not_grant_are_an_error_with_both_numbers)
{
    // Stacks that fit into no address space: what pthread_create(3) refuses with EAGAIN, as at a
    // limit of processes, which does not hold for root.
    pthread_attr_t before, huge;
    BOOST_REQUIRE(::pthread_getattr_default_np(&before) == 0);
    BOOST_REQUIRE(::pthread_attr_init(&huge) == 0);
    BOOST_REQUIRE(::pthread_attr_setstacksize(&huge, std::size_t{1} << 45) == 0);
    BOOST_REQUIRE(::pthread_setattr_default_np(&huge) == 0);
    std::string said;
    try {
        worker_pool pool(8, "to test");
    } catch (const std::system_error& refused) {
        said = refused.what();
        BOOST_TEST((refused.code() == std::errc::resource_unavailable_try_again));
    }
    BOOST_REQUIRE(::pthread_setattr_default_np(&before) == 0);
    BOOST_TEST(said.find(" of 8 threads to test") != std::string::npos, said);
    BOOST_TEST(said.find("TasksMax=") != std::string::npos, said);
}

// Real files, real inotify; the io_context is run by hand, and nothing waits but for the descriptor
// to become readable.

#include "cache/file_watcher.hpp"

#include "support/scratch.hpp"
#include "support/stepping.hpp"

#include <boost/asio/post.hpp>

#include <fcntl.h>
#include <unistd.h>

using namespace warmd;
using warmd::test::write_file;
namespace fs = std::filesystem;

namespace {

struct fixture {
    ~fixture() // invariant 12: after stop() it ends because there is no work left
    {
        watcher->stop();
        test::run_to_end(io);
    }
    std::unique_ptr<file_watch> watch(std::vector<fs::path> paths)
    {
        auto made = watcher->watch(paths);
        BOOST_TEST_REQUIRE(made.has_value(), made.error().detail);
        return std::move(*made);
    }
    void listen()
    {
        watcher->listen([this] { ++changes; });
    }
    void run_until_changed(const file_watch& watch)
    {
        test::run_until(io, [&] { return watch.changed(); });
    }

    test::scratch_directory scratch;
    fs::path root = scratch.path;
    boost::asio::io_context io{1};
    std::shared_ptr<file_watcher> watcher = file_watcher::open(io.get_executor()).value();
    int changes = 0;
};

struct listening : fixture {
    listening() { listen(); }
    /// What was done before is seen to have changed nothing in `watch`: events come in order, and a
    /// later one is seen.
    void expect_unchanged(const file_watch& watch)
    {
        write_file(root / "last", "1");
        const auto last = this->watch({root / "last"});
        write_file(root / "last", "2");
        run_until_changed(*last);
        BOOST_TEST(!watch.changed());
    }
};

/// Writes into the file that is there, without emptying it first.
void overwrite(const fs::path& path, std::string_view text)
{
    const int handle = ::open(path.c_str(), O_WRONLY);
    BOOST_TEST_REQUIRE(handle >= 0);
    BOOST_TEST(::pwrite(handle, text.data(), text.size(), 0) ==
               static_cast<::ssize_t>(text.size()));
    ::close(handle);
}

} // namespace

BOOST_FIXTURE_TEST_CASE(a_file_written_in_place_has_changed, listening)
{
    write_file(root / "a", "1");
    const auto watch = this->watch({root / "a"});
    overwrite(root / "a", "2");
    run_until_changed(*watch);
    BOOST_TEST(changes == 1);
}

BOOST_FIXTURE_TEST_CASE(a_file_written_through_another_hard_link_has_changed, listening)
{
    write_file(root / "a", "1");
    fs::create_directory(root / "elsewhere");
    fs::create_hard_link(root / "a", root / "elsewhere" / "b");
    const auto watch = this->watch({root / "a"});
    overwrite(root / "elsewhere" / "b", "2");
    run_until_changed(*watch);
}

BOOST_FIXTURE_TEST_CASE(a_file_replaced_by_rename_has_changed, listening)
{
    write_file(root / "a", "1");
    write_file(root / "new", "2");
    const auto watch = this->watch({root / "a"});
    fs::rename(root / "new", root / "a");
    run_until_changed(*watch);
}

BOOST_FIXTURE_TEST_CASE(a_file_that_is_deleted_or_appears_has_changed, listening)
{
    write_file(root / "a", "1");
    const auto there = watch({root / "a"}), absent = watch({root / "b"}),
               below_absent = watch({root / "c" / "d"});
    fs::remove(root / "a");
    run_until_changed(*there);
    BOOST_TEST(!absent->changed());
    write_file(root / "b", "1");
    run_until_changed(*absent);
    BOOST_TEST(!below_absent->changed());
    fs::create_directory(root / "c");
    run_until_changed(*below_absent);
}

BOOST_FIXTURE_TEST_CASE(a_symbolic_link_moved_anywhere_on_the_way_is_a_change, listening)
{
    // root/current -> versions/latest -> ../store/1, a relative link over two directories
    for (const char* directory : {"versions", "store/1", "store/2"})
        fs::create_directories(root / directory);
    write_file(root / "store/1/a", "1");
    write_file(root / "store/2/a", "2");
    fs::create_symlink("versions/latest", root / "current");
    fs::create_symlink("../store/1", root / "versions/latest");
    const auto watch = this->watch({root / "current/a"});
    fs::create_symlink("../store/2", root / "versions/next");
    fs::rename(root / "versions/next", root / "versions/latest");
    run_until_changed(*watch);

    const auto now = this->watch({root / "current/a"}); // of store/2/a
    overwrite(root / "store/1/a", "x");
    expect_unchanged(*now);
    overwrite(root / "store/2/a", "x");
    run_until_changed(*now);
}

BOOST_FIXTURE_TEST_CASE(a_directory_replaced_at_any_depth_is_a_change, listening)
{
    fs::create_directories(root / "x/y/z");
    write_file(root / "x/y/z/a", "1");
    for (const char* moved : {"x/y/z", "x/y", "x"}) {
        const auto watch = this->watch({root / "x/y/z/a"});
        fs::rename(root / moved, root / "old");
        run_until_changed(*watch);
        fs::rename(root / "old", root / moved);
    }
    const auto watch = this->watch({root / "x/y/z/a"});
    fs::remove_all(root / "x");
    run_until_changed(*watch);
    BOOST_TEST(!this->watch({root / "x/y/z/a"})->changed());
}

BOOST_FIXTURE_TEST_CASE(neighbours_and_readers_change_nothing, listening)
{
    fs::create_directory(root / "x");
    write_file(root / "x/a", "1");
    const auto watch = this->watch({root / "x/a"});
    write_file(root / "x/b", "1");
    fs::rename(root / "x/b", root / "x/c");
    fs::remove(root / "x/c");
    std::string text;
    std::ifstream(root / "x/a") >> text;
    expect_unchanged(*watch);
}

BOOST_FIXTURE_TEST_CASE(every_watch_of_a_file_sees_the_change_and_one_that_goes_takes_nothing_along,
                        listening)
{
    write_file(root / "a", "1");
    write_file(root / "b", "1");
    const auto both = watch({root / "a", root / "b"}), one = watch({root / "a"});
    watch({root / "a"}).reset();
    overwrite(root / "a", "2");
    run_until_changed(*both);
    BOOST_TEST(one->changed());
    const auto after = watch({root / "b"});
    overwrite(root / "b", "2");
    run_until_changed(*after);
    BOOST_TEST(changes == 2); // a burst is told of once, and what has changed already is no news
}

BOOST_FIXTURE_TEST_CASE(what_changed_before_anybody_listened_is_not_lost, fixture)
{
    write_file(root / "a", "1");
    const auto watch = this->watch({root / "a"});
    overwrite(root / "a", "2");
    test::settle(io);
    BOOST_TEST(!watch->changed());
    listen();
    run_until_changed(*watch);
}

BOOST_FIXTURE_TEST_CASE(when_the_system_lost_count_everything_may_have_changed, listening)
{
    std::size_t limit = 0;
    std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> limit;
    BOOST_TEST_REQUIRE(limit > 0U);
    write_file(root / "a", "1");
    const auto watch = this->watch({root / "a"});
    for (std::size_t events = 0; events <= limit;
         events += 2) { // a neighbour's, which alone would change nothing
        write_file(root / "neighbour", "");
        fs::remove(root / "neighbour");
    }
    run_until_changed(*watch);
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_watched_is_refused_with_the_reason, listening)
{
    const auto refused = [&](const fs::path& path) {
        return watcher->watch(std::vector<fs::path>{path}).error().detail;
    };
    BOOST_TEST(refused("/proc/version").find("/proc/version: its file system") ==
               0U); // as a network file system would be
    fs::create_symlink("/proc/self", root / "link");
    BOOST_TEST(refused(root / "link/status").find("file system") != std::string::npos);
    fs::create_symlink("loop", root / "loop");
    BOOST_TEST(refused(root / "loop/a").find("too many symbolic links") != std::string::npos);
    BOOST_TEST(refused("relative").find("not an absolute path") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_watch_may_outlive_the_watching, listening)
{
    write_file(root / "a", "1");
    const auto watch = this->watch({root / "a"});
    watcher->stop();
    overwrite(root / "a", "2");
    test::run_to_end(io);
    BOOST_TEST(!watch->changed());
}

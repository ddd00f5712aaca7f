// Calls on a leased backend: each is answered once, and the lease comes back.

#include "support/cache_fixture.hpp"

using namespace warmd;
using namespace std::chrono_literals;
using test::pending;
using fixture = test::cache_fixture;

BOOST_AUTO_TEST_CASE(calls_run_on_the_lane_and_calls_that_queued_up_run_together)
{
    fixture f;
    const auto a = f.want("a");
    f.settle();
    backend_lease& lease = a->got->value();
    const auto one = f.start(lease.run(tokenize{"x", true})),
               two = f.start(lease.run(tokenize{"yz", true}));
    f.settle();
    BOOST_TEST(std::get<tokens>(one->got->value()).ids.size() == 1U);
    BOOST_TEST(std::get<tokens>(two->got->value()).ids.size() == 2U);
    BOOST_TEST(f.world.count("run a 2") == 1U);
    BOOST_TEST(f.models().at(0).calls == 2U);
}

BOOST_AUTO_TEST_CASE(a_backend_that_throws_while_running_fails_its_calls_and_stays)
{
    fixture f;
    f.world.run_throws = {"a"};
    const auto a = f.want("a");
    f.settle();
    const auto one = f.start(a->got->value().run(tokenize{"x", true})),
               two = f.start(a->got->value().run(tokenize{"y", true}));
    f.settle();
    BOOST_TEST((one->got->error().code == errc::backend_failed));
    BOOST_TEST(two->got->error().detail.find("run of a broke") != std::string::npos);
    f.world.run_throws.clear();
    const auto three = f.start(a->got->value().run(tokenize{"x", true}));
    f.settle();
    BOOST_TEST(three->got->has_value());
}

BOOST_AUTO_TEST_CASE(a_writer_that_throws_is_answered_internal_error_and_the_lease_comes_back)
{
    fixture f;
    auto a = f.want("a");
    f.settle();
    const outcome_text write = [](const outcome&) -> result<std::string> {
        throw std::bad_alloc();
    };
    const auto run = f.start(a->got->value().run(tokenize{"x", true}, {}, write));
    f.settle();
    BOOST_TEST_REQUIRE(run->done());
    BOOST_TEST((run->got->error().code == errc::internal_error));
    BOOST_TEST(run->got->error().detail.find("bad_alloc") != std::string::npos);
    a->got.reset();
    f.settle();
    BOOST_TEST(f.models().at(0).entry.leases == 0U);
}

BOOST_AUTO_TEST_CASE(a_call_that_a_backend_drops_or_will_not_take_is_answered_all_the_same)
{
    for (const char* said : {"the backend did not answer", "submit to a broke"}) {
        fixture f;
        (said == std::string("submit to a broke") ? f.world.submit_throws
                                                  : f.world.run_drops) = {"a"};
        auto a = f.want("a");
        f.settle();
        const auto run = f.start(a->got->value().run(tokenize{"x", true}));
        f.settle();
        BOOST_TEST_REQUIRE(run->done());
        BOOST_TEST((run->got->error().code == errc::backend_failed));
        BOOST_TEST(run->got->error().detail == said);
        a->got.reset();
        f.settle();
        BOOST_TEST(f.models().at(0).entry.leases == 0U);
    }
}

BOOST_AUTO_TEST_CASE(a_job_left_behind_keeps_its_backend_until_it_has_ended)
{
    fixture f(1);
    const auto a = f.want("a");
    f.settle();
    const auto run = f.start(a->got->value().run(tokenize{"x", true}));
    f.step_io(); // queued on the lane
    f.cancel(run);
    f.step_io();
    BOOST_TEST(run->cancelled);
    a->got.reset(); // the caller's lease is gone, the job's is not
    const auto b = f.want("b");
    f.step_io();
    BOOST_TEST(f.world.count("close a") == 0U);
    f.settle();
    BOOST_TEST(f.world.count("run a 1") == 0U); // asked to stop before it began
    BOOST_TEST(f.world.count("close a") == 1U);
    BOOST_TEST(b->got.value().has_value());
}

BOOST_AUTO_TEST_CASE(a_backend_learns_whose_a_call_is_how_urgent_and_whether_to_compute_afresh)
{
    fixture f;
    const auto a = f.want("a");
    f.settle();
    f.start(a->got->value().run(tokenize{"x", true},
                                {.origin = 7, .priority = call_priority::batch, .fresh = true}));
    f.settle();
    BOOST_TEST(f.world.last_call == "7 batch fresh");
    f.start(a->got->value().run(tokenize{"x", true}));
    f.settle();
    BOOST_TEST(f.world.last_call == "0 interactive");
}

BOOST_AUTO_TEST_CASE(what_a_holder_computes_runs_on_a_worker_and_is_answered_whatever_it_does)
{
    fixture f;
    const auto a = f.want("a");
    f.settle();
    bool ran = false;
    const std::function<std::optional<failure>()> well = [&ran]() -> std::optional<failure> {
        ran = true;
        return {};
    };
    const std::function<std::optional<failure>()> badly = []() -> std::optional<failure> {
        throw std::bad_alloc();
    };
    const auto one = f.start(a->got->value().compute(well));
    f.step_io();
    BOOST_TEST(!ran); // not on the thread of the cache
    f.settle();
    BOOST_TEST(ran);
    BOOST_TEST(!one->got.value().has_value());
    const auto two = f.start(a->got->value().compute(badly));
    f.settle();
    BOOST_TEST((two->got.value()->code == errc::internal_error));
    BOOST_TEST(two->got.value()->detail.find("bad_alloc") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_a_cancelled_holder_computes_keeps_its_backend_until_it_has_ended)
{
    fixture f(1);
    const auto a = f.want("a");
    f.settle();
    bool ran = false;
    const std::function<std::optional<failure>()> job = [&ran]() -> std::optional<failure> {
        ran = true;
        return {};
    };
    const auto computed = f.start(a->got->value().compute(job));
    f.step_io();
    f.cancel(computed);
    f.step_io();
    BOOST_TEST(computed->cancelled);
    a->got.reset();
    const auto b = f.want("b");
    f.step_io();
    BOOST_TEST(f.world.count("close a") == 0U);
    f.settle();
    BOOST_TEST(ran);
    BOOST_TEST(f.world.count("close a") == 1U);
    BOOST_TEST(b->got.value().has_value());
}

// What queued up meanwhile is handed over together, one batch at a time.

#include "model/batching_backend.hpp"

#include <boost/test/unit_test.hpp>

#include <deque>
#include <stdexcept>
#include <string>

using namespace warmd;

namespace {

/// Jobs lie here until the test runs them.
struct held_jobs {
    std::deque<std::function<void()>> jobs;
    call_worker worker()
    {
        return {.post = [this](std::function<void()> job) { jobs.push_back(std::move(job)); },
                .took = {}};
    }
    void run_one()
    {
        const auto job = std::move(jobs.front());
        jobs.pop_front();
        job();
    }
};

struct noting_backend final : batching_backend {
    explicit noting_backend(call_worker worker) : batching_backend(std::move(worker)) {}
    void run(std::span<call> calls) override
    {
        batches += std::to_string(calls.size()) + ' ';
        meanwhile();
        for (call& each : calls)
            each.complete(outcome(plain_text{"done"}));
    }
    footprint bytes() const override { return {}; }
    void close() override {}

    std::string batches;
    std::function<void()> meanwhile = [] {};
};

struct fixture {
    held_jobs pool;
    noting_backend backend{pool.worker()};
    std::string told;

    void ask(std::stop_token stop = {})
    {
        backend.submit({.what = tokenize{"x"},
                        .stop = std::move(stop),
                        .complete = [this](const result<outcome>& came) {
                            told += came ? "ok " : std::string(name(came.error().code)) + ' ';
                        }});
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(what_queued_up_before_a_batch_is_in_it_and_what_comes_meanwhile_is_in_the_next)
{
    fixture f;
    f.ask();
    f.ask();
    BOOST_TEST(f.pool.jobs.size() == 1U);
    f.backend.meanwhile = [&] {
        f.ask();
        f.ask();
        f.ask();
        BOOST_TEST(f.pool.jobs.empty()); // a second batch would run beside this one
        f.backend.meanwhile = [] {};
    };
    f.pool.run_one();
    BOOST_TEST(f.backend.batches == "2 ");
    BOOST_TEST_REQUIRE(f.pool.jobs.size() == 1U);
    f.pool.run_one();
    BOOST_TEST(f.backend.batches == "2 3 ");
    BOOST_TEST(f.told == "ok ok ok ok ok ");
    BOOST_TEST(f.pool.jobs.empty());
    f.ask();
    BOOST_TEST(f.pool.jobs.size() == 1U); // idle in between
    f.pool.run_one();
}

BOOST_AUTO_TEST_CASE(after_a_batch_that_throws_or_that_nobody_waits_for_the_next_one_runs)
{
    fixture f;
    std::stop_source gone;
    f.ask(gone.get_token());
    gone.request_stop();
    f.pool.run_one();
    BOOST_TEST(f.backend.batches == ""); // nothing was left to run
    f.ask();
    f.backend.meanwhile = [&] {
        f.ask();
        f.backend.meanwhile = [] {};
        throw std::runtime_error("broke");
    };
    f.pool.run_one();
    BOOST_TEST_REQUIRE(f.pool.jobs.size() == 1U);
    f.pool.run_one();
    BOOST_TEST(f.told == "cancelled backend_failed ok ");
}

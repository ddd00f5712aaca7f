// What is counted, and how `metrics` and `stats` tell it.

#include "cache/lane.hpp"
#include "methods/survey.hpp"
#include "model/batching_backend.hpp"
#include "support/exposition.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

using namespace warmd;
using namespace std::chrono_literals;
using test::exposition_reader;

namespace {

struct counted_daemon {
    metrics counted;
    cache_stats cache;
    daemon_info info{
        .version = "1", .started = {}, .limits = {}, .draining = {}, .shut_down = {}, .reload = {}};
    std::vector<model_info> models;

    std::vector<family> all() const
    {
        return survey(counted, models, cache, info, time_point(90s));
    }
    std::map<std::string, double> samples() const
    {
        const std::string text = exposition(all());
        const exposition_reader read(text);
        for (const std::string& fault : read.faults())
            BOOST_ERROR(fault);
        return read.samples();
    }
    json::object stats() const
    {
        std::string text;
        json_writer to(text);
        to.begin_object();
        write_stats(to, all());
        to.end_object();
        return parse_json(text).value().as_object();
    }
};

/// Completes with as many tokens as it says it was given.
struct counting_backend : batching_backend {
    explicit counting_backend(call_worker worker) : batching_backend(std::move(worker)) {}
    void run(std::span<call> calls) override
    {
        for (call& each : calls) {
            each.complete(outcome(generation_result{.text = "", .ids = {1, 2, 3}}), 7);
        }
    }
    footprint bytes() const override { return {.all = 1}; }
    void close() override {}
};

} // namespace

BOOST_AUTO_TEST_CASE(a_histogram_counts_a_value_under_the_first_bound_that_is_not_below_it)
{
    static constexpr std::array<double, 2> bounds{1, 10};
    histogram h(bounds);
    for (const double value : {0., 1., 1.5, 10., 11.})
        h.add(value);
    h.add(500ms);
    const auto read = h.read();
    BOOST_TEST(read.up_to == (std::vector<std::uint64_t>{3, 5, 6}),
               boost::test_tools::per_element());
    BOOST_TEST(read.sum == 24);
}

BOOST_FIXTURE_TEST_CASE(an_idle_daemons_metrics_are_well_formed_and_none_is_missing, counted_daemon)
{
    const auto found = samples();
    for (const char* name : {"hits_total",
                             "misses_total",
                             "joins_total",
                             "loads_total",
                             "load_failures_total",
                             "closes_total",
                             "leases",
                             "waiters",
                             "pinned_models",
                             "charged_bytes",
                             "oldest_waiter_seconds",
                             "tokens_in_total",
                             "tokens_out_total",
                             "step_rows_count",
                             "step_seconds_count",
                             "step_under_way_seconds",
                             "compute_seconds_total{phase=\"prefill\"}",
                             "compute_seconds_total{phase=\"decode\"}",
                             "waiting_tokens{priority=\"interactive\"}",
                             "waiting_tokens{priority=\"batch\"}",
                             "prefix_tokens_total",
                             "prefix_bytes",
                             "answers_remembered_total",
                             "answer_bytes",
                             "load_seconds_count",
                             "close_seconds_count",
                             "queue_seconds_count",
                             "wait_for_room_seconds_count",
                             "run_seconds_count",
                             "age_at_eviction_seconds_count",
                             "estimate_error_ratio_count",
                             "strand_lag_seconds_count",
                             "batch_calls_count",
                             "in_flight",
                             "connections",
                             "evictions_total{reason=\"idle\"}",
                             "models{state=\"ready\"}",
                             "bytes{state=\"loading\"}",
                             "connections_closed_total{reason=\"slow_reader\"}"})
        BOOST_TEST(found.contains(std::string("warmd_") + name), name);
    BOOST_TEST(found.at("warmd_uptime_seconds") == 90);
}

BOOST_FIXTURE_TEST_CASE(what_was_counted_is_told_with_its_labels, counted_daemon)
{
    counted.requests["load"].ok = 1'000'000;
    counted.requests["load"].add(errc::busy);
    counted.load_seconds.add(2.0);
    cache.evictions[static_cast<std::size_t>(evict_reason::stale)] = 4;
    cache.oldest_waiter = time_point(85s);
    const auto found = samples();
    BOOST_TEST(found.at(R"(warmd_requests_total{method="load",outcome="ok"})") == 1'000'000);
    BOOST_TEST(found.at(R"(warmd_requests_total{method="load",outcome="busy"})") == 1);
    BOOST_TEST(!found.contains(R"(warmd_requests_total{method="load",outcome="timeout"})"));
    BOOST_TEST(found.at(R"(warmd_evictions_total{reason="stale"})") == 4);
    BOOST_TEST(found.at(R"(warmd_load_seconds_bucket{le="1"})") == 0);
    BOOST_TEST(found.at(R"(warmd_load_seconds_bucket{le="3"})") == 1);
    BOOST_TEST(found.at("warmd_oldest_waiter_seconds") == 5);
    BOOST_TEST(exposition(all()).find("outcome=\"ok\"} 1000000\n") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(each_counter_of_steps_and_stores_stands_under_its_own_name, counted_daemon)
{
    counted.step_rows.add(40.);
    counted.step_seconds.add(0.05);
    counted.prefill_seconds = 1.5;
    counted.decode_seconds = 2.5;
    counted.waiting_tokens = 3;
    counted.waiting_batch_tokens = 4;
    counted.prefix_tokens = 5;
    counted.prefix_bytes = 6;
    counted.answers_remembered = 7;
    counted.answer_bytes = 8;
    counted.step_since = time_point(88s).time_since_epoch().count();
    const auto found = samples();
    for (const auto& [name, value] :
         std::map<std::string, double>{{"step_rows_sum", 40},
                                       {"step_seconds_sum", 0.05},
                                       {"step_under_way_seconds", 2},
                                       {"compute_seconds_total{phase=\"prefill\"}", 1.5},
                                       {"compute_seconds_total{phase=\"decode\"}", 2.5},
                                       {"waiting_tokens{priority=\"interactive\"}", 3},
                                       {"waiting_tokens{priority=\"batch\"}", 4},
                                       {"prefix_tokens_total", 5},
                                       {"prefix_bytes", 6},
                                       {"answers_remembered_total", 7},
                                       {"answer_bytes", 8}})
        BOOST_TEST(found.at("warmd_" + name) == value, name);
}

BOOST_FIXTURE_TEST_CASE(bytes_are_told_by_state_estimated_until_they_are_measured, counted_daemon)
{
    const auto add = [this](entry_state state, std::uint64_t measured, std::uint64_t estimated) {
        model_info one;
        one.entry.state = state;
        one.entry.bytes.all = measured;
        one.entry.estimated_bytes = estimated;
        models.push_back(one);
    };
    add(entry_state::ready, 10, 8);
    add(entry_state::ready, 20, 8);
    add(entry_state::loading, 0, 30);
    add(entry_state::waiting, 0, 40);
    const auto found = samples();
    BOOST_TEST(found.at(R"(warmd_bytes{state="ready"})") == 30);
    BOOST_TEST(found.at(R"(warmd_bytes{state="loading"})") == 30);
    BOOST_TEST(found.at(R"(warmd_bytes{state="waiting"})") == 0);
    BOOST_TEST(found.at(R"(warmd_models{state="waiting"})") == 1);
}

BOOST_FIXTURE_TEST_CASE(stats_says_the_same_as_metrics, counted_daemon)
{
    counted.requests["load"].ok = 3;
    counted.run_seconds.add(0.5);
    cache.hits = 1'000'000;
    const json::object told = stats();
    BOOST_TEST(told.at("hits_total") == json::value(1'000'000));
    BOOST_TEST(told.at("requests_load_ok_total") == json::value(3));
    BOOST_TEST(told.at("models_ready") == json::value(0));
    BOOST_TEST(told.at("run_seconds_count") == json::value(1));
    BOOST_TEST(told.at("run_seconds_bucket").at("0.3") == json::value(0));
    BOOST_TEST(told.at("run_seconds_bucket").at("+Inf") == json::value(1));
    std::size_t values = 0; // each sample is one number here or there
    for (const auto& [name, value] : told)
        values += value.is_object() ? value.get_object().size() : 1;
    BOOST_TEST(values == samples().size());
}

BOOST_AUTO_TEST_CASE(calls_are_counted_before_they_are_answered)
{
    asio::io_context workers{1};
    const auto counted = std::make_shared<metrics>();
    const auto where =
        std::make_shared<lane>(workers.get_executor(), workers.get_executor(), counted);
    const loader how{
        {}, [](const resolved_model&, load_context& with) -> result<std::unique_ptr<backend>> {
            return std::make_unique<counting_backend>(std::move(with.worker));
        }};
    where->load(how, std::make_shared<resolved_model>(), load_context{{}, [](auto, auto) {}},
                [](const result<footprint>&) {});
    workers.run(); // loaded
    workers.restart();
    std::uint64_t counted_by_then = 0;
    for (int i = 0; i != 2; ++i)
        where->submit(call{.what = generate{}, .stop = {}, .complete = [&](const result<outcome>&) {
                               counted_by_then = counted->tokens_in;
                           }});
    workers.run();
    BOOST_TEST(counted_by_then == 14U);
    BOOST_TEST(counted->tokens_out == 6U);
    BOOST_TEST(counted->run_seconds.read().up_to.back() == 2U);
    BOOST_TEST(counted->queue_seconds.read().up_to.back() == 2U);
    BOOST_TEST(counted->batch_calls.read().up_to.back() == 1U);
    BOOST_TEST(counted->batch_calls.read().sum == 2);
}

#include "cache/backend_cache.hpp"

#include "support/fake_backend.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <deque>

using namespace warmd;
using namespace std::chrono_literals;

namespace {

/// One request under way: what it got, or that it was cancelled.
template <class T>
struct pending {
    std::optional<T> got;
    bool cancelled = false;
    asio::cancellation_signal signal;

    bool done() const { return got.has_value() || cancelled; }
};

/// A cache on two io_contexts that the test steps by hand: `io` for everything serial, `workers`
/// for what may block.
struct fixture {
    explicit fixture(std::size_t models = 2) : fixture(limits(models)) {}
    explicit fixture(const cache_limits& with)
        : cache(io.get_executor(), {ex(), ex(), ex()}, registry, with, log)
    {
        world.on_worker = [this] {
            BOOST_TEST(workers.get_executor().running_in_this_thread()); // invariant 10
            BOOST_TEST(!io.get_executor().running_in_this_thread());
        };
    }
    ~fixture() // invariant 12: it ends because there is no work left
    {
        drain();
        BOOST_TEST((io.stopped() && workers.stopped()));
        const auto lines = [&](const std::string& verb) {
            return std::count_if(world.journal.begin(), world.journal.end(),
                                 [&](const auto& line) { return line.starts_with(verb); });
        };
        BOOST_TEST(lines("close") == lines("destroy")); // invariant 9
    }
    void drain()
    {
        const auto ended = start(cache.drain(1h));
        settle();
        BOOST_TEST((ended->got == true));
    }

    static cache_limits limits(std::size_t models)
    {
        cache_limits made;
        made.max_loaded_models = models;
        made.recheck = 1h;
        return made;
    }
    asio::any_io_executor ex() { return workers.get_executor(); }

    /// Runs what is ready on one context, then lets it be continued.
    static std::size_t step(asio::io_context& context)
    {
        context.restart();
        return context.poll();
    }
    void step_io() { step(io); }
    void settle()
    {
        for (std::size_t ran = 1, rounds = 0; ran != 0; ++rounds) {
            BOOST_TEST_REQUIRE(rounds < 10'000U); // a hang is a failure
            ran = step(io) + step(workers);
        }
    }

    template <class T>
    std::shared_ptr<pending<T>> start(asio::awaitable<T> what)
    {
        auto under_way = std::make_shared<pending<T>>();
        asio::co_spawn(io, std::move(what),
                       asio::bind_cancellation_slot(under_way->signal.slot(),
                                                    [under_way](std::exception_ptr thrown, T told) {
                                                        if (!thrown)
                                                            under_way->got.emplace(std::move(told));
                                                        else
                                                            under_way->cancelled = is_abort(thrown);
                                                    }));
        return under_way;
    }
    static bool is_abort(const std::exception_ptr& thrown)
    {
        try {
            std::rethrow_exception(thrown);
        } catch (const boost::system::system_error& error) {
            return error.code() == asio::error::operation_aborted;
        }
    }
    void cancel(auto& under_way)
    {
        asio::post(io, [&under_way] { under_way->signal.emit(asio::cancellation_type::terminal); });
    }

    static model_spec spec(const std::string& base) { return {.kind = "fake", .base = base}; }
    auto want(const std::string& base, acquire_options options = {})
    {
        return start(cache.get_or_load(spec(base), std::move(options)));
    }
    /// Loaded and idle.
    void use(const std::string& base)
    {
        const auto got = want(base);
        settle();
        BOOST_TEST_REQUIRE(got->got.value().has_value());
        got->got.reset();
        settle();
    }
    std::vector<model_info> models()
    {
        const auto rows = start(cache.models());
        settle();
        return rows->got.value();
    }
    std::string keys()
    {
        std::string joined;
        for (const model_info& row : models())
            joined += (joined.empty() ? "" : " ") + row.model->spec.base;
        return joined;
    }

    asio::io_context io{1}, workers{1};
    test::fake_world world;
    backend_registry registry = world.registry();
    std::vector<std::string> warnings;
    logger log{log_level::warning,
               [this](log_level, std::string_view line) { warnings.emplace_back(line); }};
    backend_cache cache;
};

} // namespace

BOOST_AUTO_TEST_CASE(many_callers_for_one_cold_key_share_one_load_and_one_backend)
{
    for (const std::size_t n : {4U, 10'000U}) {
        fixture f;
        std::vector<std::shared_ptr<pending<result<backend_lease>>>> callers;
        for (std::size_t i = 0; i != n; ++i)
            callers.push_back(f.want("a"));
        f.settle();
        BOOST_TEST(f.world.count("load a") == 1U);
        std::size_t leases = 0, joined = 0;
        for (const auto& caller : callers) {
            BOOST_TEST_REQUIRE(caller->got.value().has_value());
            leases += &(*caller->got)->what() == &(*callers.front()->got)->what();
            joined += (*caller->got)->joined();
        }
        BOOST_TEST(leases == n);
        BOOST_TEST(joined == n - 1);
        callers.clear();
    }
}

BOOST_AUTO_TEST_CASE(a_hit_is_answered_without_a_worker)
{
    fixture f;
    f.use("a");
    const auto hit = f.want("a");
    f.step_io();
    BOOST_TEST_REQUIRE(hit->done());
    BOOST_TEST((*hit->got)->cached());
}

BOOST_AUTO_TEST_CASE(the_victim_is_closed_once_and_before_the_new_load_starts)
{
    fixture f(2);
    f.use("a"), f.use("b"), f.use("a"), f.use("c");
    const std::vector<std::string> expected{"load a", "load b", "close b", "destroy b", "load c"};
    BOOST_TEST(f.world.journal == expected, boost::test_tools::per_element());
    BOOST_TEST(f.keys() == "a c");
}

BOOST_AUTO_TEST_CASE(new_limits_hold_for_what_is_resident_and_for_who_waits)
{
    fixture f(2);
    f.use("a"), f.use("b");
    f.cache.set_limits(fixture::limits(1));
    f.settle();
    BOOST_TEST(std::count(f.world.journal.begin(), f.world.journal.end(), "close a") == 1);
    auto leased = f.want("b");
    f.settle();
    auto waits = f.want("c");
    f.settle();
    BOOST_TEST(!waits->done());
    f.cache.set_limits(fixture::limits(2));
    f.settle();
    BOOST_TEST(waits->done());
}

BOOST_AUTO_TEST_CASE(drain_closes_every_backend_exactly_once)
{
    fixture f(3);
    f.use("a"), f.use("b"), f.use("c");
    f.drain();
    for (const char* base : {"a", "b", "c"})
        BOOST_TEST(f.world.count(std::string("close ") + base) == 1U);
    BOOST_TEST(f.keys() == "");
    const auto late = f.want("a");
    f.settle();
    BOOST_TEST((late->got->error().code == errc::shutting_down));
}

BOOST_AUTO_TEST_CASE(a_close_that_throws_is_logged_and_the_entry_is_gone)
{
    fixture f;
    f.world.close_throws = {"a"};
    f.use("a");
    const auto unloaded = f.start(f.cache.unload({.keys = {}, .all = true}));
    f.settle();
    BOOST_TEST(unloaded->got->value().size() == 1U);
    BOOST_TEST_REQUIRE(f.warnings.size() == 1U);
    BOOST_TEST(f.warnings[0].find("close raised") != std::string::npos);
    BOOST_TEST(f.warnings[0].find("close of a broke") != std::string::npos);
    BOOST_TEST(f.keys() == "");
}

BOOST_AUTO_TEST_CASE(a_failed_load_tells_all_who_joined_kind_base_and_cause)
{
    fixture f;
    f.world.load_throws = {"a"};
    const auto first = f.want("a"), second = f.want("a");
    f.settle();
    BOOST_TEST((first->got->error() == second->got->error()));
    const failure why = first->got->error();
    BOOST_TEST((why.code == errc::load_failed));
    for (const char* part : {"fake", "model a", "load of a broke"})
        BOOST_TEST(why.detail.find(part) != std::string::npos, why.detail);
    BOOST_TEST(why.cause == "load of a broke");
    BOOST_TEST(f.world.count("load a") == 1U);
    const auto third = f.want("a"); // from memory
    f.settle();
    BOOST_TEST(third->got->error().cached);
    BOOST_TEST(f.world.count("load a") == 1U);
}

BOOST_AUTO_TEST_CASE(a_loader_that_dies_without_a_word_still_gives_an_error)
{
    fixture f;
    f.world.load_throws_unknown = {"a"};
    const auto caller = f.want("a");
    f.settle();
    BOOST_TEST((caller->got->error().code == errc::load_failed));
}

BOOST_AUTO_TEST_CASE(an_unknown_kind_and_an_absent_model_are_refused_before_any_load)
{
    fixture f;
    const auto kind = f.start(f.cache.get_or_load({.kind = "gguf", .base = "a"}));
    const auto absent = f.want("absent");
    f.settle();
    BOOST_TEST((kind->got->error().code == errc::invalid_params));
    BOOST_TEST(kind->got->error().detail.find("gguf") != std::string::npos);
    BOOST_TEST((absent->got->error().code == errc::not_found));
    BOOST_TEST(f.world.journal.empty());
}

BOOST_AUTO_TEST_CASE(a_leased_backend_is_not_closed_and_others_are_served_meanwhile)
{
    fixture f(1);
    auto a = f.want("a");
    f.settle();
    const auto b = f.want("b");
    f.settle();
    BOOST_TEST(!b->done());
    BOOST_TEST(f.world.count("close a") == 0U);
    const auto again = f.want("a"), rows = f.want("a");
    f.settle();
    BOOST_TEST((*again->got)->cached());
    BOOST_TEST(f.models().size() == 2U);
    a->got.reset(), again->got.reset(), rows->got.reset();
    f.settle();
    BOOST_TEST(b->got.value().has_value());
    BOOST_TEST(f.world.count("close a") == 1U);
}

BOOST_AUTO_TEST_CASE(a_caller_cancelled_before_its_load_began_loads_nothing)
{
    fixture f;
    const auto caller = f.want("a");
    f.step_io(); // asked what the spec means
    f.cancel(caller);
    f.settle();
    BOOST_TEST(caller->cancelled);
    BOOST_TEST(f.world.journal.empty());
}

BOOST_AUTO_TEST_CASE(a_caller_cancelled_while_its_model_loads_leaves_it_warm)
{
    fixture f;
    const auto caller = f.want("a");
    f.step_io(), fixture::step(f.workers), f.step_io(); // resolved, and the load is posted
    f.cancel(caller);
    f.settle();
    BOOST_TEST(caller->cancelled);
    BOOST_TEST(f.world.count("load a") == 1U);
    const auto next = f.want("a");
    f.settle();
    BOOST_TEST((*next->got)->cached());
}

BOOST_AUTO_TEST_CASE(a_cancel_that_races_with_the_grant_leaks_no_lease)
{
    for (const bool cancel_first : {true, false}) {
        fixture f;
        auto caller = f.want("a");
        f.step_io(), fixture::step(f.workers), f.step_io(); // the load is posted
        if (cancel_first)
            f.cancel(caller);
        fixture::step(f.workers); // it ends: its news is behind the cancel, or before it
        if (!cancel_first)
            f.cancel(caller);
        f.settle();
        BOOST_TEST(caller->got.has_value()); // the value was there by the time the caller woke
        caller->got.reset();
        BOOST_TEST(f.models().at(0).entry.leases == 0U);
    }
}

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
    for (const char* trouble : {"drops", "refuses"}) {
        fixture f;
        (trouble == std::string("drops") ? f.world.run_drops : f.world.submit_throws) = {"a"};
        auto a = f.want("a");
        f.settle();
        const auto run = f.start(a->got->value().run(tokenize{"x", true}));
        f.settle();
        BOOST_TEST_REQUIRE(run->done());
        BOOST_TEST((run->got->error().code == errc::backend_failed));
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

BOOST_AUTO_TEST_CASE(a_close_that_blocks_holds_up_neither_hits_nor_observation)
{
    fixture f(2);
    f.use("a"), f.use("b");
    const auto unloaded = f.start(f.cache.unload({.keys = {f.models().at(0).entry.key}}));
    f.step_io(); // a's close lies on the workers, and is not run
    const auto hit = f.want("b");
    const auto looked = f.start(f.cache.models());
    f.step_io();
    BOOST_TEST((*hit->got)->cached());
    BOOST_TEST((looked->got.value().at(0).entry.state == entry_state::closing));
    BOOST_TEST(!unloaded->done());
}

BOOST_AUTO_TEST_CASE(an_explicit_load_joins_a_requests_load_of_the_same_key)
{
    fixture f;
    const auto request = f.want("a"), explicit_load = f.want("a", {.retry_failed = true});
    f.settle();
    BOOST_TEST((*explicit_load->got)->joined());
    BOOST_TEST(f.world.count("load a") == 1U);
}

BOOST_AUTO_TEST_CASE(unload_answers_after_the_close_and_names_what_went)
{
    fixture f;
    auto a = f.want("a");
    f.settle();
    const cache_key key = (*a->got)->what().model->key;
    const auto unloaded = f.start(f.cache.unload({.keys = {key}}));
    f.settle();
    BOOST_TEST(!unloaded->done()); // leased
    a->got.reset();
    f.settle();
    BOOST_TEST((unloaded->got->value() == std::vector<cache_key>{key}));
    const auto again = f.start(f.cache.unload({.keys = {key}}));
    f.settle();
    BOOST_TEST((again->got->error().code == errc::not_found));
}

BOOST_AUTO_TEST_CASE(unload_that_does_not_wait_is_answered_at_once)
{
    fixture f;
    const auto a = f.want("a");
    f.settle();
    const auto unloaded = f.start(f.cache.unload({.keys = {}, .all = true, .wait = false}));
    f.step_io();
    BOOST_TEST(unloaded->done());
}

BOOST_AUTO_TEST_CASE(changed_files_are_loaded_anew_and_the_old_instance_closes_after_its_last_lease)
{
    cache_limits limits = fixture::limits(2);
    limits.recheck = 0ns; // look at the files for every request
    fixture f(limits);
    auto old = f.want("a");
    f.settle();
    f.world.files["a"] = "g2";
    const auto fresh = f.want("a");
    f.settle();
    BOOST_TEST(!(*fresh->got)->cached());
    BOOST_TEST(f.world.count("load a") == 2U);
    BOOST_TEST(f.world.count("close a") == 0U);
    const auto run = f.start(old->got->value().run(tokenize{"x", true}));
    f.settle();
    BOOST_TEST(run->got->has_value());
    old->got.reset();
    f.settle();
    BOOST_TEST(f.world.count("close a") == 1U);
}

BOOST_AUTO_TEST_CASE(files_that_change_during_a_load_are_loaded_again_for_those_who_waited)
{
    cache_limits limits = fixture::limits(2);
    limits.recheck = 0ns;
    fixture f(limits);
    f.world.changes["a"] = 2;
    const auto one = f.want("a"), two = f.want("a");
    f.settle();
    BOOST_TEST_REQUIRE(one->got.value().has_value());
    BOOST_TEST_REQUIRE(two->got.value().has_value());
    BOOST_TEST((*one->got)->what().model->files.text == "change 1");
    BOOST_TEST(f.world.count("load a") == 3U);
}

BOOST_AUTO_TEST_CASE(files_that_never_stop_changing_fail_their_callers_in_the_end)
{
    cache_limits limits = fixture::limits(2);
    limits.recheck = 0ns;
    fixture f(limits);
    f.world.changes["a"] = 1000;
    const auto caller = f.want("a");
    f.settle();
    BOOST_TEST((caller->got->error().code == errc::load_failed));
    BOOST_TEST(caller->got->error().detail.find("the files changed") != std::string::npos);
    BOOST_TEST(f.world.count("load a") == 4U);
    f.world.changes.clear(); // they have stopped: nothing of the failure stands in the way
    const auto next = f.want("a");
    f.settle();
    BOOST_TEST(next->got.value().has_value());
}

BOOST_AUTO_TEST_CASE(progress_tells_the_stages_up_to_the_load)
{
    fixture f(1);
    auto a = f.want("a");
    f.settle();
    std::vector<std::string> stages;
    acquire_options options;
    options.progress = [&](const load_progress& now) {
        stages.push_back(now.stage == load_progress::stage::queued ? "queued"
                         : now.stage == load_progress::stage::waiting_for_room
                             ? "room " + std::to_string(now.position.value())
                         : now.bytes_done ? "bytes " + std::to_string(*now.bytes_done)
                                          : "loading");
    };
    const auto b = f.want("b", options);
    f.settle();
    a->got.reset();
    f.settle();
    const std::vector<std::string> expected{"queued", "room 1", "loading", "bytes 1"};
    BOOST_TEST(stages == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(two_specs_that_differ_only_in_entry_point_or_options_are_two_entries)
{
    fixture f(3);
    for (const model_spec& spec :
         {model_spec{.kind = "fake", .base = "a"},
          model_spec{.kind = "fake", .base = "a", .entry_point = "f"},
          model_spec{.kind = "fake", .base = "a", .options = R"({"x":1})"}}) {
        const auto got = f.start(f.cache.get_or_load(spec));
        f.settle();
        BOOST_TEST(!got->got->value().cached());
    }
    BOOST_TEST(f.world.count("load a") == 3U);
}

BOOST_AUTO_TEST_CASE(auto_and_what_it_resolves_to_are_one_entry)
{
    fixture f;
    f.use("a");
    const auto got = f.start(
        f.cache.get_or_load({.kind = "fake", .base = "a", .dtype = "fp32", .device = "cpu"}));
    f.settle();
    BOOST_TEST(got->got->value().cached());
}

// -- events ------------------------------------------------------------

namespace {

/// Listens to a cache; what it was told, in few words.
struct listener {
    listener(fixture& to, event_filter wanted)
    {
        auto subscribed = to.start(to.cache.subscribe(wanted, [this](const cache_event& happened) {
            BOOST_TEST((happened.time >= last));
            last = happened.time;
            const std::string& key = happened.key.text;
            told.push_back(std::string(event_names[happened.what.index()]) + ' ' +
                           key.substr(0, key.find('-')) + ' ' +
                           std::visit([](const auto& what) { return words(what); }, happened.what));
        }));
        to.settle();
        held = std::move(subscribed->got.value());
    }
    static std::string words(const event::state& e)
    {
        const auto state = [](const auto& s) { return std::string(s ? name(*s) : "none"); };
        return state(e.from) + ' ' + state(e.to) + ' ' + std::string(e.reason);
    }
    static std::string words(const event::evicted& e) { return std::string(name(e.reason)); }
    static std::string words(const event::load_failed& e) { return e.message + '|' + e.cause; }
    static std::string words(const event::close_failed& e) { return e.message; }

    subscription held;
    std::chrono::system_clock::time_point last;
    std::vector<std::string> told;
};

const event_filter all_events = event_filter().set();
event_filter only_event(std::string_view wanted)
{
    const auto found = std::find(event_names.begin(), event_names.end(), wanted);
    return event_filter().set(static_cast<std::size_t>(found - event_names.begin()));
}

} // namespace

BOOST_AUTO_TEST_CASE(who_listens_is_told_of_the_eviction_before_the_newcomers_load)
{
    fixture f(1);
    listener all(f, all_events);
    f.use("a"), f.use("b");
    const std::vector<std::string> expected{
        "state a none waiting requested", "state a waiting loading admitted",
        "state a loading ready loaded",   "state b none waiting requested",
        "state a ready closing capacity", "evicted a capacity",
        "state a closing none closed",    "state b waiting loading admitted",
        "state b loading ready loaded"};
    BOOST_TEST(all.told == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(who_listens_is_told_of_failures_in_their_own_words)
{
    fixture f;
    f.world.load_throws = {"a"};
    f.world.close_throws = {"b"};
    listener failures(f, only_event("load_failed") | only_event("close_failed"));
    const auto broken = f.want("a");
    f.use("b");
    const auto unloaded = f.start(f.cache.unload({.keys = {}, .all = true}));
    f.settle();
    const std::vector<std::string> expected{"load_failed a " + broken->got->error().detail +
                                                "|load of a broke",
                                            "close_failed b close of b broke"};
    BOOST_TEST(failures.told == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(evictions_say_why)
{
    cache_limits limits = fixture::limits(3);
    limits.recheck = 0ns;
    limits.max_loaded_bytes = 100;
    fixture f(limits);
    listener evictions(f, only_event("evicted"));
    f.world.bytes = {{"a", 60}, {"b", 60}};
    f.use("a"), f.use("b"); // both do not fit
    f.world.files["b"] = "g2";
    f.use("b");
    const auto unloaded = f.start(f.cache.unload({.keys = {}, .all = true}));
    f.settle();
    f.use("c");
    f.drain();
    const std::vector<std::string> expected{"evicted a bytes", "evicted b stale", "evicted b admin",
                                            "evicted c shutdown"};
    BOOST_TEST(evictions.told == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(each_listener_hears_what_it_asked_for_until_its_subscription_ends)
{
    fixture f(1);
    listener all(f, all_events), evictions(f, only_event("evicted"));
    f.use("a"), f.use("b");
    BOOST_TEST(all.told.size() == 9U);
    BOOST_TEST(evictions.told.size() == 1U);
    all.held.reset();
    f.settle();
    f.use("a");
    BOOST_TEST(all.told.size() == 9U);
    BOOST_TEST(evictions.told.size() == 2U);
}

BOOST_AUTO_TEST_CASE(observation_is_no_event_and_listening_is_no_use)
{
    fixture f;
    f.use("a"), f.use("b");
    const auto before = f.start(f.cache.stats());
    f.settle();
    listener all(f, all_events);
    BOOST_TEST(f.models().size() == 2U);
    BOOST_TEST(f.keys() == "a b");
    const auto after = f.start(f.cache.stats());
    const auto found = f.start(f.cache.find_key(fixture::spec("a")));
    f.settle();
    BOOST_TEST(after->got->hits == before->got->hits);
    BOOST_TEST(after->got->misses == before->got->misses);
    BOOST_TEST(all.told.empty());
}

// Loads, leases, closes, and the requests of administrators.

#include "support/cache_fixture.hpp"
#include "support/stepping.hpp"

using namespace warmd;
using namespace std::chrono_literals;
using test::pending;
using fixture = test::cache_fixture;

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

BOOST_AUTO_TEST_CASE(a_look_up_that_hangs_when_the_grace_ends_is_named_and_nobody_waits_for_it)
{
    fixture f;
    const auto caller = f.want("a");
    f.step_io(); // the look-up lies on the workers, and is not run
    const auto ended = f.start(f.cache.drain(0s));
    test::run_until(f.io, [&] { return ended->done() && caller->done(); });
    BOOST_TEST(!ended->got.value());
    BOOST_TEST((caller->got->error().code == errc::shutting_down));
    BOOST_TEST((f.cache.stats().overdue_look_ups == std::vector<std::string>{"a"}));
    f.settle(); // it comes back after all
    BOOST_TEST(f.cache.stats().overdue_look_ups.empty());
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

BOOST_AUTO_TEST_CASE(a_close_that_blocks_holds_up_neither_hits_nor_observation)
{
    fixture f(2);
    f.use("a"), f.use("b");
    const auto unloaded = f.start(f.cache.unload({.keys = {f.models().at(0).entry.key}}));
    f.step_io(); // a's close lies on the workers, and is not run
    const auto hit = f.want("b");
    f.step_io();
    std::vector<model_info> looked;
    f.cache.models(looked);
    BOOST_TEST((*hit->got)->cached());
    BOOST_TEST((looked.at(0).entry.state == entry_state::closing));
    BOOST_TEST(!unloaded->done());
}

BOOST_AUTO_TEST_CASE(what_a_model_does_is_asked_of_what_is_loaded_and_not_yet_closing)
{
    fixture f(3);
    f.world.doing["a"] = {.running = 2, .queued_tokens = 30, .kv_bytes = 4, .tokenizer = "adapter"};
    f.use("a"), f.use("b");
    f.start(f.cache.unload({.keys = {f.models().at(1).entry.key}}));
    const auto fresh = f.want("c");
    f.step_io(); // b's close lies on the workers, and is not run
    const std::vector<model_info> rows = f.cache.models_at_work();
    BOOST_TEST((f.world.asked_what == std::vector<std::string>{"a"}));
    BOOST_REQUIRE(rows.at(0).doing.has_value());
    BOOST_TEST(rows[0].doing->running == 2U);
    BOOST_TEST(rows[0].doing->queued_tokens == 30U);
    BOOST_TEST(rows[0].doing->tokenizer == "adapter");
    BOOST_TEST((rows.at(1).entry.state == entry_state::closing));
    BOOST_TEST(!rows[1].doing.has_value());
    f.step(f.workers), f.step_io(); // b's end, and the look at c's files
    for (const model_info& each : f.cache.models_at_work())
        BOOST_TEST(each.doing.has_value() == (each.entry.state == entry_state::ready));
    BOOST_TEST(f.world.asked_what.size() == 2U);
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

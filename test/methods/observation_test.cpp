// What can be seen of the daemon, and what acts on it.

#include "methods/daemon_of_test.hpp"
#include "methods/replies.hpp"

using namespace warmd;
using namespace warmd::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_CASE(health_of_an_idle_daemon_is_ok, daemon_of_test)
{
    const json::value made = result_of("health");
    BOOST_TEST((names_in(made) == names{"status", "ready", "reasons", "version", "pid",
                                        "uptime_seconds", "http", "loaded_models", "workers",
                                        "max_loaded_models", "oldest_waiter_seconds", "limits"}));
    BOOST_TEST(made.at("status").as_string() == "ok");
    BOOST_TEST(made.at("ready") == json::value(true));
    BOOST_TEST(made.at("reasons").as_array().empty());
    BOOST_TEST(made.at("version").as_string() == "1.2.3");
    BOOST_TEST(number(made.at("pid")) == ::getpid());
    BOOST_TEST(number(made.at("max_loaded_models")) == 2);
    BOOST_TEST(number(made.at("oldest_waiter_seconds")) == 0);
    BOOST_TEST(number(made.at("uptime_seconds")) >= 0);
    for (const char* limit :
         {"max_kv_bytes", "prefix_cache_bytes", "answer_cache_bytes", "step_time", "max_wait"})
        BOOST_TEST(made.at("limits").as_object().contains(limit), limit);
    BOOST_TEST(number(made.at("limits").at("step_time")) == 0.05);
}

BOOST_FIXTURE_TEST_CASE(health_names_the_identity_of_what_is_loaded, daemon_of_test)
{
    result_of("load", only(a));
    const json::value made = result_of("health");
    BOOST_TEST((names_in(made.at("loaded_models").at(0)) == names{"key", "kind", "base", "revision",
                                                                  "adapter", "dtype", "device",
                                                                  "entry_point", "options"}));
}

BOOST_FIXTURE_TEST_CASE(a_name_is_told_with_its_key_once_somebody_has_asked_for_it, daemon_of_test)
{
    info.models.emplace("tuned", model_spec{.kind = "dummy", .base = "a"});
    const auto named = [this] { return result_of("models").at("names").at(0); };
    BOOST_TEST(named().at("name") == json::value("tuned"));
    BOOST_TEST(named().at("key").is_null());
    const json::value key = result_of("load", R"({"model":"tuned"})").at("key");
    BOOST_TEST(named().at("key") == key);
    result_of("unload", R"({"model":"tuned"})");
    BOOST_TEST(named().at("key") == key); // which it keeps
}

BOOST_FIXTURE_TEST_CASE(health_of_a_draining_daemon_says_so, daemon_of_test)
{
    draining = true;
    const json::value made = result_of("health");
    BOOST_TEST(made.at("status").as_string() == "draining");
    BOOST_TEST(made.at("ready") == json::value(false));
}

namespace {

struct hand_clock {
    time_point now = time_point() + 1h;
};

/// Its clock is turned by hand, and no alarm ever rings: deadlines pass unnoticed.
struct stalled_daemon : hand_clock, daemon_of_test {
    struct mute_alarm final : alarm {
        void set(time_point, std::function<void()>) override {}
        void cancel() override {}
    };
    stalled_daemon()
        : daemon_of_test(
              {[this] { return now; },
               [](const asio::any_io_executor&) { return std::make_unique<mute_alarm>(); }})
    {
        info.started = now;
    }
    json::value health()
    {
        answered.reset();
        begin("health", "{}");
        for (io.restart(); !answered && io.poll() != 0;) // the workers stand still
            io.restart();
        return parsed(answered.value().value());
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_stalled_scheduler_makes_health_degraded_within_a_bound, stalled_daemon)
{
    begin("load", only(a));
    io.poll(), workers.poll_one(), io.restart(),
        io.poll(); // resolved, wanted, and no worker ever loads it
    BOOST_TEST(health().at("status").as_string() == "ok");
    const auto bound = info.limits.max_wait + info.limits.close_timeout + info.limits.load_timeout;
    now += bound;
    BOOST_TEST(health().at("status").as_string() == "ok");
    now += 1s;
    const json::value made = health();
    BOOST_TEST(made.at("status").as_string() == "degraded");
    BOOST_TEST(made.at("reasons").at(0).as_string() ==
               "a request has waited for a model longer than max_wait, close_timeout and "
               "load_timeout together, 640 seconds");
    BOOST_TEST(number(made.at("oldest_waiter_seconds")) == 641);
    settle(); // the workers go on
    BOOST_TEST(health().at("status").as_string() == "ok");
}

BOOST_FIXTURE_TEST_CASE(a_step_that_computes_for_longer_than_its_deadline_makes_health_degraded,
                        stalled_daemon)
{
    methods.counted()->step_since = now.time_since_epoch().count();
    now += replies::longest_step_expected;
    BOOST_TEST(health().at("status").as_string() == "ok");
    now += 1s;
    const json::value made = health();
    BOOST_TEST(made.at("status").as_string() == "degraded");
    BOOST_TEST(made.at("ready") == json::value(true));
    BOOST_TEST(made.at("reasons").at(0).as_string() ==
               "one step of models has been computing for 31 seconds, longer than the 30 that it "
               "may take: everybody waits for it");
    BOOST_TEST(number(result_of("stats").at("step_under_way_seconds")) == 31);
    methods.counted()->step_since = 0; // it has ended
    BOOST_TEST(health().at("status").as_string() == "ok");
    BOOST_TEST(number(result_of("stats").at("step_under_way_seconds")) == 0);
}

BOOST_FIXTURE_TEST_CASE(stats_counts_hits_misses_and_evictions, daemon_of_test)
{
    result_of("load", only(a));
    result_of("load", only(a));
    result_of("load", only(b));
    result_of("load", R"({"model":{"kind":"dummy","base":"c"}})");
    result_of("unload", only(b));
    const json::value made = result_of("stats");
    for (const auto& [name, expected] :
         std::vector<std::pair<const char*, double>>{{"hits_total", 1},
                                                     {"misses_total", 3},
                                                     {"loads_total", 3},
                                                     {"load_failures_total", 0},
                                                     {"closes_total", 2},
                                                     {"evictions_capacity_total", 1},
                                                     {"evictions_admin_total", 1},
                                                     {"evictions_idle_total", 0},
                                                     {"loaded_models", 1},
                                                     {"loading", 0},
                                                     {"waiters", 0},
                                                     {"leases", 0},
                                                     {"charged_bytes", 1 << 20},
                                                     {"max_loaded_models", 2}})
        BOOST_TEST(number(made.at(name)) == expected, name << " is " << made.at(name));
    for (const auto& member : made.as_object())
        BOOST_TEST(
            (member.value().is_number() || std::string_view(member.key()).ends_with("_bucket")),
            member.key());
}

BOOST_FIXTURE_TEST_CASE(unloading_all_is_for_the_daemons_user_and_root_and_one_is_for_everybody,
                        daemon_of_test)
{
    result_of("load", only(a));
    result_of("load", only(b));
    from->uid = ::geteuid() + 12345;
    BOOST_TEST((refusal_of("unload", R"({"all":true})").code == errc::permission_denied));
    BOOST_TEST(loaded().size() == 2U);
    result_of("unload", only(a));
    BOOST_TEST(loaded().size() == 1U);
    from->uid = 0;
    result_of("unload", R"({"all":true})");
    BOOST_TEST(loaded().empty());
}

BOOST_FIXTURE_TEST_CASE(shutdown_is_for_the_daemons_user_and_root, daemon_of_test)
{
    from->uid = ::geteuid() + 12345;
    BOOST_TEST((refusal_of("shutdown", "{}").code == errc::permission_denied));
    BOOST_TEST(shutdowns.empty());
    from->uid = 0;
    BOOST_TEST(json::serialize(result_of("shutdown")) == "{}");
    from->uid = ::geteuid();
    result_of("shutdown", R"({"drain_seconds":0})");
    BOOST_REQUIRE(shutdowns.size() == 2U);
    BOOST_TEST(!shutdowns[0].has_value());
    BOOST_TEST((shutdowns[1] == 0s));
}

BOOST_FIXTURE_TEST_CASE(reload_answers_once_the_file_is_applied, daemon_of_test)
{
    begin("reload", "{}");
    settle();
    BOOST_TEST(!answered.has_value());
    BOOST_REQUIRE(reloads.size() == 1U);
    reloads[0](
        model_changes{.added = {"n"}, .removed = {}, .changed = {"c"}, .unchanged = {"a", "b"}});
    settle();
    BOOST_REQUIRE(answered.has_value());
    BOOST_TEST(answered->value() ==
               R"({"added":["n"],"removed":[],"changed":["c"],"unchanged":["a","b"]})");
    begin("reload", "{}");
    settle();
    reloads[1](failure{errc::invalid_params, "/c:1:2: no"});
    settle();
    BOOST_TEST((answered->error().code == errc::invalid_params));
    BOOST_TEST(answered->error().detail == "/c:1:2: no");
}

BOOST_FIXTURE_TEST_CASE(reload_is_for_the_daemons_user_and_root_and_takes_nothing, daemon_of_test)
{
    BOOST_TEST((refusal_of("reload", R"({"force":true})").code == errc::invalid_params));
    from->uid = ::geteuid() + 12345;
    BOOST_TEST((refusal_of("reload", "{}").code == errc::permission_denied));
    BOOST_TEST(reloads.empty());
}

// -- events ------------------------------------------------------------

namespace {

/// Takes what `from` has heard: each event without its time, which is Unix time.
std::vector<std::string> events_heard(fake_peer& from)
{
    std::vector<std::string> texts;
    for (auto& [method, params] : std::exchange(from.heard, {})) {
        BOOST_TEST(method == "event");
        json::object& event = params.as_object();
        BOOST_TEST(number(event.at("time")) > 1.7e9);
        event.stable_erase(event.find("time"));
        if (json::value* const key = event.if_contains("key");
            key && key->as_string().starts_with("a-"))
            *key = "a";
        texts.push_back(json::serialize(params));
    }
    return texts;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(subscribe_sends_every_event_and_names_what_it_sends, daemon_of_test)
{
    BOOST_TEST(json::serialize(result_of("subscribe")) ==
               R"({"subscribed":["state","evicted","load_failed","close_failed"]})");
    ask("load", R"({"model":{"kind":"dummy","base":"a","options":{"close_error":"no"}}})");
    ask("unload", R"({"all":true})");
    const auto told = events_heard(*from);
    const std::vector<std::string> expected{
        R"({"type":"state","key":"a","from":null,"to":"waiting","reason":"requested"})",
        R"({"type":"state","key":"a","from":"waiting","to":"loading","reason":"admitted"})",
        R"({"type":"state","key":"a","from":"loading","to":"ready","reason":"loaded"})",
        R"({"type":"state","key":"a","from":"ready","to":"closing","reason":"admin"})",
        R"({"type":"evicted","key":"a","reason":"admin"})",
        R"({"type":"close_failed","key":"a","message":"no"})",
        R"({"type":"state","key":"a","from":"closing","to":null,"reason":"closed"})",
    };
    BOOST_TEST(told == expected, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(subscribe_sends_only_the_events_asked_for, daemon_of_test)
{
    BOOST_TEST(json::serialize(result_of("subscribe", R"({"events":["load_failed"]})")) ==
               R"({"subscribed":["load_failed"]})");
    ask("load", R"({"model":{"kind":"dummy","base":"a","options":{"load_error":"no"}}})");
    const auto told = events_heard(*from);
    BOOST_REQUIRE(told.size() == 1U);
    BOOST_TEST(told[0] ==
               R"({"type":"load_failed","key":"a","message":"loading dummy model a failed: no",)"
               R"("cause":"no"})");
}

BOOST_FIXTURE_TEST_CASE(subscribe_to_an_unknown_event_is_refused_by_name, daemon_of_test)
{
    const failure why = refusal_of("subscribe", R"({"events":["state","opened"]})");
    BOOST_TEST((why.code == errc::invalid_params));
    BOOST_TEST(why.detail.find("opened") != std::string::npos, why.detail);
    BOOST_TEST(why.detail.find("close_failed") != std::string::npos, why.detail);
    BOOST_TEST((refusal_of("subscribe", R"({"events":"state"})").code == errc::invalid_params));
    BOOST_TEST(from->kept.empty());
    ask("load", only(a));
    BOOST_TEST(from->heard.empty());
}

BOOST_FIXTURE_TEST_CASE(a_subscription_ends_with_its_connection_and_one_refused_leaves_nothing,
                        daemon_of_test)
{
    result_of("subscribe", R"({"events":["evicted"]})");
    result_of("subscribe", R"({"events":["evicted"]})");
    BOOST_TEST((refusal_of("subscribe", "{}").code == errc::busy));
    ask("load", only(a));
    ask("unload", R"({"all":true})");
    BOOST_TEST(events_heard(*from).size() == 2U);
    from->kept.pop_back(); // as the session does at its end
    settle();
    ask("load", only(a));
    ask("unload", R"({"all":true})");
    BOOST_TEST(events_heard(*from).size() == 1U);
    from->kept.clear();
    settle();
    ask("load", only(a));
    ask("unload", R"({"all":true})");
    BOOST_TEST(events_heard(*from).empty());
}

BOOST_FIXTURE_TEST_CASE(a_subscriber_that_did_not_read_is_told_how_many_events_it_lost,
                        daemon_of_test)
{
    result_of("subscribe");
    from->kept.at(0)(3);
    const auto told = events_heard(*from);
    BOOST_REQUIRE(told.size() == 1U);
    BOOST_TEST(told[0] == R"({"type":"lost","count":3})");
}

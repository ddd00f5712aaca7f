// What is loaded: load, unload, pin.

#include "methods/daemon_of_test.hpp"
#include "support/fake_backend.hpp"

using namespace warmd;
using namespace warmd::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_CASE(load_tells_what_is_resident_and_whether_it_was, daemon_of_test)
{
    const json::value first = result_of("load", only(a));
    BOOST_TEST((names_in(first) == names{"key", "model", "computes", "state", "cached", "joined",
                                         "load_seconds", "bytes", "generation", "warnings",
                                         "max_positions"}));
    BOOST_TEST(first.at("state").as_string() == "ready");
    BOOST_TEST(first.at("cached") == json::value(false));
    BOOST_TEST(number(first.at("bytes")) == 1 << 20);
    BOOST_TEST(json::serialize(first.at("model")) ==
               R"({"kind":"dummy","base":"a","revision":null,"adapter":null,"dtype":"fp32",)"
               R"("device":"cpu","entry_point":null,"options":{}})");
    const json::value again = result_of("load", only(a));
    BOOST_TEST(again.at("cached") == json::value(true));
    BOOST_TEST(again.at("key") == first.at("key"));
}

BOOST_FIXTURE_TEST_CASE(models_lists_every_member_of_every_entry, daemon_of_test)
{
    result_of("load", only(a));
    result_of("load", with(R"("pin":true)", b));
    result_of("tokenize", with(R"("text":"x")"));
    const json::value made = result_of("models");
    const json::array& rows = made.at("models").as_array();
    BOOST_REQUIRE(rows.size() == 2U);
    BOOST_TEST((names_in(rows[0]) == names{"key",          "model",
                                           "computes",     "max_model_len",
                                           "state",        "bytes",
                                           "shared_bytes", "estimated_bytes",
                                           "leases",       "waiters",
                                           "pinned",       "load_seconds",
                                           "idle_seconds", "expires_in_seconds",
                                           "generation",   "calls",
                                           "running",      "queued_tokens",
                                           "kv_bytes",     "tokenizer",
                                           "worker"}));
    BOOST_TEST(rows[0].at("model").at("base").as_string() == "b"); // least recently used first
    BOOST_TEST(rows[0].at("pinned") == json::value(true));
    BOOST_TEST(rows[1].at("pinned") == json::value(false));
    BOOST_TEST(number(rows[1].at("calls")) == 1);
    BOOST_TEST(number(rows[1].at("leases")) == 0);
    BOOST_TEST(number(rows[1].at("idle_seconds")) >= 0);
    BOOST_TEST(rows[1].at("expires_in_seconds").is_null());
    BOOST_TEST(number(rows[1].at("running")) == 0);
    BOOST_TEST(rows[1].at("tokenizer").as_string() == "base");
}

BOOST_FIXTURE_TEST_CASE(models_tells_what_each_is_doing_and_nothing_of_one_that_is_not_there,
                        daemon_of_test)
{
    fake_world world;
    world.doing["a"] = {.running = 2, .queued_tokens = 30, .kv_bytes = 4, .tokenizer = "adapter"};
    world.load_throws = {"b"};
    registry.add("fake", world.make_loader());
    result_of("load", R"({"model":{"kind":"fake","base":"a"}})");
    refusal_of("load", R"({"model":{"kind":"fake","base":"b"}})");
    const auto told = [&](std::string_view base) {
        const json::value made = result_of("models");
        for (const json::value& row : made.at("models").as_array())
            if (row.at("model").at("base").as_string() == base)
                return json::serialize(json::array{row.at("running"), row.at("queued_tokens"),
                                                   row.at("kv_bytes"), row.at("tokenizer")});
        return std::string();
    };
    BOOST_TEST(told("a") == R"([2,30,4,"adapter"])");
    BOOST_TEST(told("b") == "[0,0,0,null]"); // failed
    result_of("unload", R"({"all":true})");  // before the world goes
}

BOOST_FIXTURE_TEST_CASE(observation_never_counts_as_use, daemon_of_test)
{
    result_of("load", only(a));
    result_of("load", only(b));
    for (int i = 0; i != 3; ++i)
        for (const char* name : {"health", "models", "stats"})
            result_of(name);
    BOOST_TEST(loaded() == (std::vector<std::string>{"a", "b"}));
    result_of(
        "load",
        R"({"model":{"kind":"dummy","base":"c"}})"); // at most two: the least recently used goes
    BOOST_TEST(loaded() == (std::vector<std::string>{"b", "c"}));
}

BOOST_FIXTURE_TEST_CASE(unload_takes_a_model_a_key_or_all, daemon_of_test)
{
    const std::string key(result_of("load", only(a)).at("key").as_string());
    BOOST_TEST(result_of("unload", only(a)).at("unloaded").at(0).as_string() == key);
    result_of("load", only(a));
    BOOST_TEST(
        result_of("unload", R"({"key":")" + key + R"("})").at("unloaded").at(0).as_string() == key);
    result_of("load", only(a));
    result_of("load", only(b));
    BOOST_TEST(
        result_of("unload", R"({"all":true,"wait":false})").at("unloaded").as_array().size() == 2U);
    BOOST_TEST(result_of("unload", R"({"all":true})").at("unloaded").as_array().empty());
    BOOST_TEST(loaded().empty());
}

BOOST_FIXTURE_TEST_CASE(unload_of_what_is_not_loaded_is_not_found, daemon_of_test)
{
    BOOST_TEST((refusal_of("unload", only(a)).code == errc::not_found));
    BOOST_TEST((refusal_of("unload", R"({"key":"none"})").code == errc::not_found));
    BOOST_TEST((refusal_of("pin", only(a)).code == errc::not_found));
    BOOST_TEST((refusal_of("unpin", R"({"key":"none"})").code == errc::not_found));
}

BOOST_FIXTURE_TEST_CASE(a_pinned_model_is_not_evicted_until_it_is_unpinned, daemon_of_test)
{
    const std::string key(result_of("load", only(a)).at("key").as_string());
    BOOST_TEST(json::serialize(result_of("pin", only(a))) ==
               R"({"key":")" + key + R"(","pinned":true})");
    result_of("load", only(b));
    result_of("load", R"({"model":{"kind":"dummy","base":"c"}})");
    BOOST_TEST(loaded() == (std::vector<std::string>{"a", "c"}));
    BOOST_TEST(result_of("unpin", R"({"key":")" + key + R"("})").at("pinned") ==
               json::value(false));
    result_of("load", only(b));
    BOOST_TEST(loaded() == (std::vector<std::string>{"c", "b"}));
}

BOOST_FIXTURE_TEST_CASE(a_load_failure_names_kind_base_and_cause_to_every_waiter, daemon_of_test)
{
    const std::string broken =
        R"({"model":{"kind":"dummy","base":"sick","options":{"load_error":"disk on fire"}}})";
    for (const char* name : {"load", "load"}) { // an explicit load tries again
        const failure why = refusal_of(name, broken);
        BOOST_TEST((why.code == errc::load_failed));
        BOOST_TEST(!why.cached);
        for (const char* part : {"dummy", "sick", "disk on fire"})
            BOOST_TEST(why.detail.find(part) != std::string::npos, why.detail << " lacks " << part);
        BOOST_TEST(why.cause.find("disk on fire") != std::string::npos);
    }
    const std::string asking = broken.substr(0, broken.size() - 1) + R"(,"text":"x"})";
    BOOST_TEST(refusal_of("tokenize", asking).cached);
}

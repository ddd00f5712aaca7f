// Who watches the cache is told, and changes nothing.

#include "support/cache_fixture.hpp"

using namespace warmd;
using namespace std::chrono_literals;
using test::pending;
using fixture = test::cache_fixture;

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

BOOST_AUTO_TEST_CASE(a_log_a_listener_and_a_progress_that_throw_keep_nothing_from_happening)
{
    fixture f(1);
    f.log_throws = true;
    auto broken = f.start(f.cache.subscribe(
        all_events, [](const cache_event&) { throw std::runtime_error("no listener"); }));
    listener all(f, all_events);
    acquire_options options;
    options.progress = [](const load_progress&) { throw std::runtime_error("no progress"); };
    auto a = f.want("a", options), again = f.want("a", options);
    f.settle();
    BOOST_TEST_REQUIRE(a->got.value().has_value());
    BOOST_TEST_REQUIRE(again->got.value().has_value());
    a->got.reset(), again->got.reset();
    f.world.load_throws = {"b"};
    const auto b = f.want("b", options);
    f.settle();
    BOOST_TEST((b->got->error().code == errc::load_failed));
    BOOST_TEST(f.world.count("close a") == 1U);
    f.use("c");
    BOOST_TEST(f.keys() == "b c");
    BOOST_TEST(f.cache.broken_invariant() == "");
    BOOST_TEST(!all.told.empty());
}

BOOST_AUTO_TEST_CASE(files_that_changed_are_known_as_soon_as_somebody_looks)
{
    const test::scratch_directory scratch;
    const std::filesystem::path file = scratch.path / "model";
    test::write_file(file, "one");
    fixture f;
    f.world.watched["a"] = file;
    f.use("a");
    touch_hint hint;
    BOOST_TEST((f.cache.touch(fixture::spec("a"), 0ns, hint) != nullptr));
    test::write_file(file, "two");
    BOOST_TEST((f.cache.touch(fixture::spec("a"), 0ns, hint) != nullptr)); // not looked yet
    f.cache.look_at_files(); // no turn of the executor in between
    BOOST_TEST((f.cache.touch(fixture::spec("a"), 0ns, hint) == nullptr));
}

BOOST_AUTO_TEST_CASE(observation_is_no_event_and_listening_is_no_use)
{
    fixture f;
    f.use("a"), f.use("b");
    const cache_stats before = f.cache.stats();
    listener all(f, all_events);
    BOOST_TEST(f.models().size() == 2U);
    BOOST_TEST(f.keys() == "a b");
    const cache_stats after = f.cache.stats();
    const auto found = f.start(f.cache.find_key(fixture::spec("a")));
    f.settle();
    BOOST_TEST(after.hits == before.hits);
    BOOST_TEST(after.misses == before.misses);
    BOOST_TEST(all.told.empty());
}

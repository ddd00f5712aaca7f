// A loader that counts, files in a scratch directory, a clock that stands until it is moved, and
// two contexts run by hand.

#include "cache/model_resolver.hpp"

#include "simulation/manual_executor.hpp"
#include "support/scratch.hpp"
#include "support/stepping.hpp"

#include <boost/asio/post.hpp>

using namespace warmd;
using namespace std::chrono_literals;
using warmd::test::write_file;

namespace {

/// One alarm at most is set; the test rings it.
struct hand_alarm final : alarm {
    explicit hand_alarm(std::function<void()>& to) : ring_(to) {}
    void set(time_point, std::function<void()> ring) override { ring_ = std::move(ring); }
    void cancel() override { ring_ = {}; }
    std::function<void()>& ring_;
};

struct fixture {
    explicit fixture(bool watched = true, std::chrono::nanoseconds quiet = 0ns)
    {
        write_file(file, "g1");
        registry.add(
            "file",
            {[this](const model_spec& asked, const file_rules&) { return look(asked); }, {}});
        const time_source time{
            [this] { return now; },
            [this](const asio::any_io_executor&) { return std::make_unique<hand_alarm>(ring); }};
        resolver = std::make_shared<model_resolver>(
            io.get_executor(), workers.get_executor(), registry,
            look_up_limits{.recheck = 500ms, .timeout = 10s, .quiet = quiet, .patience = 10s}, time,
            watched ? file_watcher::open(io.get_executor()).value() : nullptr,
            model_resolver::listeners{
                .changed = [this](const auto& renewed) { changed.push_back(renewed->files.text); },
                .idle = {}},
            logger());
    }
    ~fixture() // invariant 12
    {
        resolver->stop();
        test::run_to_end(io);
    }

    /// The generation is the file's content.
    result<resolved_model> look(const model_spec& asked)
    {
        BOOST_TEST(workers.get_executor().running_in_this_thread()); // invariant 10
        ++looks;
        resolved_model model{.spec = asked,
                             .key = key_of(asked),
                             .files = {content()},
                             .watched = {path(asked.base)}};
        std::exchange(during_look, [] {})();
        if (!std::filesystem::exists(file))
            return failure{errc::not_found, "no file"};
        return model;
    }
    std::string content() const
    {
        std::string text;
        std::ifstream(file) >> text;
        return text;
    }
    std::filesystem::path path(const std::string& name) const { return scratch.path / name; }

    void settle()
    {
        do {
            test::settle(io);
            test::settle(workers);
            io.restart();
        } while (io.poll() != 0);
    }
    /// What is known, else what is found out: "known g1", "found g1", or the failure's code.
    std::string ask(const std::string& base = "a")
    {
        const model_spec spec{.kind = "file", .base = base};
        if (const auto found = resolver->known(spec))
            return "known " + found->model->files.text;
        std::string told;
        resolver->resolve(spec, [&](const model_resolver::answer& found) {
            told = found ? "found " + (*found)->files.text : std::string(name(found.error().code));
        });
        settle();
        return told;
    }
    /// Waits until inotify's events have been read.
    void run_until_unknown()
    {
        test::run_until(io, [&] { return !resolver->known({.kind = "file", .base = "a"}); });
    }

    test::scratch_directory scratch;
    std::filesystem::path file = scratch.path / "a";
    boost::asio::io_context io{1}, workers{1};
    backend_registry registry;
    time_point now = time_point() + 1h;
    std::function<void()> ring, during_look = [] {};
    int looks = 0;
    std::vector<std::string> changed;
    std::shared_ptr<model_resolver> resolver;
};

struct unwatched : fixture {
    unwatched() : fixture(false) {}
};

} // namespace

BOOST_FIXTURE_TEST_CASE(what_is_watched_is_looked_at_once_for_any_number_of_requests, fixture)
{
    BOOST_TEST(ask() == "found g1");
    const int once = looks;
    for (int i = 0; i != 1000; ++i) {
        now += 10ms;
        BOOST_TEST(ask() == "known g1");
    }
    settle();
    BOOST_TEST(looks == once);
}

BOOST_FIXTURE_TEST_CASE(a_change_of_a_watched_file_is_found_by_the_next_request, fixture)
{
    ask();
    write_file(file, "g2");
    run_until_unknown();
    BOOST_TEST(ask() == "found g2");
    BOOST_TEST(ask() == "known g2");
    write_file(path("new"), "g3");
    std::filesystem::rename(path("new"), file);
    run_until_unknown();
    BOOST_TEST(ask() == "found g3");
    BOOST_TEST((changed == std::vector<std::string>{"g2", "g3"}));
}

BOOST_FIXTURE_TEST_CASE(what_is_not_watched_is_looked_at_again_after_the_recheck_and_no_sooner,
                        unwatched)
{
    BOOST_TEST(ask() == "found g1");
    write_file(file, "g2");
    now += 499ms;
    BOOST_TEST(ask() == "known g1");
    now += 1ms;
    BOOST_TEST(ask() == "found g2");
    BOOST_TEST(looks == 2);
}

BOOST_FIXTURE_TEST_CASE(a_file_that_cannot_be_watched_is_looked_at_again_after_the_recheck, fixture)
{
    std::filesystem::remove(file);
    std::filesystem::create_symlink("/proc/self/comm", file); // not a local file system
    BOOST_TEST(ask().starts_with("found "));
    now += 499ms;
    BOOST_TEST(ask().starts_with("known "));
    now += 1ms;
    const int before = looks;
    BOOST_TEST(ask().starts_with("found "));
    BOOST_TEST(looks == before + 1);
}

BOOST_FIXTURE_TEST_CASE(a_change_between_the_look_and_the_watch_is_noticed, fixture)
{
    during_look = [this] {
        write_file(file, "g2");
    }; // the first look, which tells what to watch: g1
    BOOST_TEST(ask() == "found g2");
    BOOST_TEST(ask() == "known g2");
}

BOOST_FIXTURE_TEST_CASE(a_change_just_after_the_look_is_noticed, fixture)
{
    during_look = [this] {
        during_look = [this] { write_file(file, "g2"); };
    }; // the look under the watch: g1
    BOOST_TEST(ask() == "found g1");
    run_until_unknown();
    BOOST_TEST(ask() == "found g2");
}

BOOST_FIXTURE_TEST_CASE(many_who_ask_after_a_change_share_one_look, fixture)
{
    ask();
    write_file(file, "g2");
    run_until_unknown();
    const int before = looks;
    std::vector<std::string> told;
    for (int i = 0; i != 100; ++i)
        resolver->resolve({.kind = "file", .base = "a"}, [&](const model_resolver::answer& found) {
            told.push_back((*found)->files.text);
        });
    settle();
    BOOST_TEST((told == std::vector<std::string>(100, "g2")));
    BOOST_TEST(looks == before + 1);
}

BOOST_FIXTURE_TEST_CASE(a_change_nobody_asks_about_is_looked_into_once_the_writer_had_time_to_end,
                        fixture)
{
    ask();
    BOOST_TEST(!ring);
    write_file(file, "g2");
    write_file(file, "g3");
    run_until_unknown();
    settle();
    BOOST_TEST(changed.empty());
    BOOST_TEST_REQUIRE(static_cast<bool>(ring));
    now += 500ms;
    ring();
    settle();
    BOOST_TEST((changed == std::vector<std::string>{"g3"}));
    BOOST_TEST(ask() == "known g3");
}

BOOST_FIXTURE_TEST_CASE(watched_files_are_looked_at_now_and_then_and_nobody_waits_for_it, fixture)
{
    ask();
    const int before = looks;
    now += 30s;
    BOOST_TEST(ask() == "known g1");
    BOOST_TEST(ask() == "known g1");
    settle();
    BOOST_TEST(looks == before + 1);
    BOOST_TEST(ask() == "known g1");
    settle();
    BOOST_TEST(looks == before + 1);
}

BOOST_FIXTURE_TEST_CASE(a_model_that_went_is_not_found_and_one_that_came_back_is, fixture)
{
    ask();
    std::filesystem::remove(file);
    run_until_unknown();
    BOOST_TEST(ask() == "not_found");
    write_file(file, "g2");
    BOOST_TEST(ask() == "found g2");
}

BOOST_FIXTURE_TEST_CASE(after_stop_it_still_answers_and_watches_no_more, fixture)
{
    ask();
    write_file(file, "g2");
    run_until_unknown(); // the alarm is set
    resolver->stop();
    BOOST_TEST(!ring);
    BOOST_TEST(ask() == "shutting_down");
    test::run_to_end(io);
}

// -- files that somebody is writing ---------------------------------------------------

namespace {

struct busy_writer : fixture {
    busy_writer() : fixture(true, 250ms) {}

    /// Asks; what is told is added to `told`.
    void want()
    {
        resolver->resolve(
            {.kind = "file", .base = "a"},
            [this](const model_resolver::answer& found) { told.push_back((*found)->files.text); },
            [this] { ++waits; });
        settle();
    }
    void write(const std::string& text) { write_file(file, text); } // at this very moment
    void write_long_ago(const std::string& text)
    {
        write(text);
        std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now() - 1h);
    }
    void pass(std::chrono::nanoseconds time)
    {
        now += time;
        if (ring)
            ring();
        settle();
    }
    std::vector<std::string> told;
    int waits = 0;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(files_that_are_being_written_are_waited_for, busy_writer)
{
    write("half");
    want();
    BOOST_TEST(told.empty());
    BOOST_TEST(waits == 1);
    write("more");
    pass(250ms);
    BOOST_TEST(told.empty());
    write_long_ago("whole");
    pass(250ms);
    BOOST_TEST((told == std::vector<std::string>{"whole"}));
    BOOST_TEST(changed.empty()); // of the halves nothing was ever known: one save, one generation
    BOOST_TEST(!ring);
}

BOOST_FIXTURE_TEST_CASE(files_that_are_always_being_written_are_not_waited_for_for_ever,
                        busy_writer)
{
    for (want(); told.empty() && now < time_point() + 2h; pass(250ms))
        write("g" + std::to_string(waits));
    BOOST_TEST(told.size() == 1U);
    BOOST_TEST((now - (time_point() + 1h) == 10s));
}

BOOST_FIXTURE_TEST_CASE(files_written_a_while_ago_are_loaded_at_once, busy_writer)
{
    write_long_ago("g1");
    want();
    BOOST_TEST((told == std::vector<std::string>{"g1"}));
    BOOST_TEST(waits == 0);
}

// -- file systems that hang -----------------------------------------------------------

BOOST_FIXTURE_TEST_CASE(a_look_up_that_hangs_is_answered_and_named_and_recovers, fixture)
{
    std::vector<errc> told;
    const auto want = [&] {
        resolver->resolve({.kind = "file", .base = "a"}, [&](const model_resolver::answer& found) {
            told.push_back(found ? errc::cancelled : found.error().code);
        });
    };
    want(); // the job lies on the workers, and is not run
    now += 10s;
    ring();
    BOOST_TEST((told == std::vector<errc>{errc::timeout}));
    BOOST_TEST((resolver->overdue() == std::vector<std::string>{"a"}));
    want(); // at once, without another job
    test::settle(io);
    BOOST_TEST((told == std::vector<errc>{errc::timeout, errc::timeout}));
    settle();               // it comes back after all
    BOOST_TEST(looks == 2); // without a watch and, knowing what to watch, with it
    BOOST_TEST(resolver->overdue().empty());
    BOOST_TEST(ask() == "known g1");
}

BOOST_AUTO_TEST_CASE(a_file_system_that_hangs_takes_two_threads_and_leaves_the_others)
{
    boost::asio::io_context io{1};
    test::job_pool jobs; // one that is not run is a thread that hangs
    backend_registry registry;
    registry.add("any", {[](const model_spec& asked, const file_rules&) -> result<resolved_model> {
                             return resolved_model{.spec = asked, .key = key_of(asked)};
                         },
                         {}});
    const auto resolver = std::make_shared<model_resolver>(
        io.get_executor(), jobs.get_executor(), registry,
        look_up_limits{.recheck = 1h, .timeout = 10s, .quiet = 0s, .patience = 0s}, real_time(),
        nullptr, model_resolver::listeners{}, logger());
    std::vector<std::string> told;
    const auto want = [&](const std::string& base) {
        resolver->resolve({.kind = "any", .base = base}, [&](const model_resolver::answer& found) {
            told.push_back((*found)->spec.base);
        });
    };
    for (const char* base : {"/proc/1", "/proc/2", "/proc/3"})
        want(base);
    BOOST_TEST(jobs.size() == 2U);
    want("/healthy");
    BOOST_TEST(jobs.size() == 3U);
    jobs.run(2);
    test::settle(io);
    BOOST_TEST((told == std::vector<std::string>{"/healthy"}));
    jobs.run(0); // /proc answers again
    test::settle(io);
    BOOST_TEST(jobs.size() == 2U);
    jobs.run(1), jobs.run(0);
    test::settle(io);
    BOOST_TEST(told.size() == 4U);
    BOOST_TEST(resolver->idle());
    resolver->stop();
    test::run_to_end(io);
}

BOOST_AUTO_TEST_CASE(a_mount_point_is_told_by_the_path_alone)
{
    BOOST_TEST(mount_point_of("/proc/1/status") == "/proc");
    BOOST_TEST(mount_point_of("/processes") == "/");
    BOOST_TEST(mount_point_of("/proc") == "/proc");
    BOOST_TEST(mount_point_of("org/model") == "");
}

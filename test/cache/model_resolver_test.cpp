// A loader that counts, files in a scratch directory, a clock that stands until it is moved, and
// two contexts run by hand.

#include "cache/model_resolver.hpp"

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
    explicit fixture(bool watched = true)
    {
        write_file(file, "g1");
        registry.add(
            "file",
            {[this](const model_spec& asked, const file_rules&) { return look(asked); }, {}});
        const time_source time{
            [this] { return now; },
            [this](const asio::any_io_executor&) { return std::make_unique<hand_alarm>(ring); }};
        resolver = std::make_shared<model_resolver>(
            io.get_executor(), workers.get_executor(), registry, 500ms, time,
            watched ? file_watcher::open(io.get_executor()).value() : nullptr,
            [this](const auto& renewed) { changed.push_back(renewed->files.text); }, logger());
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
    BOOST_TEST(ask() == "found g2");
    test::run_to_end(io);
}

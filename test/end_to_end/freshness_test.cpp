// The built warmd and the demo model, whose adapter is rewritten in every way while it is warm.
// Every answer must be that of the old adapter or that of the new one, by transformers' numbers;
// nothing waits but for an answer or a line.

#include "support/daemon.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <iterator>

using namespace warmd;
using test::place, test::running;
namespace fs = std::filesystem;

namespace {

const fs::path demo = fs::path(WARMD_TEST_DATA) / "demo";
constexpr const char* files[] = {"adapter_config.json", "adapter_model.safetensors"};

std::string content(const fs::path& file)
{
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Into the files that are there, in pieces, as a training run might.
void overwrite(const fs::path& adapter, const fs::path& with)
{
    for (const char* file : files) {
        const std::string bytes = content(with / file);
        const int handle = ::open((adapter / file).c_str(), O_WRONLY);
        BOOST_TEST_REQUIRE(handle >= 0);
        for (std::size_t at = 0; at < bytes.size(); at += 50'000) {
            const std::size_t size = std::min<std::size_t>(50'000, bytes.size() - at);
            BOOST_TEST(::pwrite(handle, bytes.data() + at, size, static_cast<::off_t>(at)) ==
                       static_cast<::ssize_t>(size));
        }
        ::close(handle);
    }
}

/// As `cp` and `mv` would: whole files, each at once.
void replace(const fs::path& adapter, const fs::path& with)
{
    for (const char* file : files) {
        fs::copy_file(with / file, adapter / "new");
        fs::rename(adapter / "new", adapter / file);
    }
}

void point(const fs::path& link, const fs::path& to)
{
    fs::create_symlink(to, link.native() + ".new");
    fs::rename(link.native() + ".new", link);
}

struct warm_demo : place {
    warm_demo()
    {
        fs::create_directory(root / "store");
        fs::copy(demo / "model", root / "model");
        for (const char* each : {"adapter", "adapter-early-05", "adapter-early-20"})
            fs::copy(demo / each, root / "store" / each);
        fs::create_directory_symlink("store/adapter", root / "current");
        BOOST_TEST_REQUIRE(!daemon.line_with("ready").empty());
        ask.emplace(daemon.connect());
    }
    ~warm_demo()
    {
        ask.reset();
        daemon.signal(SIGTERM);
        BOOST_TEST(daemon.status() == 0);
    }

    std::string model() const
    {
        return R"("model":{"base":")" + (root / "model").native() + R"(","adapter":")" +
               (root / "current").native() + "\"}";
    }
    json::value next_token()
    {
        const auto answer =
            ask->call("next_token", "{" + model() + R"(,"prompts":["The database"],"top_k":16})");
        BOOST_TEST_REQUIRE(answer.has_value(), answer.error().detail);
        return answer->at("distributions").at(0);
    }
    /// The adapter of the reference whose numbers these are; empty if none's.
    std::string whose(const json::value& slice) const
    {
        for (const json::value& view : reference.at("views").as_array()) {
            bool same = view.at("name").as_string().ends_with(":ft");
            const json::array& top = view.at("last").at(0).at("top").as_array();
            for (std::size_t i = 0; same && i != top.size(); ++i)
                same = slice.at("token_ids").at(i) == top[i].at(0) &&
                       std::abs(slice.at("logprobs").at(i).to_number<double>() -
                                top[i].at(1).to_number<double>()) < 1e-3;
            if (same)
                return std::string(view.at("adapter").as_string());
        }
        return {};
    }
    /// Asks until the answer is not the old adapter's any more.
    std::string next_after(const std::string& old)
    {
        const auto began = std::chrono::steady_clock::now();
        for (int asked = 1;; ++asked) {
            const std::string now = whose(next_token());
            const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began;
            BOOST_TEST_REQUIRE(passed.count() < 60); // a hang
            if (now != old) {
                BOOST_TEST_MESSAGE("answer " << asked << " is new, " << passed.count()
                                             << " s after the change");
                return now;
            }
        }
    }

    const fs::path root = directory.path;
    running daemon{socket};
    std::optional<client> ask;
    const json::value reference = json::parse(content(demo / "reference.json"));
};

} // namespace

BOOST_FIXTURE_TEST_CASE(an_adapter_rewritten_replaced_or_pointed_elsewhere_answers_anew, warm_demo)
{
    BOOST_TEST(whose(next_token()) == "adapter");
    overwrite(root / "store/adapter", demo / "adapter-early-05");
    BOOST_TEST(next_after("adapter") == "adapter-early-05");
    replace(root / "store/adapter", demo / "adapter-early-20");
    BOOST_TEST(next_after("adapter-early-05") == "adapter-early-20");
    point(root / "current", "store/adapter-early-05");
    BOOST_TEST(next_after("adapter-early-20") == "adapter-early-05");
    overwrite(root / "store/adapter-early-05", demo / "adapter"); // where the link leads now
    BOOST_TEST(next_after("adapter-early-05") == "adapter");
    fs::rename(root / "store/adapter-early-05", root / "store/old");
    fs::copy(demo / "adapter-early-20", root / "store/adapter-early-05");
    BOOST_TEST(next_after("adapter") == "adapter-early-20");
}

BOOST_FIXTURE_TEST_CASE(a_generation_under_way_finishes_on_the_old_weights, warm_demo)
{
    const std::string request =
        "{" + model() + R"(,"prompt":"The database","max_new_tokens":400,"stream":true})";
    const json::value before = ask->call("generate", request).value();
    client other = daemon.connect();
    bool rewritten = false;
    std::string told_meanwhile;
    const auto under_way =
        other.call("generate", request, [&](std::string_view, const json::value&) {
            if (std::exchange(rewritten, true))
                return;
            overwrite(root / "store/adapter", demo / "adapter-early-05");
            told_meanwhile = next_after("adapter");
        });
    BOOST_TEST_REQUIRE(rewritten);
    BOOST_TEST(told_meanwhile == "adapter-early-05");
    BOOST_TEST(under_way.value().at("token_ids") == before.at("token_ids"));
    BOOST_TEST(ask->call("generate", request).value().at("token_ids") != before.at("token_ids"));
}

BOOST_FIXTURE_TEST_CASE(weights_nobody_asks_for_any_more_are_closed_when_their_files_change,
                        warm_demo)
{
    BOOST_TEST(whose(next_token()) == "adapter");
    overwrite(root / "store/adapter", demo / "adapter-early-05");
    BOOST_TEST(daemon.line_with("closing ").find(": stale") != std::string::npos);
    BOOST_TEST(whose(next_token()) == "adapter-early-05");
}

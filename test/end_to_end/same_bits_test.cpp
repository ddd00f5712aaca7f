// The built warmd and the demo model: a request's reply is the same to the byte whichever way it is
// carried out, and whatever else is.

#include "support/daemon.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <random>

using namespace warmd;
using test::place, test::running;
namespace asio = boost::asio;
namespace json = boost::json;

namespace {

const std::string demo = WARMD_TEST_DATA "/demo";

/// A connection that sends many lines at once.
class speaker {
public:
    speaker(asio::io_context& context, const std::string& socket) : stream_(context)
    {
        stream_.connect(asio::local::stream_protocol::endpoint(socket));
    }
    void say(const std::string& lines) { asio::write(stream_, asio::buffer(lines)); }
    std::string hear()
    {
        asio::read_until(stream_, heard_, '\n');
        std::string line;
        std::istream in(&heard_);
        std::getline(in, line);
        return line;
    }

private:
    asio::local::stream_protocol::socket stream_;
    asio::streambuf heard_;
};

/// A daemon that is ready.
struct served {
    place here;
    running daemon;
    asio::io_context context;

    explicit served(test::words more = {}) : daemon(here.socket, std::move(more))
    {
        BOOST_TEST_REQUIRE(!daemon.line_with("ready").empty());
    }
    speaker connect() { return {context, here.socket}; }
    double prefix_tokens() { return count("prefix_tokens_total"); }
    double remembered() { return count("answers_remembered_total"); }

private:
    double count(const char* what)
    {
        return daemon.connect().call("stats").value().at(what).to_number<double>();
    }
};

json::object model_of(const std::string& dtype, const std::string& adapter = "adapter")
{
    return {{"kind", "hf"},
            {"base", demo + "/model"},
            {"adapter", demo + "/" + adapter},
            {"dtype", dtype}};
}

std::string line_of(std::size_t number, const std::string& method, const json::object& params)
{
    return json::serialize(json::object{
               {"jsonrpc", "2.0"}, {"id", number}, {"method", method}, {"params", params}}) +
           '\n';
}

std::string some_text(std::minstd_rand& random)
{
    std::string text;
    for (std::size_t i = 0, words = 1 + random() % (random() % 4 == 0 ? 60 : 8); i != words; ++i)
        text += (i == 0 ? "" : " ") +
                std::string(1 + random() % 7, static_cast<char>('a' + random() % 26));
    return text;
}

/// One line; its id is `number`.
std::string random_request(std::minstd_rand& random, std::size_t number, const std::string& dtype)
{
    const json::value views[]{"base", "ft", {{"scaled", 0.25}}, {{"null", {{"seed", 7}}}}};
    json::object params{{"model", model_of(dtype)}};
    const std::string text = some_text(random);
    const char* method = "divergence";
    const auto kind = random() % 4;
    if (kind != 0)
        params["view"] = views[random() % std::size(views)];
    switch (kind) {
    case 0: params["prompts"] = {text, some_text(random)}; break;
    case 1:
        method = "rolling_logprob", params["texts"] = {text + " end", some_text(random) + " end"};
        break;
    case 2:
        method = "generate", params["prompt"] = text, params["max_new_tokens"] = 1 + random() % 8;
        params["temperature"] = 0.9, params["seed"] = random() % 100;
        break;
    default:
        method = "next_token", params["prompts"] = {text, some_text(random)},
        params["top_k"] = 1 + random() % 64;
    }
    return line_of(number, method, params);
}

/// Requests in order: each has its number as id.
struct conversation {
    std::vector<std::string> requests{}, answers{};

    void add(const std::string& method, const json::object& params)
    {
        requests.push_back(line_of(requests.size(), method, params));
    }
    /// The answers of a daemon that does nothing else meanwhile and remembers nothing.
    void learn()
    {
        served alone({"--prefix-cache-bytes", "0", "--answer-cache-bytes", "0"});
        speaker to = alone.connect();
        for (const std::string& each : requests) {
            to.say(each);
            answers.push_back(to.hear());
            BOOST_TEST_REQUIRE(answers.back().find("\"result\"") != std::string::npos,
                               each << answers.back());
        }
    }
    void say_to(speaker& to) const
    {
        std::string lines;
        for (const std::string& each : requests)
            lines += each;
        to.say(lines);
    }
    /// All answers come, in any order, and are what they were.
    void hear_from(speaker& to) const
    {
        for (std::size_t i = 0; i != requests.size(); ++i)
            compare(to.hear());
    }
    /// All at once.
    void hold_with(speaker& to) const
    {
        say_to(to);
        hear_from(to);
    }
    void hold_one_after_the_other_with(speaker& to) const
    {
        for (const std::string& each : requests) {
            to.say(each);
            compare(to.hear());
        }
    }
    void compare(const std::string& answer) const
    {
        const auto number = json::parse(answer).at("id").to_number<std::size_t>();
        BOOST_TEST(answer == answers.at(number), requests.at(number) << answer);
    }
};

/// The first tokens of a text that many begin with.
json::array beginning(std::size_t length)
{
    json::array ids;
    while (ids.size() != length)
        ids.emplace_back((131 * ids.size() + 3) % 2048);
    return ids;
}

/// So many tokens: a beginning of that text, and an end of its own.
json::array with_own_end(std::size_t length, std::size_t own, std::size_t seed)
{
    json::array ids = beginning(length - own);
    for (std::size_t i = 0; i != own; ++i)
        ids.emplace_back((17 * i + 97 * seed + 5) % 2048);
    return ids;
}

/// Every operation through every view, on prompts from a token to all that the model has room for,
/// many of which begin alike. `also`: members of all requests.
conversation everything(const std::string& dtype, const std::string& adapter = "adapter",
                        const json::object& also = {})
{
#ifdef WARMD_SANITIZED
    const json::value views[]{"base", {{"scaled", 0.25}}};
#else
    const json::value views[]{"base", "ft", {{"scaled", 0.25}}, {{"null", {{"seed", 7}}}}};
#endif
    conversation made;
    json::object params = also;
    params["model"] = model_of(dtype, adapter);
    const auto add = [&](const char* method, const json::object& own) {
        json::object all = params;
        for (const auto& [name, value] : own)
            all[name] = value;
        made.add(method, all);
    };
    for (const json::value& through : views) {
        add("next_token", {{"view", through},
                           {"prompts", {with_own_end(500, 20, 1), beginning(1), beginning(512)}},
                           {"top_k", 16}});
        add("next_token", {{"view", through}, {"prompts", {with_own_end(200, 7, 2)}}});
        add("rolling_logprob", {{"view", through}, {"texts", {beginning(300), beginning(512)}}});
        add("logprob", {{"view", through},
                        {"items",
                         {{{"prompt", beginning(256)}, {"completion", with_own_end(9, 9, 3)}},
                          {{"prompt", beginning(64)}, {"completion", with_own_end(70, 70, 4)}}}}});
        add("generate", {{"view", through},
                         {"prompt", with_own_end(290, 4, 5)},
                         {"max_new_tokens", 12},
                         {"temperature", 0.9},
                         {"seed", 11}});
        add("divergence",
            {{"to", through},
             {"prompts", {beginning(400), with_own_end(100, 3, 6), with_own_end(33, 1, 7)}}});
    }
    return made;
}

const auto dtypes = boost::unit_test::data::make({"fp32", "bf16"});

/// With their answers, which are learned once.
const conversation& everything_learned(const std::string& dtype,
                                       const std::string& adapter = "adapter")
{
    static std::map<std::pair<std::string, std::string>, conversation> learned;
    const auto [at, first] = learned.try_emplace({dtype, adapter});
    if (first) {
        at->second = everything(dtype, adapter);
        at->second.learn();
    }
    return at->second;
}

/// The same requests with more members, which change nothing of the answers.
conversation also(const std::string& dtype, const json::object& members)
{
    conversation made = everything(dtype, "adapter", members);
    made.answers = everything_learned(dtype).answers;
    return made;
}

#ifdef WARMD_SANITIZED
constexpr std::size_t random_requests = 20, long_ones = 30; // each takes twenty times as long
#else
constexpr std::size_t random_requests = 200, long_ones = 200;
#endif

} // namespace

BOOST_DATA_TEST_CASE(each_random_request_gets_the_same_bytes_alone_and_among_others, dtypes, dtype)
{
    std::minstd_rand random(7);
    constexpr std::size_t count = random_requests, connections = 10;
    conversation all;
    for (std::size_t i = 0; i != count; ++i)
        all.requests.push_back(random_request(random, i, dtype));
    all.learn();
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), random);
    served daemon;
    std::vector<std::unique_ptr<speaker>> crowd;
    for (std::size_t c = 0; c != connections; ++c)
        crowd.push_back(std::make_unique<speaker>(daemon.context, daemon.here.socket));
    for (std::size_t c = 0; c != connections; ++c) {
        std::string lines;
        for (std::size_t i = c; i < count; i += connections)
            lines += all.requests[order[i]];
        crowd[c]->say(lines);
    }
    for (std::size_t i = 0; i != count; ++i)
        all.compare(crowd[i % connections]->hear());
}

BOOST_DATA_TEST_CASE(
    what_joins_a_generation_and_a_large_request_midway_gets_the_same_bytes_and_so_do_they, dtypes,
    dtype)
{
    const conversation& small = everything_learned(dtype);
    conversation large;
    json::array prompts;
    for (std::size_t i = 0; i != long_ones; ++i)
        prompts.push_back(with_own_end(120, 60, i));
    large.add("generate", {{"model", model_of(dtype)},
                           {"prompt", beginning(8)},
                           {"max_new_tokens", 5 * long_ones / 2},
                           {"temperature", 1.0},
                           {"seed", 3}});
    large.add("next_token", {{"model", model_of(dtype)}, {"prompts", prompts}, {"top_k", 4}});
    large.learn();
    served daemon;
    speaker busy = daemon.connect(), newcomer = daemon.connect();
    json::value streamed = json::parse(large.requests.front());
    streamed.at("params").as_object()["stream"] = true;
    large.requests.front() = json::serialize(streamed) + '\n';
    large.say_to(busy);
    BOOST_TEST_REQUIRE(busy.hear().find("$/token") != std::string::npos); // it is under way
    small.hold_with(newcomer);
    for (std::size_t left = large.requests.size(); left != 0;)
        if (const std::string line = busy.hear(); line.find("$/token") == std::string::npos)
            large.compare(line), --left;
}

BOOST_DATA_TEST_CASE(a_prompt_that_is_cut_over_many_steps_gets_the_same_bytes, dtypes, dtype)
{
    const conversation& all = everything_learned(dtype);
    served daemon({"--step-time", "5ms"});
    speaker to = daemon.connect();
    all.hold_with(to);
    all.hold_one_after_the_other_with(to);
}

BOOST_DATA_TEST_CASE(what_is_known_and_what_is_computed_afresh_have_the_same_bytes, dtypes, dtype)
{
    const conversation &all = everything_learned(dtype), fresh = also(dtype, {{"fresh", true}});
    served daemon;
    speaker to = daemon.connect();
    all.hold_one_after_the_other_with(to);
    const double reused_within = daemon.prefix_tokens(), remembered_within = daemon.remembered();
    BOOST_TEST(reused_within > 0);
    all.hold_one_after_the_other_with(to);
    all.hold_with(to);
    const double reused = daemon.prefix_tokens(), known = daemon.remembered();
    BOOST_TEST(reused > reused_within);
    BOOST_TEST(known > remembered_within);
    fresh.hold_one_after_the_other_with(to);
    fresh.hold_with(to);
    BOOST_TEST(daemon.prefix_tokens() == reused);
    BOOST_TEST(daemon.remembered() == known);
}

BOOST_DATA_TEST_CASE(two_adapters_in_the_same_steps_get_the_same_bytes_as_each_alone, dtypes, dtype)
{
    const conversation &one = everything_learned(dtype),
                       &other = everything_learned(dtype, "adapter-early-05");
    served daemon;
    speaker first = daemon.connect(), second = daemon.connect();
    one.say_to(first);
    other.say_to(second);
    one.hear_from(first);
    other.hear_from(second);
}

BOOST_DATA_TEST_CASE(what_interactive_requests_leave_to_batch_ones_gives_them_the_same_bytes,
                     dtypes, dtype)
{
    const conversation &interactive = everything_learned(dtype),
                       batch = also(dtype, {{"priority", "batch"}});
    served daemon;
    speaker first = daemon.connect(), second = daemon.connect();
    batch.say_to(first);
    interactive.say_to(second);
    batch.hear_from(first);
    interactive.hear_from(second);
}

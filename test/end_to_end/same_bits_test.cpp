// The built warmd and the demo model: a request's reply is the same to the byte whatever else it is
// batched with.

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
    json::object params{{"model",
                         {{"kind", "hf"},
                          {"base", demo + "/model"},
                          {"adapter", demo + "/adapter"},
                          {"dtype", dtype}}}};
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
    return json::serialize(json::object{
               {"jsonrpc", "2.0"}, {"id", number}, {"method", method}, {"params", params}}) +
           '\n';
}

} // namespace

BOOST_DATA_TEST_CASE(each_of_200_random_requests_gets_the_same_bytes_alone_and_among_others,
                     boost::unit_test::data::make({"fp32", "bf16"}), dtype)
{
    const place here;
    running daemon(here.socket);
    BOOST_TEST_REQUIRE(!daemon.line_with("ready").empty());
    asio::io_context context;
    std::minstd_rand random(7);
    constexpr std::size_t count = 200, connections = 10;
    std::vector<std::string> requests, alone;
    speaker first(context, here.socket);
    for (std::size_t i = 0; i != count; ++i) {
        requests.push_back(random_request(random, i, dtype));
        first.say(requests.back());
        alone.push_back(first.hear());
        BOOST_TEST_REQUIRE(alone.back().find("\"result\"") != std::string::npos,
                           requests.back() << alone.back());
    }
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), random);
    std::vector<std::unique_ptr<speaker>> crowd;
    for (std::size_t c = 0; c != connections; ++c)
        crowd.push_back(std::make_unique<speaker>(context, here.socket));
    for (std::size_t c = 0; c != connections; ++c) {
        std::string lines;
        for (std::size_t i = c; i < count; i += connections)
            lines += requests[order[i]];
        crowd[c]->say(lines);
    }
    for (std::size_t i = 0; i != count; ++i) { // a connection's replies come in any order
        const std::string reply = crowd[i % connections]->hear();
        const auto number = json::parse(reply).at("id").to_number<std::size_t>();
        BOOST_TEST(reply == alone[number], "request " << number);
    }
}

// warmd --stdio: one client, on standard input and output.

#include "support/program.hpp"

#include "wire/frame.hpp"
#include "wire/rpc.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <map>

using namespace warmd;
using test::program, test::program_result;

namespace {

const std::string demo = WARMD_TEST_DATA "/demo/";
const std::string model =
    R"("model":{"base":")" + demo + R"(model","adapter":")" + demo + R"(adapter"})";

std::string request(int id, std::string_view method, const std::string& params)
{
    return rpc::request_text(id, method, params);
}

program_result told(std::string in, std::vector<std::string> more = {})
{
    more.insert(more.begin(), {WARMD, "--stdio"});
    return program({.words = std::move(more), .in = std::move(in), .environment = {}}).result();
}

/// Everything in `out` by id, each one a frame by Content-Length and nothing between them.
std::map<std::int64_t, json::value> replies(const std::string& out)
{
    std::map<std::int64_t, json::value> all;
    frame_decoder frames(1 << 20);
    std::size_t bytes = 0;
    for (std::size_t at = 0; at != out.size();) {
        const std::span<char> space = frames.prepare();
        const std::size_t n = std::min(space.size(), out.size() - at);
        std::copy_n(out.data() + at, n, space.data());
        frames.commit(n);
        at += n;
        while (const auto frame = frames.next().value()) {
            json::value reply = json::parse(*frame);
            bytes += std::string_view(content_length_header(frame->size())).size() + frame->size();
            all.emplace(reply.at("id").as_int64(), std::move(reply));
        }
    }
    BOOST_TEST((frames.kind() == framing::content_length));
    BOOST_TEST(bytes == out.size());
    return all;
}

} // namespace

BOOST_AUTO_TEST_CASE(frames_are_answered_with_frames_and_the_log_is_elsewhere)
{
    std::string in;
    for (const std::string& each :
         {request(1, "hello", R"({"protocol":1})"), request(2, "estimate", '{' + model + '}'),
          request(3, "load", '{' + model + '}'),
          request(4, "next_token", '{' + model + R"(,"prompts":["The king"],"top_k":3})"),
          request(5, "ping", "{}"), request(6, "hello", R"({"protocol":2})")})
        append_frame(in, framing::content_length, each);
    const program_result ended = told(std::move(in));
    BOOST_TEST(ended.status == 0, ended.err);
    BOOST_TEST(ended.err.find("standard input has ended") != std::string::npos, ended.err);
    auto all = replies(ended.out);
    BOOST_REQUIRE(all.size() == 6U);
    const json::object& hello = all.at(1).at("result").as_object();
    BOOST_TEST(hello.at("name").as_string() == "warmd");
    BOOST_TEST(hello.at("protocol").as_int64() == 1);
    BOOST_TEST(json::serialize(hello.at("views")) == R"(["base","ft","scaled","null"])");
    BOOST_TEST(hello.at("batching").as_int64() >= 1);
    BOOST_TEST(hello.at("tokenizer").as_bool());
    BOOST_TEST(all.at(2).at("result").at("bytes").as_int64() > 0);
    BOOST_TEST(all.at(3).at("result").at("bytes").as_int64() > 0);
    BOOST_TEST(all.at(3).at("result").at("max_positions").as_int64() > 0);
    BOOST_TEST(all.at(4).at("result").at("distributions").at(0).at("token_ids").as_array().size() ==
               3U);
    BOOST_TEST(all.at(5).at("result").at("steps").as_int64() >= 0);
    BOOST_TEST(all.at(6).at("error").at("data").at("kind").as_string() == "unsupported");
}

BOOST_AUTO_TEST_CASE(lines_are_answered_with_lines)
{
    const program_result ended = told(request(7, "ping", "{}"));
    BOOST_TEST(ended.status == 0, ended.err);
    BOOST_TEST(ended.out == "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"steps\":0}}\n");
}

BOOST_AUTO_TEST_CASE(a_shutdown_is_answered_and_ends_it)
{
    const program_result ended =
        told(request(1, "shutdown", "{}") + '\n' + request(2, "health", "{}") + '\n');
    BOOST_TEST(ended.status == 0, ended.err);
    BOOST_TEST(ended.out.find(R"("id":1,"result":{})") != std::string::npos, ended.out);
}

BOOST_AUTO_TEST_CASE(what_is_no_frame_is_answered_and_ends_it)
{
    const program_result ended = told("Loading...");
    BOOST_TEST(ended.status == 0, ended.err);
    BOOST_TEST(ended.out.find("parse_error") != std::string::npos, ended.out);
}

BOOST_AUTO_TEST_CASE(nothing_at_all_is_the_end)
{
    const program_result ended = told("");
    BOOST_TEST(ended.status == 0, ended.err);
    BOOST_TEST(ended.out.empty());
}

BOOST_AUTO_TEST_CASE(it_listens_nowhere)
{
    const program_result ended = told("", {"--http", "127.0.0.1:0"});
    BOOST_TEST(ended.status == 2);
    BOOST_TEST(ended.err.find("--stdio listens nowhere") != std::string::npos, ended.err);
}

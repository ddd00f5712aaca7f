// What is said with a worker: frames and messages, and every way in which they can be wrong.

#include "worker/conversation.hpp"
#include "worker/last_words.hpp"
#include "worker/outcome_reader.hpp"

#include "wire/frame.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace warmd;
using namespace warmd::worker;

namespace {

void give(conversation& to, std::string_view bytes)
{
    while (!bytes.empty()) {
        const std::span<char> space = to.space();
        const std::size_t n = std::min(space.size(), bytes.size());
        std::copy_n(bytes.data(), n, space.data());
        to.filled(n);
        bytes.remove_prefix(n);
    }
}
std::string framed(std::string_view payload)
{
    std::string out;
    append_frame(out, framing::content_length, payload);
    return out;
}
std::string text(const conversation::event& what)
{
    if (const auto* reply = std::get_if<conversation::reply>(&what))
        return "reply to " + std::to_string(reply->to) + ": " +
               (reply->outcome ? std::string((*reply->outcome)->literal())
                               : std::string(name(reply->outcome.error().code)) + ' ' +
                                     reply->outcome.error().detail);
    if (const auto* note = std::get_if<conversation::note>(&what))
        return "note " + std::string(note->method) + ' ' + std::string(note->params->literal());
    if (const auto* bad = std::get_if<conversation::violation>(&what))
        return "it " + bad->what;
    return "";
}
/// What is made of these bytes where one request has been asked.
std::string heard(std::string_view bytes, std::size_t largest = 1000)
{
    conversation one(largest);
    std::string out;
    one.ask("hello", "{}", out);
    give(one, bytes);
    return text(one.next());
}
std::string message(std::string_view members)
{
    return framed(R"({"jsonrpc":"2.0",)" + std::string(members) + '}');
}

} // namespace

BOOST_AUTO_TEST_CASE(requests_are_numbered_frames)
{
    conversation one;
    std::string out;
    BOOST_TEST(one.ask("hello", R"({"protocol":1})", out) == 1U);
    BOOST_TEST(out ==
               framed(R"({"jsonrpc":"2.0","id":1,"method":"hello","params":{"protocol":1}})"));
    BOOST_TEST(one.ask("ping", "{}", out) == 2U);
    BOOST_TEST(one.awaits(2));
    out.clear();
    conversation::cancel(2, out);
    BOOST_TEST(out == framed(R"({"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":2}})"));
    BOOST_TEST(one.awaits(2)); // it is still to be answered
}

BOOST_AUTO_TEST_CASE(replies_and_notifications_are_cut_at_any_byte)
{
    const std::string all = message(R"("method":"$/progress","params":{"id":1})") +
                            message(R"("id":2,"result":{"a":[1]})") +
                            message(R"("id":1,"error":{"code":-32001,"message":"no",)"
                                    R"("data":{"kind":"not_found"}})");
    for (std::size_t cut = 0; cut <= all.size(); ++cut) {
        conversation one;
        std::string out, found;
        one.ask("a", "{}", out), one.ask("b", "{}", out);
        for (const auto part :
             {std::string_view(all).substr(0, cut), std::string_view(all).substr(cut)}) {
            give(one, part);
            for (std::string said; !(said = text(one.next())).empty();)
                found += said + '\n';
        }
        BOOST_TEST_REQUIRE(found == "note $/progress {\"id\":1}\nreply to 2: {\"a\":[1]}\n"
                                    "reply to 1: not_found no\n");
    }
}

BOOST_AUTO_TEST_CASE(a_header_may_be_written_otherwise)
{
    const std::string reply = R"({"jsonrpc":"2.0","id":1,"result":{}})";
    const std::string length = std::to_string(reply.size());
    BOOST_TEST(heard("content-length:" + length + "\r\n\r\n" + reply) == "reply to 1: {}");
    BOOST_TEST(heard("Content-Type: application/json\r\nContent-Length: " + length + "\r\n\r\n" +
                     reply) == "reply to 1: {}");
}

BOOST_AUTO_TEST_CASE(what_is_no_frame_is_quoted_as_soon_as_it_is_seen)
{
    BOOST_TEST(heard("Loading weights\n") ==
               "it wrote 'Loading weights' to its standard output where a frame was expected");
    BOOST_TEST(heard("L") == "it wrote 'L' to its standard output where a frame was expected");
    BOOST_TEST(heard("Computing\n").starts_with("it wrote 'Computing'"));
    BOOST_TEST(heard("{\"jsonrpc\"").starts_with("it wrote '{\"jsonrpc\"'"));
    BOOST_TEST(heard("Content-Length: x\r\n\r\n").starts_with("it wrote 'Content-Length: x'"));
    BOOST_TEST(heard("Content-Length: 2\n\n{}").starts_with("it wrote 'Content-Length: 2'"));
    BOOST_TEST(heard("Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}").starts_with("it wrote"));
    BOOST_TEST(heard("Content-Type: 2\r\n\r\n{}").starts_with("it wrote"));
    BOOST_TEST(heard("c" + std::string(1000, 'c')).starts_with("it wrote 'ccc"));
    BOOST_TEST(heard(std::string("\x01\x02\xff\x7f", 4)).starts_with("it wrote '  ? '"));
}

BOOST_AUTO_TEST_CASE(frames_are_bounded)
{
    BOOST_TEST(heard("Content-Length: 1001\r\n\r\n") ==
               "it began a frame of 1001 bytes; at most 1000 are allowed");
    BOOST_TEST(heard("Content-Length: 99999999999999999999\r\n\r\n").starts_with("it wrote"));
    BOOST_TEST(heard("Content-Length: 1000\r\n\r\n") == "");
}

BOOST_AUTO_TEST_CASE(what_is_no_message_is_a_violation)
{
    BOOST_TEST(heard(framed("{")).starts_with("it sent a frame that is no JSON"));
    for (const char* bad : {"[]", "1", "{}", R"({"jsonrpc":"1.0","id":1,"result":{}})"})
        BOOST_TEST(heard(framed(bad)).starts_with("it sent what is no JSON-RPC 2.0 message"), bad);
    for (const char* bad :
         {R"("id":1,"method":"x")", R"("method":7)", R"("method":"x","params":[])"})
        BOOST_TEST(heard(message(bad)).starts_with("it sent what is neither a reply nor"), bad);
}

BOOST_AUTO_TEST_CASE(ids_are_strict)
{
    for (const char* bad :
         {R"("id":2,"result":{})", R"("id":"1","result":{})", R"("id":1.0,"result":{})",
          R"("id":null,"result":{})", R"("result":{})", R"("id":-1,"result":{})"})
        BOOST_TEST(heard(message(bad)).starts_with("it answered what was not asked, or twice"),
                   bad);
    conversation one;
    std::string out;
    one.ask("a", "{}", out);
    give(one, message(R"("id":1,"result":{})") + message(R"("id":1,"result":{})"));
    BOOST_TEST(text(one.next()) == "reply to 1: {}");
    BOOST_TEST(text(one.next()).starts_with("it answered what was not asked, or twice"));
}

BOOST_AUTO_TEST_CASE(a_reply_has_one_result_or_error)
{
    for (const char* bad : {R"("id":1)", R"("id":1,"result":{},"error":{})", R"("id":1,"result":7)",
                            R"("id":1,"error":"no")"})
        BOOST_TEST(heard(message(bad)).starts_with("it sent a reply that has not one"), bad);
}

BOOST_AUTO_TEST_CASE(a_worker_cannot_speak_for_the_daemon)
{
    BOOST_TEST(heard(message(R"("id":1,"error":{"code":1,"message":"m",)"
                             R"("data":{"kind":"shutting_down"}})")) ==
               "reply to 1: backend_failed m");
    BOOST_TEST(heard(message(R"("id":1,"error":{})")) ==
               "reply to 1: backend_failed the worker gave no reason");
}

// -- answers ------------------------------------------------------------

namespace {

/// What is wrong with an answer to `what`; "": nothing.
std::string fault_of(const operation& what, std::string_view answer, std::size_t vocab_size = 10)
{
    json_document document;
    const auto read = read_outcome(what, **document.read(answer), vocab_size);
    return read ? "" : read.error().detail;
}
const next_token two_prompts{.through = {}, .prompts = {"a", "b"}, .top_k = 2};
std::string slices(std::string_view first)
{
    return R"({"distributions":[)" + std::string(first) +
           R"(,{"token_ids":[3],"logprobs":[-1],"tail_logprob":-0.5,"vocab_size":10}]})";
}

} // namespace

BOOST_AUTO_TEST_CASE(distributions_are_held_against_what_was_asked)
{
    const std::string good =
        R"({"token_ids":[1,2],"logprobs":[-1,-2.5],"tail_logprob":-0.5,"vocab_size":10})";
    BOOST_TEST(fault_of(two_prompts, slices(good)) == "");
    BOOST_TEST(fault_of(two_prompts, R"({"distributions":[)" + good + "]}") ==
               "answered with distributions, which is not an array of 2");
    for (const char* bad :
         {R"({"token_ids":[1,10],"logprobs":[-1,-2],"tail_logprob":-0.5,"vocab_size":10})",
          R"({"token_ids":[1,-2],"logprobs":[-1,-2],"tail_logprob":-0.5,"vocab_size":10})",
          R"({"token_ids":[1,2.5],"logprobs":[-1,-2],"tail_logprob":-0.5,"vocab_size":10})",
          R"({"token_ids":[1],"logprobs":[-1,-2],"tail_logprob":-0.5,"vocab_size":10})",
          R"({"token_ids":[1,2],"logprobs":[-2,-1],"tail_logprob":-0.5,"vocab_size":10})",
          R"({"token_ids":[1,2],"logprobs":[0.5,-1],"tail_logprob":-0.5,"vocab_size":10})",
          R"({"token_ids":[1,2],"logprobs":[-1,null],"tail_logprob":-0.5,"vocab_size":10})",
          R"({"token_ids":[1,2],"logprobs":[-1,-1e300],"tail_logprob":-0.5,"vocab_size":10})",
          R"({"token_ids":[1,2,3],"logprobs":[-1,-2,-3],"tail_logprob":-0.5,"vocab_size":10})",
          R"({"token_ids":[],"logprobs":[],"tail_logprob":-0.5,"vocab_size":10})",
          R"({"token_ids":[1,2],"logprobs":[-1,-2],"tail_logprob":-0.5,"vocab_size":11})",
          R"({"token_ids":[1,2],"logprobs":[-1,-2],"vocab_size":10})", R"({"error":{}})", "7"})
        BOOST_TEST(
            fault_of(two_prompts, slices(bad)).starts_with("answered with distributions[0]."), bad);
}

BOOST_AUTO_TEST_CASE(an_input_may_fail_alone_only_where_that_was_asked_for)
{
    const char* failed = R"({"error":{"message":"too long","data":{"kind":"invalid_params"}}})";
    next_token each = two_prompts;
    each.on_error = failure_scope::item;
    BOOST_TEST(fault_of(each, slices(failed)) == "");
    BOOST_TEST(fault_of(two_prompts, slices(failed)) != "");
}

BOOST_AUTO_TEST_CASE(scores_and_texts_are_checked_too)
{
    const rolling_logprob one_text{.through = {}, .texts = {"a"}};
    BOOST_TEST(fault_of(one_text, R"({"results":[{"token_ids":[1,2],"logprobs":[-1],)"
                                  R"("total_logprob":-1}]})") == "");
    BOOST_TEST(fault_of(one_text, R"({"results":[{"token_ids":[1],"logprobs":[-1,-1],)"
                                  R"("total_logprob":-2}]})") != "");
    const generate two_tokens{.through = {}, .prompt = "a", .max_new_tokens = 2};
    BOOST_TEST(fault_of(two_tokens, R"({"text":"x","token_ids":[1,2],"finish_reason":"length"})") ==
               "");
    BOOST_TEST(
        fault_of(two_tokens, R"({"text":"x","token_ids":[1,2,3],"finish_reason":"length"})") != "");
    BOOST_TEST(fault_of(two_tokens, R"({"text":"x","token_ids":[1],"finish_reason":"?"})") != "");
    BOOST_TEST(fault_of(tokenize{.text = "a"}, R"({"ids":[1],"tokens":[]})") != "");
}

BOOST_AUTO_TEST_CASE(what_it_lacks_is_unsupported_by_name)
{
    const abilities has{.name = "w",
                        .version = "1",
                        .operations = {"next_token", "generate"},
                        .views = {"base", "ft"},
                        .tokenizer = false};
    const auto lacking = [&](const operation& what) {
        const auto why = lacks(has, what);
        BOOST_TEST((!why || why->code == errc::unsupported));
        return why ? why->detail : "";
    };
    next_token ids{.through = {}, .prompts = {std::vector<token_id>{1}}};
    BOOST_TEST(lacking(ids) == "");
    BOOST_TEST(lacking(diverge{.prompts = ids.prompts}) == "");
    ids.through = {.what = view::mode::scaled, .scale = 0.5};
    BOOST_TEST(lacking(ids) == "the worker w has no view 'scaled'");
    BOOST_TEST(lacking(two_prompts) ==
               "the worker w has no tokenizer: give token ids in place of texts");
    BOOST_TEST(lacking(logprob{}) == "the worker w has no operation 'logprob'");
    BOOST_TEST(lacking(render{std::make_shared<chat_prompt>()}) ==
               "the worker w has no operation 'render'");
    BOOST_TEST(lacking(complete{}) == "the worker w has no operation 'completions'");
    BOOST_TEST(lacking(generate{.prompt = std::make_shared<chat_prompt>()}) ==
               "the worker w has no chat template");
}

// -- standard error ------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_last_words_are_kept_and_quoted_on_one_line)
{
    last_words last;
    std::vector<std::string> lines;
    const auto take = [&](std::string_view line) { lines.emplace_back(line); };
    BOOST_TEST(last.quoted() == "");
    last.add("one\ntw", take), last.add("o\n", take);
    BOOST_TEST(lines.size() == 2U);
    BOOST_TEST(lines.back() == "two");
    BOOST_TEST(last.quoted() == "; it last wrote 'one / two'");
    for (int i = 0; i != 1000; ++i)
        last.add(std::string(999, 'x') + '\n', take);
    last.add("Segmentation fault", take);
    BOOST_TEST(lines.size() == 1002U);
    BOOST_TEST(last.quoted().ends_with("xxx / Segmentation fault'"));
    BOOST_TEST(last.quoted().size() < 2 * last_words::most_quoted);
}

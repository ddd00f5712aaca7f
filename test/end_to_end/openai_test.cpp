// Completions of the demo model, asked by curl as OpenAI's clients ask, and read as lm-eval reads.

#include "support/daemon.hpp"
#include "support/program.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <limits>
#include <sstream>

using namespace warmd;
using test::place, test::running, test::words;

namespace {

const std::string demo = WARMD_TEST_DATA "/demo";

json::object model() { return {{"base", demo + "/model"}, {"adapter", demo + "/adapter"}}; }

struct served {
    place here;
    running daemon{here.socket};
    client rpc{ready(daemon).connect()};

    static running& ready(running& one)
    {
        BOOST_TEST_REQUIRE(!one.line_with("ready").empty());
        return one;
    }

    std::string post(const std::string& path, json::object body)
    {
        body["model"] = model();
        const test::program_result said =
            test::program(
                {.words = {"/usr/bin/curl", "-sS", "-N", "--max-time", "60", "--unix-socket",
                           here.socket, "-H", "Content-Type: application/json", "-d",
                           json::serialize(body), "http://warmd" + path}})
                .result();
        BOOST_TEST(said.status == 0, said.err);
        return said.out;
    }
    json::value get(const std::string& path)
    {
        const test::program_result said =
            test::program({.words = {"/usr/bin/curl", "-sS", "--max-time", "60", "--unix-socket",
                                     here.socket, "http://warmd" + path}})
                .result();
        BOOST_TEST(said.status == 0, said.err);
        return json::parse(said.out);
    }
    json::value completion(json::object body)
    {
        const json::value said = json::parse(post("/v1/completions", std::move(body)));
        BOOST_TEST_REQUIRE(said.as_object().contains("choices"), json::serialize(said));
        return said;
    }
    json::value ask(const std::string& method, json::object params)
    {
        params["model"] = model();
        return rpc.call(method, json::serialize(params)).value();
    }
};

/// As lm-eval's local-completions: the sum over the continuation's tokens, and whether each was the
/// most probable.
struct read_by_lm_eval {
    double sum = 0;
    bool is_greedy = true;

    read_by_lm_eval(const json::value& choice, std::size_t context)
    {
        const json::value& logprobs = choice.at("logprobs");
        const json::array &tokens = logprobs.at("token_logprobs").as_array(),
                          &top = logprobs.at("top_logprobs").as_array();
        for (std::size_t i = context; i + 1 < tokens.size(); ++i) { // [ctxlen:-1]
            const double own = tokens[i].to_number<double>();
            double best = -std::numeric_limits<double>::infinity();
            for (const auto& each : top[i].as_object())
                best = std::max(best, each.value().to_number<double>());
            sum += own;
            is_greedy = is_greedy && own == best;
        }
    }
};

json::array ids_of(const json::value& value) { return value.as_array(); }

} // namespace

BOOST_AUTO_TEST_CASE(lm_eval_reads_the_sums_and_flags_of_logprob_and_next_token)
{
    served by;
    const char* contexts[]{"The database", "In the beginning was", "x"};
    const char* continuations[]{" was opened", " the", " of 17 things"};
    for (std::size_t i = 0; i != std::size(contexts); ++i) {
        const std::string whole = std::string(contexts[i]) + continuations[i];
        const json::array context = ids_of(by.ask("tokenize", {{"text", contexts[i]}}).at("ids")),
                          all = ids_of(by.ask("tokenize", {{"text", whole}}).at("ids"));
        const json::value said = by.completion({{"prompt", json::array{all}},
                                                {"temperature", 0},
                                                {"max_tokens", 1},
                                                {"logprobs", 1},
                                                {"seed", 1234},
                                                {"echo", true}});
        const json::value& choice = said.at("choices").at(0);
        BOOST_TEST(choice.at("logprobs").at("tokens").as_array().size() == all.size() + 1);
        const read_by_lm_eval read(choice, context.size());
        const json::array rest(all.begin() + static_cast<std::ptrdiff_t>(context.size()),
                               all.end());
        const json::value scored =
            by.ask("logprob", {{"items", {{{"prompt", context}, {"completion", rest}}}}});
        double sum = 0;
        for (const json::value& each : scored.at("results").at(0).at("logprobs").as_array())
            sum += each.to_number<double>();
        BOOST_TEST(read.sum == sum);
        bool greedy = true;
        for (std::size_t n = context.size(); n != all.size(); ++n) {
            const json::array before(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n));
            const json::value next = by.ask("next_token", {{"prompts", {before}}, {"top_k", 1}});
            greedy = greedy && next.at("distributions").at(0).at("token_ids").at(0) == all[n];
        }
        BOOST_TEST(read.is_greedy == greedy);
    }
}

BOOST_AUTO_TEST_CASE(echoed_logprobs_are_those_of_rolling_logprob_to_the_last_digit)
{
    served by;
    for (const json::value& view :
         {json::value("base"), json::value("ft"), json::value{{"scaled", 0.5}}}) {
        const json::value said = by.completion({{"prompt", "The database was opened"},
                                                {"max_tokens", 0},
                                                {"logprobs", 2},
                                                {"prompt_logprobs", 1},
                                                {"echo", true},
                                                {"view", view}});
        const json::value scored =
            by.ask("rolling_logprob", {{"texts", {"The database was opened"}}, {"view", view}});
        const json::value& choice = said.at("choices").at(0);
        json::array listed = choice.at("logprobs").at("token_logprobs").as_array();
        BOOST_TEST(listed.front().is_null());
        listed.erase(listed.begin());
        const json::value& wanted = scored.at("results").at(0).at("logprobs");
        BOOST_TEST(json::serialize(listed) == json::serialize(wanted));
        const json::array& prompt = choice.at("prompt_logprobs").as_array();
        const json::array& ids = scored.at("results").at(0).at("token_ids").as_array();
        for (std::size_t i = 1; i != prompt.size(); ++i)
            BOOST_TEST((prompt[i].at(json::serialize(ids[i])).at("logprob") == listed[i - 1]));
        BOOST_TEST(choice.at("text") == json::value("The database was opened"));
    }
}

BOOST_AUTO_TEST_CASE(a_stream_has_the_text_and_ends_with_done)
{
    served by;
    const json::object what{{"prompt", "The database"},
                            {"max_tokens", 9},
                            {"temperature", 0.8},
                            {"seed", 5},
                            {"logprobs", 1},
                            {"n", 2}};
    const json::value whole = by.completion(what);
    json::object streamed = what;
    streamed["stream"] = true;
    streamed["stream_options"] = {{"include_usage", true}};
    std::istringstream lines(by.post("/v1/completions", streamed));
    std::string texts[2], last, reasons[2];
    json::value usage;
    for (std::string line; std::getline(lines, line);) {
        if (line.empty())
            continue;
        BOOST_TEST_REQUIRE(line.starts_with("data: "), line);
        last = line.substr(6);
        if (last == "[DONE]")
            break;
        const json::value chunk = json::parse(last);
        for (const json::value& choice : chunk.at("choices").as_array()) {
            const auto which = choice.at("index").to_number<std::size_t>();
            texts[which] += std::string_view(choice.at("text").as_string());
            if (!choice.at("finish_reason").is_null())
                reasons[which] = std::string(choice.at("finish_reason").as_string());
        }
        if (chunk.at("choices").as_array().empty())
            usage = chunk.at("usage");
    }
    BOOST_TEST(last == "[DONE]");
    for (std::size_t i : {0, 1}) {
        const json::value& choice = whole.at("choices").at(i);
        BOOST_TEST(texts[i] == std::string(choice.at("text").as_string()));
        BOOST_TEST(reasons[i] == std::string(choice.at("finish_reason").as_string()));
    }
    BOOST_TEST((usage == whole.at("usage")));
}

BOOST_AUTO_TEST_CASE(json_rpc_gets_the_same_in_notifications)
{
    served by;
    json::object params{
        {"prompt", "The database"}, {"max_tokens", 5}, {"stream", true}, {"model", model()}};
    std::string text;
    const auto reply = by.rpc.call(
        "completions", json::serialize(params),
        [&](std::string_view name, const json::value& told) {
            BOOST_TEST(name == "$/chunk");
            text += std::string_view(told.at("chunk").at("choices").at(0).at("text").as_string());
        });
    BOOST_TEST(reply.value().at("choices").at(0).at("text") == json::value(text));
}

BOOST_AUTO_TEST_CASE(a_model_without_a_chat_template_does_not_guess_one)
{
    served by;
    const std::string said =
        by.post("/v1/chat/completions",
                {{"messages", json::array{json::object{{"role", "user"}, {"content", "Hi"}}}}});
    BOOST_TEST(json::parse(said).at("error").at("message").as_string().find("chat_template") !=
               json::string::npos);
}

BOOST_AUTO_TEST_CASE(a_tokenizer_is_asked_as_vllm_has_it)
{
    served by;
    const json::value ids = by.ask("tokenize", {{"text", "The prince"}}).at("ids");
    for (const char* path : {"/tokenize", "/v1/tokenize"}) {
        const json::value told = json::parse(by.post(path, {{"prompt", "The prince"}}));
        BOOST_TEST((told.at("tokens") == ids), path);
        BOOST_TEST(told.at("count").to_number<std::size_t>() == ids.as_array().size());
        BOOST_TEST(told.at("max_model_len").to_number<int>() > 0);
    }
    const json::value text = json::parse(by.post("/detokenize", {{"tokens", ids}}));
    BOOST_TEST(text.at("prompt") == json::value("The prince"));
    const json::value longest = by.get("/v1/models").at("data").at(0).at("max_model_len");
    BOOST_TEST(longest.to_number<int>() > 0);
    const json::value info = by.get("/tokenizer_info"); // of the only one
    for (const char* each : {"eos_token", "bos_token", "pad_token", "chat_template"})
        BOOST_TEST(info.as_object().contains(each), each);
    BOOST_TEST(by.get("/v1/tokenizer_info?model=nothing").at("error").at("code") ==
               json::value("not_found"));
}

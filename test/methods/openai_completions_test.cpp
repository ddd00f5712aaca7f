// Completions as OpenAI's clients ask for them and read them.

#include "methods/completion_text.hpp"
#include "methods/daemon_of_test.hpp"

#include <limits>

using namespace warmd;
using namespace warmd::test;

namespace {

const std::string texts = R"("prompt":"ab")",
                  talk = R"("messages":[{"role":"user","content":"Hi"}])";

/// Whether what is refused is this parameter.
void is_refused(daemon_of_test& by, const std::string& method, const std::string& also,
                const std::string& name, const std::string& value)
{
    const failure why = by.refusal_of(method, with(also + ",\"" + name + "\":" + value));
    BOOST_TEST(why.param == name, method + ' ' + name + ": " + why.detail);
    BOOST_TEST((why.code == errc::invalid_params || why.code == errc::unsupported), name);
}

/// Whether it comes to the model, which completes nothing.
void is_taken(daemon_of_test& by, const std::string& method, const std::string& params)
{
    const failure why = by.refusal_of(method, with(params));
    BOOST_TEST(why.param == "", method + ' ' + params + ": " + why.detail);
    BOOST_TEST((why.code == errc::unsupported), why.detail);
}

} // namespace

BOOST_FIXTURE_TEST_CASE(what_is_honoured_is_taken, daemon_of_test)
{
    for (const char* each :
         {R"("prompt":"a")", R"("prompt":["a","b"])", R"("prompt":[1,2])", R"("prompt":[[1],[2]])",
          R"("prompt":"a","max_tokens":0,"echo":true)", R"("prompt":"a","temperature":0)",
          R"("prompt":"a","top_p":0.5,"top_k":3,"seed":7,"n":8)", R"("prompt":"a","stop":["x"])",
          R"("prompt":"a","logprobs":20,"prompt_logprobs":0)", R"("prompt":"a","user":"me")",
          R"("prompt":"a","stream":true,"stream_options":{"include_usage":true})",
          R"("prompt":"a","best_of":1,"suffix":"","logit_bias":{},"presence_penalty":0.0)",
          R"("prompt":"a","stop":null,"suffix":null,"logprobs":null,"user":null,"n":null)",
          R"("prompt":"a","return_token_ids":true,"return_tokens_as_token_ids":true)",
          R"("prompt":"a","add_special_tokens":false,"view":"base")",
          R"("prompt":"a","timeout":9,"keep_alive":9,"response_format":{"type":"text"})"})
        is_taken(*this, "completions", each);
    for (const std::string each :
         {"", R"(,"max_tokens":3,"tool_choice":"none","tools":[])", R"(,"logprobs":true)",
          R"(,"logprobs":true,"top_logprobs":5,"stream":true)", R"(,"max_completion_tokens":5)",
          R"(,"add_generation_prompt":false,"chat_template_kwargs":{"a":1})"})
        is_taken(*this, "chat_completions", talk + each);
}

BOOST_FIXTURE_TEST_CASE(what_openai_and_vllm_have_besides_is_refused_by_name, daemon_of_test)
{
    const std::pair<std::string, std::string> of_both[]{
        {"logit_bias", R"({"5":1})"},
        {"presence_penalty", "0.5"},
        {"frequency_penalty", "-1"},
        {"repetition_penalty", "1.1"},
        {"min_p", "0.1"},
        {"response_format", R"({"type":"json_object"})"},
        {"use_beam_search", "true"},
        {"length_penalty", "2"},
        {"stop_token_ids", "[1]"},
        {"include_stop_str_in_output", "true"},
        {"ignore_eos", "true"},
        {"min_tokens", "3"},
        {"skip_special_tokens", "false"},
        {"spaces_between_special_tokens", "false"},
        {"truncate_prompt_tokens", "5"},
        {"allowed_token_ids", "[1]"},
        {"bad_words", R"(["x"])"},
        {"guided_json", "{}"},
        {"guided_regex", R"("a")"},
        {"guided_choice", R"(["a"])"},
        {"guided_grammar", R"("a")"},
        {"guided_decoding_backend", R"("a")"},
        {"guided_whitespace_pattern", "1"},
        {"structured_outputs", "{}"},
        {"priority", "1"},
        {"logits_processors", "[]"},
        {"kv_transfer_params", "{}"},
        {"cache_salt", R"("a")"},
        {"request_id", R"("a")"},
        {"vllm_xargs", "{}"},
        {"n", "9"},
        {"n", "0"},
        {"temperature", "-1"},
        {"top_p", "0"},
        {"top_k", "-1"},
        {"seed", "1.5"},
        {"stop", R"([""])"},
        {"stop", "[" + std::string(R"("a",)") + "1]"},
        {"stream_options", "{}"},
        {"stream_options", R"({"include_usage":true})"}};
    for (const auto& [name, value] : of_both) {
        is_refused(*this, "completions", texts, name, value);
        is_refused(*this, "chat_completions", talk, name, value);
    }
    for (const auto& [name, value] :
         std::initializer_list<std::pair<std::string, std::string>>{{"suffix", R"("end")"},
                                                                    {"best_of", "2"},
                                                                    {"logprobs", "21"},
                                                                    {"logprobs", "true"},
                                                                    {"prompt_logprobs", "21"},
                                                                    {"prompt_logprobs", "-1"},
                                                                    {"max_tokens", "0"},
                                                                    {"prompt_embeds", R"("a")"},
                                                                    {"messages", "[]"}})
        is_refused(*this, "completions", texts, name, value);
    for (const auto& [name, value] : std::initializer_list<std::pair<std::string, std::string>>{
             {"audio", "{}"},
             {"modalities", R"(["audio"])"},
             {"function_call", R"("auto")"},
             {"functions", "[]"},
             {"tool_choice", R"("required")"},
             {"tool_choice", R"({"type":"function"})"},
             {"parallel_tool_calls", "false"},
             {"prediction", "{}"},
             {"reasoning_effort", R"("low")"},
             {"verbosity", R"("low")"},
             {"web_search_options", "{}"},
             {"service_tier", R"("flex")"},
             {"store", "true"},
             {"metadata", "{}"},
             {"logprobs", "5"},
             {"top_logprobs", "5"},
             {"max_tokens", "0"},
             {"max_completion_tokens", "0"},
             {"echo", "true"},
             {"mm_processor_kwargs", "{}"},
             {"prompt", R"("a")"}})
        is_refused(*this, "chat_completions", talk, name, value);
}

BOOST_FIXTURE_TEST_CASE(what_is_wrong_with_prompts_and_messages_is_said, daemon_of_test)
{
    for (const char* each : {"[]", "\"\"", "7", "{}", R"(["a",7])", "[1,-2]"})
        BOOST_TEST(refusal_of("completions", with(R"("prompt":)" + std::string(each))).param ==
                   "prompt");
    BOOST_TEST(refusal_of("completions", '{' + a + '}').param == "prompt");
    BOOST_TEST(refusal_of("completions", "{" + texts + "}").param == "model");
    const failure why = refusal_of(
        "chat_completions",
        with(R"("messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}])"));
    BOOST_TEST(why.param == "messages");
    BOOST_TEST(why.detail.find("only text parts are supported") != std::string::npos);
    const failure many = refusal_of(
        "completions",
        with(texts + R"(,"stop":["1","2","3","4","5","6","7","8","9","a","b","c","d","e","f","g",)"
                     R"("h"])"));
    BOOST_TEST(many.param == "stop");
    BOOST_TEST(
        refusal_of("completions", with(R"("prompt":[1,2],"echo":true,"stream":true)")).param ==
        "stream");
    BOOST_TEST(
        refusal_of("completions", with(texts + R"(,"prompt_logprobs":1,"stream":true)")).param ==
        "stream");
}

namespace {

listed_token listed(token_id id, std::optional<float> logprob, std::size_t offset)
{
    return {.id = id,
            .logprob = logprob,
            .rank = 2,
            .offset = offset,
            .top_ids = logprob ? std::vector<token_id>{7, id} : std::vector<token_id>{},
            .top_logprobs = logprob ? std::vector<float>{-0.25F, *logprob} : std::vector<float>{}};
}

/// "aé" of tokens 1 and 2, continued by 3, which is "!".
completed_prompts some()
{
    completed_prompts made;
    made.prompts.push_back({.text = "aé",
                            .ids = {1, 2},
                            .tokens = {listed(1, {}, 0), listed(2, -1.5F, 1)},
                            .choices = {}});
    made.prompts[0].choices.push_back(
        {.made = {.text = "!", .ids = {3}, .reason = generation_result::finish::eos},
         .tokens = {listed(3, -0.5F, 0)}});
    made.texts = {{1, "a"}, {2, "é"}, {3, "!"}, {7, "é"}};
    return made;
}

const completion_head head{"cmpl-1", 5, "m", "g"};

std::string choice_of(const completion_format& how, const completed_prompts& what = some())
{
    const json::value all = parsed(replies::completion(what, how, head, 10'000).value());
    return json::serialize(all.at("choices").at(0));
}

} // namespace

BOOST_AUTO_TEST_CASE(a_completion_is_written_as_openai_has_it)
{
    const std::string all = replies::completion(some(), {}, head, 1000).value();
    BOOST_TEST(all == R"({"id":"cmpl-1","object":"text_completion","created":5,"model":"m",)"
                      R"("system_fingerprint":"g","choices":[{"index":0,"text":"!",)"
                      R"("finish_reason":"stop","logprobs":null}],"usage":{"prompt_tokens":2,)"
                      R"("completion_tokens":1,"total_tokens":3}})");
    BOOST_TEST((replies::completion(some(), {}, head, 100).error().code == errc::too_large));
}

BOOST_AUTO_TEST_CASE(an_echo_lists_prompt_and_completion_in_one)
{
    BOOST_TEST(choice_of({.echo = true, .logprobs = 1}) ==
               R"({"index":0,"text":"aé!","finish_reason":"stop","logprobs":{)"
               R"("text_offset":[0,1,2],"tokens":["a","é","!"],"token_logprobs":[null,-1.5E0,)"
               R"(-5E-1],"top_logprobs":[null,{"é":-2.5E-1},{"é":-2.5E-1,"!":-5E-1}]}})");
    BOOST_TEST(choice_of({.logprobs = 0}) ==
               R"({"index":0,"text":"!","finish_reason":"stop","logprobs":{"text_offset":[0],)"
               R"("tokens":["!"],"token_logprobs":[-5E-1],"top_logprobs":[{"!":-5E-1}]}})");
    BOOST_TEST(choice_of({.echo = true, .logprobs = 1, .return_tokens_as_token_ids = true})
                   .find(R"("top_logprobs":[null,{"token_id:7":-2.5E-1,"token_id:2":-1.5E0})") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(prompt_logprobs_begin_with_the_token_itself)
{
    BOOST_TEST(choice_of({.prompt_logprobs = 1, .return_token_ids = true}) ==
               R"({"index":0,"text":"!","finish_reason":"stop","logprobs":null,)"
               R"("prompt_logprobs":[null,{"2":{"logprob":-1.5E0,"rank":2,"decoded_token":"é"},)"
               R"("7":{"logprob":-2.5E-1,"rank":1,"decoded_token":"é"}}],"token_ids":[3],)"
               R"("prompt_token_ids":[1,2]})");
}

BOOST_AUTO_TEST_CASE(what_is_impossible_has_a_number_that_json_can_write)
{
    completed_prompts what = some();
    what.prompts[0].tokens[1].logprob = -std::numeric_limits<float>::infinity();
    BOOST_TEST(
        choice_of({.echo = true, .logprobs = 0}, what).find(R"("token_logprobs":[null,-9999,)") !=
        std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_chat_is_written_as_openai_has_it)
{
    const completion_format how{.chat = true, .logprobs_of_chat = true, .top_logprobs = 2};
    BOOST_TEST(choice_of(how) ==
               R"({"index":0,"message":{"role":"assistant","content":"!"},"finish_reason":"stop",)"
               R"("logprobs":{"content":[{"token":"!","logprob":-5E-1,"bytes":[33],)"
               R"("top_logprobs":[{"token":"é","logprob":-2.5E-1,"bytes":[195,169]},)"
               R"({"token":"!","logprob":-5E-1,"bytes":[33]}]}]}})");
}

BOOST_AUTO_TEST_CASE(chunks_are_written_as_openai_has_them)
{
    const generated_token token{.text = "!", .id = 3, .choice = 4, .listed = {}, .texts = {}};
    BOOST_TEST(replies::token_chunk(token, {}, head, true, "ab") ==
               R"({"id":"cmpl-1","object":"text_completion","created":5,"model":"m",)"
               R"("system_fingerprint":"g","choices":[{"index":4,"text":"ab!","logprobs":null,)"
               R"("finish_reason":null}]})");
    BOOST_TEST(replies::token_chunk(token, {.chat = true}, head, true, "")
                   .find(R"("object":"chat.completion.chunk")") != std::string::npos);
    BOOST_TEST(replies::token_chunk(token, {.chat = true}, head, true, "")
                   .find(R"("delta":{"role":"assistant","content":"!"})") != std::string::npos);
    BOOST_TEST(replies::token_chunk(token, {.chat = true}, head, false, "")
                   .find(R"("delta":{"content":"!"})") != std::string::npos);
    const generation_result made{.text = "!", .ids = {3}};
    BOOST_TEST(replies::end_chunk(4, made, {.chat = true}, head)
                   .find(R"({"index":4,"delta":{},"logprobs":null,"finish_reason":"length"})") !=
               std::string::npos);
    BOOST_TEST(replies::usage_chunk(some(), {}, head).find(R"("choices":[],"usage":{)") !=
               std::string::npos);
}

// The contract of completions, in the words of OpenAI's HTTP interface and with its defaults; what
// vLLM adds to it as vLLM has it.

#include "methods/completion_request.hpp"
#include "methods/contract_parts.hpp"
#include "methods/reader.hpp"

#include <iterator>

namespace warmd::schema {

namespace {

constexpr integers count{}, choices{.least = 1, .most = 8};
constexpr integers any_seed{.most = std::numeric_limits<std::uint64_t>::max()};

/// Takes what changes no answer.
const destination nowhere{&owner_of<completion_format>,
                          [](reading&, const field&, const json_node&, void*) {}};

bool same(const json_node& a, const json_node& b)
{
    return a.is_number() && b.is_number() ? a.number() == b.number() : a.value() == b.value();
}

/// The same of one of a type's words.
const destination any_word{&owner_of<completion_format>,
                           [](reading& by, const field& of, const json_node& found, void*) {
                               (void)take_word(by, of, found);
                           }};

/// Takes its default only: anything else would change the answer, and is not built.
const destination default_only{
    &owner_of<completion_format>, [](reading& by, const field& of, const json_node& found, void*) {
        json_document document;
        if (!same(found, *document.read(of.otherwise).value()))
            by.refuse({errc::unsupported, std::string(of.name) + " can be " +
                                              std::string(of.otherwise) + " only, found " +
                                              excerpt(found.value())});
    }};

/// {"include_usage"?: bool}
const destination stream_options{
    &owner_of<completion_format>,
    [](reading& by, const field& of, const json_node& found, void* into) {
        const json_node* const told = found.is_object() ? found.find("include_usage") : nullptr;
        if (!told || !told->is_bool() || found.size() != 1)
            return by.wrong(of.name, wanted(by.by(), of), found);
        static_cast<completion_format*>(into)->include_usage = told->boolean();
    }};

field fixed(std::string_view name, std::string_view value, std::string_view doc)
{
    return {.name = name, .type = "any", .doc = doc, .otherwise = value, .into = default_only};
}

std::vector<field> sampling_fields()
{
    return {{.name = "temperature",
             .type = "number",
             .doc = "0: always the most probable token",
             .otherwise = "1",
             .within = numbers{.least = 0},
             .into = to<&complete::temperature>()},
            {.name = "top_p",
             .type = "number",
             .doc = "draw from the smallest set of this mass",
             .otherwise = "1",
             .within = numbers{.least = 0, .least_itself = false, .most = 1},
             .into = to<&complete::top_p>()},
            {.name = "top_k",
             .type = "integer",
             .doc = "draw from so many of the most probable; 0: from all",
             .otherwise = "0",
             .within = count,
             .into = to<&complete::top_k>()},
            {.name = "seed",
             .type = "integer",
             .doc = "the same seed gives the same text",
             .otherwise = "0",
             .within = any_seed,
             .into = to<&complete::seed>()},
            {.name = "stop",
             .type = "Stop",
             .doc = "end before any of these texts, 16 at most",
             .otherwise = "[]",
             .into = to<&complete::stop>()},
            {.name = "n",
             .type = "integer",
             .doc = "so many choices, drawn with seed, seed + 1, ...",
             .otherwise = "1",
             .within = choices,
             .into = to<&complete::choices>()}};
}

std::vector<field> other_fields()
{
    return {{.name = "stream",
             .type = "boolean",
             .doc = "send the text as it grows, in chunks",
             .otherwise = "false",
             .into = to<&operation_request::stream>()},
            {.name = "stream_options",
             .type = "StreamOptions",
             .doc = "include_usage: a last chunk with it",
             .optional = true,
             .into = stream_options},
            fixed("logit_bias", "{}", "not built"),
            fixed("presence_penalty", "0", "not built"),
            fixed("frequency_penalty", "0", "not built"),
            fixed("repetition_penalty", "1", "not built"),
            fixed("min_p", "0", "not built"),
            fixed("response_format", R"({"type":"text"})", "nothing but text is built"),
            {.name = "user",
             .type = "string",
             .doc = "changes nothing",
             .optional = true,
             .into = nowhere}};
}

std::vector<field> completion_fields()
{
    return {{.name = "view",
             .type = "View",
             .doc = "how to look at the model; else as its name says",
             .otherwise = R"("ft")",
             .into = to_view_of_model<&complete::through>()},
            {.name = "prompt",
             .type = "Prompts",
             .doc = "what to continue",
             .into = to<&complete::prompts>()},
            {.name = "max_tokens",
             .type = "integer",
             .doc = "at most so many new tokens; 0 with echo or prompt_logprobs",
             .otherwise = "16",
             .within = count,
             .into = to<&complete::max_new_tokens>()},
            {.name = "echo",
             .type = "boolean",
             .doc = "the text begins with the prompt",
             .otherwise = "false",
             .into = to<&completion_format::echo>()},
            {.name = "logprobs",
             .type = "integer",
             .doc = "list the text's tokens, each with so many of the most probable ones",
             .optional = true,
             .within = count,
             .into = to<&completion_format::logprobs>()},
            {.name = "prompt_logprobs",
             .type = "integer",
             .doc = "list the prompt's tokens by their ids, the same way",
             .optional = true,
             .within = count,
             .into = to<&completion_format::prompt_logprobs>()},
            {.name = "return_tokens_as_token_ids",
             .type = "boolean",
             .doc = "tokens are listed as token_id:ID in place of their texts",
             .otherwise = "false",
             .into = to<&completion_format::return_tokens_as_token_ids>()},
            {.name = "return_token_ids",
             .type = "boolean",
             .doc = "choices have token_ids and prompt_token_ids",
             .otherwise = "false",
             .into = to<&completion_format::return_token_ids>()},
            {.name = "add_special_tokens",
             .type = "boolean",
             .doc = "with what the tokenizer puts around a text",
             .otherwise = "true",
             .into = to<&complete::add_special_tokens>()},
            fixed("suffix", R"("")", "not built"),
            fixed("best_of", "1", "not built")};
}

std::vector<field> chat_fields()
{
    return {{.name = "view",
             .type = "View",
             .doc = "how to look at the model; else as its name says",
             .otherwise = R"("ft")",
             .into = to_view_of_model<&complete::through>()},
            {.name = "tool_choice",
             .type = "ToolChoice",
             .doc = "either: the template is given the tools, and the model's text comes as it is",
             .otherwise = R"("auto")",
             .into = any_word},
            {.name = "max_tokens",
             .type = "integer",
             .doc = "at most so many new tokens",
             .otherwise = "1024",
             .within = integers{.least = 1},
             .into = to<&complete::max_new_tokens>()},
            {.name = "max_completion_tokens",
             .type = "integer",
             .doc = "the newer name of max_tokens; it wins",
             .optional = true,
             .within = integers{.least = 1},
             .into = to<&completion_format::max_completion_tokens>()},
            {.name = "logprobs",
             .type = "boolean",
             .doc = "list the answer's tokens",
             .otherwise = "false",
             .into = to<&completion_format::logprobs_of_chat>()},
            {.name = "top_logprobs",
             .type = "integer",
             .doc = "with logprobs: so many of the most probable tokens in each one's place",
             .optional = true,
             .within = count,
             .into = to<&completion_format::top_logprobs>()},
            {.name = "return_token_ids",
             .type = "boolean",
             .doc = "choices have token_ids and prompt_token_ids",
             .otherwise = "false",
             .into = to<&completion_format::return_token_ids>()}};
}

/// What both kinds answer, but for what their choices are.
std::vector<field> completion_result(std::string_view choices_type)
{
    return {{.name = "id", .type = "string", .doc = "of this answer"},
            {.name = "object", .type = "string", .doc = "which kind of answer it is"},
            {.name = "created", .type = "integer", .doc = "Unix time"},
            {.name = "model", .type = "string", .doc = "as it was named, or its key"},
            {.name = "system_fingerprint",
             .type = "string",
             .doc = "of the weights: another after their files are rewritten"},
            {.name = "choices", .type = choices_type, .doc = "by prompts, then by their seeds"},
            {.name = "usage", .type = "Usage", .doc = "tokens"}};
}

method of_openai(method what, std::vector<std::vector<field>> fields)
{
    std::vector<field> own;
    for (auto& some : fields)
        own.insert(own.end(), std::make_move_iterator(some.begin()),
                   std::make_move_iterator(some.end()));
    what.params = about_a_model({.name = "model",
                                 .type = "Model",
                                 .doc = "what to ask",
                                 .into = to<&operation_request::model>()},
                                std::move(own));
    what.errors = errors_of_a_load();
    what.null_is_absent = true;
    return what;
}

} // namespace

std::vector<method> completion_methods()
{
    return {of_openai({.name = "completions",
                       .summary = "Continues prompts, as POST /v1/completions has it",
                       .result = completion_result("Choice[]")},
                      {completion_fields(), sampling_fields(), other_fields()}),
            of_openai({.name = "chat_completions",
                       .summary = "Answers a conversation, as POST /v1/chat/completions has it",
                       .result = completion_result("ChatChoice[]")},
                      {conversation_members(), chat_fields(), sampling_fields(), other_fields()})};
}

std::vector<type> completion_types()
{
    const field token_ids{
        .name = "token_ids", .type = "TokenId[]", .doc = "with return_token_ids", .optional = true};
    const field prompt_token_ids{.name = "prompt_token_ids",
                                 .type = "TokenId[]",
                                 .doc = "with return_token_ids",
                                 .optional = true};
    const field index{
        .name = "index", .type = "integer", .doc = "of the prompt, times n, and of the choice"};
    const field finish_reason{
        .name = "finish_reason", .type = "CompletionEnd", .doc = "why it ended"};
    return {{.name = "Prompts",
             .wanted = "a string, an array of token ids, or an array of such prompts, not empty",
             .one_of = {"string", "TokenId[]", "Text[]"}},
            {.name = "StreamOptions",
             .wanted = R"({"include_usage": true or false})",
             .members = {{.name = "include_usage",
                          .type = "boolean",
                          .doc = "a last chunk with the usage and no choices"}}},
            {.name = "ToolChoice", .wanted = "", .words = {"auto", "none"}},
            {.name = "CompletionEnd", .wanted = "", .words = {"stop", "length"}},
            {.name = "Usage",
             .wanted = "tokens",
             .members = {{.name = "prompt_tokens", .type = "integer", .doc = "of all prompts"},
                         {.name = "completion_tokens", .type = "integer", .doc = "new ones"},
                         {.name = "total_tokens", .type = "integer", .doc = "both"}}},
            {.name = "Choice",
             .wanted = "a completion",
             .plural = "completions",
             .members = {index,
                         {.name = "text", .type = "string", .doc = "what was added"},
                         finish_reason,
                         {.name = "logprobs",
                          .type = "object|null",
                          .doc = "text_offset, tokens, token_logprobs, top_logprobs"},
                         {.name = "prompt_logprobs",
                          .type = "any",
                          .doc = "of each token, by ids; null for the first",
                          .optional = true},
                         token_ids,
                         prompt_token_ids}},
            {.name = "ChatChoice",
             .wanted = "an answer",
             .plural = "answers",
             .members = {index,
                         {.name = "message", .type = "object", .doc = "role and content"},
                         finish_reason,
                         {.name = "logprobs",
                          .type = "object|null",
                          .doc = "content: token, logprob, bytes and top_logprobs of each"},
                         token_ids,
                         prompt_token_ids}}};
}

} // namespace warmd::schema

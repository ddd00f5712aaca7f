// The contract of tokenizers as vLLM's HTTP interface has them.

#include "methods/contract_parts.hpp"
#include "methods/reader.hpp"
#include "methods/requests.hpp"

namespace warmd::schema {

namespace {

const field longest{
    .name = "max_model_len",
    .type = "integer|null",
    .doc = "tokens that an input may have with what is generated, where the kind says"};

method of_vllm(method what)
{
    what.params = about_a_model({.name = "model",
                                 .type = "Model",
                                 .doc = "whose tokenizer; else that of the only model that is "
                                        "configured or resident",
                                 .optional = true,
                                 .into = to<&tokenizer_request::model>()},
                                std::move(what.params));
    what.errors = errors_of_a_load();
    what.null_is_absent = true;
    return what;
}

method tokenize_prompt_method()
{
    return {.name = "tokenize_prompt",
            .summary = "A text's tokens, as POST /tokenize has it",
            .params = {{.name = "prompt",
                        .type = "Text",
                        .doc = "the text; ids stay as they are",
                        .into = to<&tokenize::text>()},
                       {.name = "add_special_tokens",
                        .type = "boolean",
                        .doc = "with what the tokenizer puts around a text",
                        .otherwise = "true",
                        .into = to<&tokenize::add_special_tokens>()}},
            .result = {{.name = "tokens", .type = "TokenId[]", .doc = "the tokens"},
                       {.name = "count", .type = "integer", .doc = "of them"},
                       longest}};
}

method detokenize_tokens_method()
{
    return {.name = "detokenize_tokens",
            .summary = "The text of tokens, as POST /detokenize has it",
            .params = {{.name = "tokens",
                        .type = "TokenId[]",
                        .doc = "the tokens",
                        .into = to<&detokenize::ids>()}},
            .result = {{.name = "prompt", .type = "string", .doc = "what they stand for"}}};
}

method tokenizer_info_method()
{
    const auto token = [](std::string_view name, std::string_view doc) {
        return field{.name = name, .type = "string|null", .doc = doc};
    };
    return {.name = "tokenizer_info",
            .summary = "What a tokenizer's special tokens are, as GET /tokenizer_info has it",
            .result = {token("eos_token", "ends a text"), token("bos_token", "begins one"),
                       token("pad_token", "fills one up"),
                       token("chat_template",
                             "the template of a conversation without tools, as it stands")}};
}

} // namespace

std::vector<method> tokenizer_methods()
{
    return {of_vllm(tokenize_prompt_method()), of_vllm(detokenize_tokens_method()),
            of_vllm(tokenizer_info_method())};
}

} // namespace warmd::schema

// The contract of the operations on a model.

#include "methods/contract_parts.hpp"
#include "methods/reader.hpp"
#include "methods/requests.hpp"

namespace warmd::schema {

namespace {

constexpr numbers at_least_0{.least = 0};
constexpr numbers probability{.least = 0, .least_itself = false, .most = 1};
constexpr integers count{}, at_least_1{.least = 1};
constexpr integers any_seed{.most = std::numeric_limits<std::uint64_t>::max()};

/// A method that runs an operation on `model`.
method operation_on_a_model(method what)
{
    const field model{.name = "model",
                      .type = "Model",
                      .doc = "what to ask",
                      .into = to<&operation_request::model>()};
    what.params = about_a_model(model, std::move(what.params));
    what.errors = errors_of_a_load();
    return what;
}

template <auto member>
field view_field(std::string_view name = "view",
                 std::string_view doc = "how to look at the model; else as its name says")
{
    return {.name = name,
            .type = "View",
            .doc = doc,
            .otherwise = R"("ft")",
            .into = to_view_of_model<member>()};
}

template <auto member>
field top_k_field()
{
    return {.name = "top_k",
            .type = "integer",
            .doc = "so many of the most probable tokens",
            .otherwise = "256",
            .within = at_least_1,
            .into = to<member>()};
}

template <auto member>
field bos_field()
{
    return {.name = "bos",
            .type = "boolean",
            .doc = "the model's BOS before texts whose tokenizer adds none",
            .otherwise = "false",
            .into = to<member>()};
}

template <auto member>
field on_error_field()
{
    return {.name = "on_error",
            .type = "FailureScope",
            .doc = "what fails with an input that cannot be scored",
            .otherwise = R"("request")",
            .into = to<member>()};
}

method tokenize_method()
{
    return {.name = "tokenize",
            .summary = "A text's tokens",
            .params = {{.name = "text",
                        .type = "Text",
                        .doc = "the text; ids stay as they are",
                        .into = to<&tokenize::text>()},
                       {.name = "add_special_tokens",
                        .type = "boolean",
                        .doc = "with what the tokenizer puts around a text",
                        .otherwise = "true",
                        .into = to<&tokenize::add_special_tokens>()}},
            .result = {
                {.name = "ids", .type = "TokenId[]", .doc = "the tokens"},
                {.name = "tokens", .type = "string[]", .doc = "the vocabulary's entry for each"}}};
}

method detokenize_method()
{
    return {.name = "detokenize",
            .summary = "The text of tokens",
            .params = {{.name = "ids",
                        .type = "TokenId[]",
                        .doc = "the tokens",
                        .into = to<&detokenize::ids>()},
                       {.name = "skip_special_tokens",
                        .type = "boolean",
                        .doc = "leave special tokens out",
                        .otherwise = "false",
                        .into = to<&detokenize::skip_special_tokens>()}},
            .result = {{.name = "text", .type = "string", .doc = "what they stand for"}}};
}

method next_token_method()
{
    return {.name = "next_token",
            .summary = "Distributions of the token after each prompt",
            .params = {view_field<&next_token::through>(),
                       {.name = "prompts",
                        .type = "Text[]",
                        .doc = "what goes before the token",
                        .into = to<&next_token::prompts>()},
                       top_k_field<&next_token::top_k>(),
                       bos_field<&next_token::bos>(),
                       on_error_field<&next_token::on_error>()},
            .result = {{.name = "distributions",
                        .type = "Prediction[]",
                        .doc = "one for each prompt, in order"}}};
}

method logprob_method()
{
    return {.name = "logprob",
            .summary = "Log-probabilities of completions after their prompts, in nats",
            .params = {view_field<&logprob::through>(),
                       {.name = "items",
                        .type = "Item[]",
                        .doc = "prompts with their completions",
                        .into = to<&logprob::items>()},
                       bos_field<&logprob::bos>(),
                       on_error_field<&logprob::on_error>()},
            .result = {{.name = "results",
                        .type = "CompletionScore[]",
                        .doc = "one for each item, in order"}}};
}

method rolling_logprob_method()
{
    return {.name = "rolling_logprob",
            .summary = "Log-probabilities of texts, in nats, and their perplexity",
            .params = {view_field<&rolling_logprob::through>(),
                       {.name = "texts",
                        .type = "Text[]",
                        .doc = "what to score",
                        .into = to<&rolling_logprob::texts>()},
                       bos_field<&rolling_logprob::bos>(),
                       on_error_field<&rolling_logprob::on_error>()},
            .result = {
                {.name = "results", .type = "TextScore[]", .doc = "one for each text, in order"}}};
}

std::vector<field> generate_params()
{
    return {view_field<&generate::through>(),
            {.name = "prompt",
             .type = "Text",
             .doc = "what to continue",
             .into = to<&generate::prompt>()},
            {.name = "max_new_tokens",
             .type = "integer",
             .doc = "at most so many tokens",
             .within = at_least_1,
             .into = to<&generate::max_new_tokens>()},
            {.name = "temperature",
             .type = "number",
             .doc = "0: always the most probable token",
             .otherwise = "0",
             .within = at_least_0,
             .into = to<&generate::temperature>()},
            {.name = "top_p",
             .type = "number",
             .doc = "draw from the smallest set of this mass",
             .otherwise = "1",
             .within = probability,
             .into = to<&generate::top_p>()},
            {.name = "top_k",
             .type = "integer",
             .doc = "draw from so many of the most probable; 0: from all",
             .otherwise = "0",
             .within = count,
             .into = to<&generate::top_k>()},
            {.name = "seed",
             .type = "integer",
             .doc = "the same seed gives the same text",
             .otherwise = "0",
             .within = any_seed,
             .into = to<&generate::seed>()},
            {.name = "stop",
             .type = "Stop",
             .doc = "end before any of these texts",
             .otherwise = "[]",
             .into = to<&generate::stop>()},
            {.name = "stop_token_ids",
             .type = "TokenId[]",
             .doc = "end at any of these tokens",
             .otherwise = "[]",
             .into = to<&generate::stop_token_ids>()},
            bos_field<&generate::bos>(),
            {.name = "stream",
             .type = "boolean",
             .doc = "send a $/token notification for each token before the result",
             .otherwise = "false",
             .into = to<&operation_request::stream>()}};
}

method generate_method()
{
    return {.name = "generate",
            .summary = "Continues a prompt",
            .params = generate_params(),
            .result = {{.name = "text",
                        .type = "string",
                        .doc = "what was added, special tokens left out, cut before a stop text"},
                       {.name = "token_ids", .type = "TokenId[]", .doc = "its tokens"},
                       {.name = "finish_reason", .type = "FinishReason", .doc = "why it ended"}}};
}

method divergence_method()
{
    return {.name = "divergence",
            .summary = "How far two views' next-token distributions are apart, in nats",
            .params = {{.name = "kind",
                        .type = "DivergenceKind",
                        .doc = "Jensen-Shannon, or KL(to || from)",
                        .otherwise = R"("js")",
                        .into = to<&diverge::kind>()},
                       {.name = "from",
                        .type = "View",
                        .doc = "one view",
                        .otherwise = R"("base")",
                        .into = to<&diverge::from>()},
                       view_field<&diverge::to>("to", "the other view; else as model's name says"),
                       {.name = "prompts",
                        .type = "Text[]",
                        .doc = "what goes before the token",
                        .within = elements{1},
                        .into = to<&diverge::prompts>()},
                       top_k_field<&diverge::top_k>(),
                       bos_field<&diverge::bos>(),
                       on_error_field<&diverge::on_error>()},
            .result = {{.name = "kind", .type = "DivergenceKind", .doc = "as asked for"},
                       {.name = "per_prompt", .type = "Distance[]", .doc = "in order"},
                       {.name = "mean", .type = "number|null", .doc = "of those that there are"},
                       {.name = "max", .type = "number|null", .doc = "of those that there are"},
                       {.name = "ci_95",
                        .type = "Bound[]",
                        .doc = "low and high end of the mean's 95 % interval (bootstrap)"}}};
}

} // namespace

std::vector<method> operation_methods()
{
    std::vector<method> all;
    for (auto* each : {tokenize_method, detokenize_method, next_token_method, logprob_method,
                       rolling_logprob_method, generate_method, divergence_method})
        all.push_back(operation_on_a_model(each()));
    return all;
}

} // namespace warmd::schema

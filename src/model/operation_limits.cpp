#include "model/operation_limits.hpp"

#include <algorithm>
#include <string>

namespace warmd {

namespace {

/// What an operation asks for.
struct demand {
    std::size_t prompts = 1;
    std::size_t tokens = 0; ///< at least
};

std::size_t tokens_of(const text_or_ids& text)
{
    const auto* const ids = std::get_if<std::vector<token_id>>(&text);
    return ids ? ids->size() : 0;
}

demand demand_of(const std::vector<text_or_ids>& texts)
{
    demand all{.prompts = texts.size()};
    for (const text_or_ids& each : texts)
        all.tokens += tokens_of(each);
    return all;
}

demand demand_of(const render&) { return {}; }
demand demand_of(const describe_chat_template&) { return {}; }
demand demand_of(const describe_tokenizer&) { return {}; }
demand demand_of(const tokenize& what) { return {.tokens = tokens_of(what.text)}; }
demand demand_of(const detokenize& what) { return {.tokens = what.ids.size()}; }
demand demand_of(const next_token& what) { return demand_of(what.prompts); }
demand demand_of(const rolling_logprob& what) { return demand_of(what.texts); }
demand demand_of(const diverge& what) { return demand_of(what.prompts); }
demand demand_of(const generate& what)
{
    return {.tokens = tokens_of(what.prompt) + what.max_new_tokens};
}
demand demand_of(const complete& what)
{
    const demand once = demand_of(what.prompts);
    return {.prompts = once.prompts * what.choices,
            .tokens = what.choices * (once.tokens + once.prompts * what.max_new_tokens)};
}
demand demand_of(const logprob& what)
{
    demand all{.prompts = what.items.size()};
    for (const logprob::item& each : what.items)
        all.tokens += tokens_of(each.prompt) + tokens_of(each.completion);
    return all;
}

} // namespace

failure too_many_tokens(std::size_t found, std::size_t allowed)
{
    return {errc::invalid_params, "the request has " + std::to_string(found) +
                                      " tokens; max_tokens allows " + std::to_string(allowed)};
}

failure at_item(std::string_view list, std::size_t index, failure why)
{
    why.detail = std::string(list) + '[' + std::to_string(index) + "]: " + why.detail;
    return why;
}

std::optional<failure> too_much_to_list(const operation& what, std::size_t vocab_size,
                                        std::size_t max_reply_bytes)
{
    constexpr std::size_t least_bytes =
        4; // of a token in a list: a digit of its id, a digit of its logprob, two commas
    const auto listed_by = [vocab_size](const auto& each) {
        return each.prompts.size() * std::min(each.top_k, vocab_size);
    };
    const auto* const slices = std::get_if<next_token>(&what);
    const auto* const compared = std::get_if<diverge>(&what);
    const std::size_t listed = slices ? listed_by(*slices) : compared ? listed_by(*compared) : 0;
    return listed > max_reply_bytes / least_bytes ? std::optional(reply_too_large(max_reply_bytes))
                                                  : std::nullopt;
}

std::optional<failure> over_limits(const operation& what, const request_limits& limits)
{
    const demand asked = std::visit([](const auto& each) { return demand_of(each); }, what);
    if (asked.prompts > limits.max_prompts)
        return failure{errc::invalid_params, "the request has " + std::to_string(asked.prompts) +
                                                 " prompts, texts or items; max_prompts allows " +
                                                 std::to_string(limits.max_prompts)};
    if (asked.tokens > limits.max_tokens)
        return too_many_tokens(asked.tokens, limits.max_tokens);
    return {};
}

} // namespace warmd

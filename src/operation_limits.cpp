#include "operation_limits.hpp"

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

demand demand_of(const tokenize& what) { return {.tokens = tokens_of(what.text)}; }
demand demand_of(const detokenize& what) { return {.tokens = what.ids.size()}; }
demand demand_of(const next_token& what) { return demand_of(what.prompts); }
demand demand_of(const rolling_logprob& what) { return demand_of(what.texts); }
demand demand_of(const diverge& what) { return demand_of(what.prompts); }
demand demand_of(const generate& what) { return {.tokens = tokens_of(what.prompt) + what.max_new_tokens}; }
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
    return {errc::invalid_params, "the request has " + std::to_string(found) + " tokens; max_tokens allows " + std::to_string(allowed)};
}

std::optional<failure> over_limits(const operation& what, const request_limits& limits)
{
    const demand asked = std::visit([](const auto& each) { return demand_of(each); }, what);
    if (asked.prompts > limits.max_prompts)
        return failure{errc::invalid_params, "the request has " + std::to_string(asked.prompts) + " prompts, texts or items; max_prompts allows " +
                                                 std::to_string(limits.max_prompts)};
    if (asked.tokens > limits.max_tokens)
        return too_many_tokens(asked.tokens, limits.max_tokens);
    return {};
}

} // namespace warmd

#include "hf/calls/inputs.hpp"

#include <algorithm>
#include <string>

namespace warmd::hf {

namespace {

failure bad(std::string detail) { return failure{errc::invalid_params, std::move(detail)}; }

} // namespace

result<void> check_ids(const std::vector<token_id>& ids, const model_config& config)
{
    for (const token_id id : ids)
        if (id < 0 || static_cast<std::size_t>(id) >= config.vocab_size)
            return bad("token id " + std::to_string(id) + " is outside the model's vocabulary of " +
                       std::to_string(config.vocab_size));
    return {};
}

result<inputs> inputs::of(const model_config& config, const tokenizer& words,
                          const chat_writer& chats, bool bos)
{
    if (!bos)
        return inputs(config, words, chats, std::nullopt);
    const std::optional<token_id> own = words.bos() ? words.bos() : config.bos;
    if (own)
        return inputs(config, words, chats, own);
    return failure{errc::unsupported,
                   "bos: this model has no BOS token: neither bos_token of tokenizer_config.json "
                   "nor bos_token_id of config.json names one"};
}

result<std::optional<inputs::text>> inputs::text_of(const text_or_ids& input) const
{
    if (const auto* const given = std::get_if<std::string>(&input))
        return std::optional(text{*given, true});
    const auto* const chat = std::get_if<std::shared_ptr<const chat_prompt>>(&input);
    if (!chat)
        return std::optional<text>();
    auto written = (*chats_)(**chat);
    if (!written)
        return written.error();
    return std::optional(text{std::move(written->text), false});
}

std::vector<token_id> inputs::encode(const text& what) const
{
    std::vector<token_id> ids = words_->encode(what.utf8, what.bare);
    if (bos_ && (ids.empty() || ids.front() != *bos_))
        ids.insert(ids.begin(), *bos_);
    return ids;
}

result<std::vector<token_id>> inputs::ids_of(const text_or_ids& input) const
{
    const auto written = text_of(input);
    if (!written)
        return written.error();
    return ids_of(input, *written);
}

result<std::vector<token_id>> inputs::ids_of(const text_or_ids& input,
                                             const std::optional<text>& written) const
{
    std::vector<token_id> ids = written ? encode(*written) : std::get<std::vector<token_id>>(input);
    if (auto sound = check(ids); !sound)
        return sound.error();
    return ids;
}

result<std::vector<token_id>> inputs::filled_ids_of(const text_or_ids& input) const
{
    auto ids = ids_of(input);
    if (ids && ids->empty())
        return bad(!std::holds_alternative<std::vector<token_id>>(input)
                       ? "it must have at least one token, and this model's tokenizer adds none "
                         "to an empty text (\"bos\": true puts the model's BOS before it)"
                       : "it must have at least one token, found an empty array of ids");
    return ids;
}

result<read_prompt> inputs::prompt_of(const text_or_ids& input, bool add_special_tokens) const
{
    auto written = text_of(input);
    if (!written)
        return written.error();
    if (*written)
        (*written)->bare = (*written)->bare && add_special_tokens;
    auto ids = ids_of(input, *written);
    if (!ids)
        return ids.error();
    if (ids->empty())
        return bad("it must have at least one token, and has none");
    read_prompt made{std::move(*ids), {}};
    if (*written)
        made.text = std::move((*written)->utf8);
    return made;
}

result<scored_ids> inputs::split(const logprob::item& item) const
{
    const auto prompt_text = text_of(item.prompt);
    if (!prompt_text)
        return prompt_text.error();
    const auto prompt = ids_of(item.prompt, *prompt_text);
    if (!prompt)
        return prompt.error();
    const auto completion = text_of(item.completion);
    if (!completion)
        return completion.error();
    std::vector<token_id> all;
    if (*prompt_text && *completion) {
        all = encode({(*prompt_text)->utf8 + (*completion)->utf8, (*prompt_text)->bare});
    } else {
        all = *prompt;
        const auto rest = *completion ? words_->encode((*completion)->utf8, false)
                                      : std::get<std::vector<token_id>>(item.completion);
        all.insert(all.end(), rest.begin(), rest.end());
    }
    if (auto sound = check(all); !sound)
        return sound.error();
    const auto shared = static_cast<std::size_t>(
        std::mismatch(prompt->begin(), prompt->end(), all.begin(), all.end()).second - all.begin());
    if (shared == all.size())
        return bad("the completion adds no token to the prompt's " +
                   std::to_string(prompt->size()));
    return scored_ids{std::move(all), shared};
}

result<void> inputs::check(const std::vector<token_id>& ids) const
{
    if (ids.size() > config_->max_positions)
        return bad("an input of " + std::to_string(ids.size()) +
                   " tokens exceeds the model's context of " +
                   std::to_string(config_->max_positions));
    return check_ids(ids, *config_);
}

} // namespace warmd::hf

#include "hf/calls/generation.hpp"

#include "hf/calls/sampling.hpp"

#include <algorithm>
#include <cmath>

namespace warmd::hf {

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

/// "<0xE2>": a token for one byte, whose character is known only when the run of them ends.
bool is_byte_token(std::string_view text)
{
    return text.size() == 6 && text.starts_with("<0x") && text.ends_with(">");
}

/// How many bytes at the end of `text` could begin `stop`.
std::size_t begun(std::string_view text, std::string_view stop)
{
    for (std::size_t length = std::min(text.size(), stop.size() - 1); length != 0; --length)
        if (text.ends_with(stop.substr(0, length)))
            return length;
    return 0;
}

bool contains(const std::vector<token_id>& ids, token_id id)
{
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

} // namespace

generation::generation(std::vector<token_id> prompt, const generate& how,
                       const model_config& config, const tokenizer& words,
                       const std::function<void(const generated_token&)>& on_token)
    : sequence(std::move(prompt)), how_(how), config_(config), words_(words), on_token_(on_token),
      stop_ids_(how.stop_token_ids), random_(how.seed)
{
    for (const std::string& stop : how.stop) // special tokens are left out of the text
        if (const auto id = words.id_of(stop); id && words.is_special(*id))
            stop_ids_.push_back(*id);
}

void generation::receive(std::size_t position, std::span<const float> logits)
{
    if (position + 1 != ids_.size())
        return;
    const token_id likeliest = greedy(logits);
    generated_token token{.text = {}, .id = likeliest, .logprob = logprob_of(logits, likeliest)};
    odd_ = !std::isfinite(token.logprob);
    if (!odd_ && how_.temperature > 0) {
        token.id = draw(logits, how_.temperature, how_.top_p, how_.top_k, random_);
        token.logprob = logprob_of(logits, token.id);
    }
    drawn_ = std::move(token);
}

void generation::stepped()
{
    if (!drawn_)
        return; // within the prompt
    generated_token token = std::move(*drawn_);
    drawn_.reset();
    finished_ = true;
    if (odd_) {
        ids_.push_back(0); // keeps wanted() at what has been fed
        return;
    }
    using finish = generation_result::finish;
    const bool stopped = contains(stop_ids_, token.id);
    ids_.push_back(token.id);
    result_.ids.push_back(token.id);
    if (!stopped)
        result_.text = words_.decode(result_.ids, true);
    if (contains(config_.eos, token.id))
        result_.reason = finish::eos;
    else if (stopped || find_stop())
        result_.reason = finish::stop;
    else if (result_.ids.size() >= how_.max_new_tokens || ids_.size() >= config_.longest_input())
        result_.reason = finish::length;
    else
        finished_ = false;
    if (!on_token_)
        return;
    const std::size_t known = finished_ ? result_.text.size() : settled();
    if (known > sent_) {
        token.text = result_.text.substr(sent_, known - sent_);
        sent_ = known;
    }
    on_token_(token);
}

/// Cuts the text before the first stop string, if there is one.
bool generation::find_stop()
{
    std::size_t first = std::string::npos;
    for (const std::string& stop : how_.stop)
        first = std::min(first, result_.text.find(stop));
    if (first == std::string::npos)
        return false;
    result_.text.resize(first);
    return true;
}

/// How much of the text no later token can change: not an incomplete character, not the beginning
/// of a stop string.
std::size_t generation::settled() const
{
    std::size_t whole = result_.ids.size();
    while (whole != 0 && is_byte_token(words_.token_text(result_.ids[whole - 1])))
        --whole;
    std::string_view text = result_.text;
    if (whole != result_.ids.size())
        text = text.substr(0, words_.decode(std::span(result_.ids).first(whole), true).size());
    while (text.ends_with(replacement))
        text.remove_suffix(replacement.size());
    std::size_t held = 0;
    for (const std::string& stop : how_.stop)
        held = std::max(held, begun(text, stop));
    return text.size() - held;
}

result<generation_result> generation::take()
{
    if (odd_)
        return failure{errc::backend_failed, "the model's logits are not finite"};
    return std::move(result_);
}

} // namespace warmd::hf

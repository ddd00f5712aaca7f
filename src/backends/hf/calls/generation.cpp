#include "hf/calls/generation.hpp"

#include "hf/calls/sampling.hpp"

#include <algorithm>
#include <cmath>

namespace warmd::hf {

namespace {

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
    : sequence(std::move(prompt)), how_(how), config_(config), on_token_(on_token),
      stop_ids_(how.stop_token_ids), random_(how.seed), text_(words)
{
    for (const std::string& stop : how.stop) // special tokens are left out of the text
        if (const auto id = words.id_of(stop); id && words.is_special(*id))
            stop_ids_.push_back(*id);
}

std::size_t generation::most_wanted() const
{
    const std::size_t left =
        how_.max_new_tokens - std::min(how_.max_new_tokens, result_.ids.size());
    const std::size_t longest = std::max(config_.longest_input(), ids_.size());
    return left > longest - ids_.size() ? longest : ids_.size() + left - (left != 0 ? 1 : 0);
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
        text_.add(token.id);
    std::string_view text = text_.text();
    if (contains(config_.eos, token.id))
        result_.reason = finish::eos;
    else if (stopped || find_stop(text))
        result_.reason = finish::stop;
    else if (result_.ids.size() >= how_.max_new_tokens || ids_.size() >= config_.longest_input())
        result_.reason = finish::length;
    else
        finished_ = false;
    if (finished_)
        result_.text = text;
    if (!on_token_)
        return;
    const std::size_t known = finished_ ? text.size() : certain();
    if (known > sent_) {
        token.text = text.substr(sent_, known - sent_);
        sent_ = known;
    }
    on_token_(token);
}

/// Cuts `text` before the first stop string, if there is one.
bool generation::find_stop(std::string_view& text)
{
    std::size_t first = std::string::npos;
    for (const std::string& stop : how_.stop)
        first = std::min(first, text.find(stop, searched_ - std::min(searched_, stop.size() - 1)));
    searched_ = text_.settled();
    if (first == std::string::npos)
        return false;
    text = text.substr(0, first);
    return true;
}

/// How much of the text is there to stay: what no later token can change, but for the beginning of
/// a stop string.
std::size_t generation::certain() const
{
    const std::string_view text = std::string_view(text_.text()).substr(0, text_.settled());
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

#include "hf/calls/generation.hpp"

#include "hf/calls/sampling.hpp"
#include "hf/calls/token_texts.hpp"
#include "hf/text/utf8.hpp"

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

continuation continuation_of(const generate& asked)
{
    return {.max_new_tokens = asked.max_new_tokens,
            .temperature = asked.temperature,
            .top_p = asked.top_p,
            .top_k = asked.top_k,
            .seed = asked.seed,
            .stop = asked.stop,
            .stop_token_ids = asked.stop_token_ids,
            .list = {},
            .list_prompt = {},
            .choice = 0};
}

continuation continuation_of(const complete& asked, std::size_t prompt, std::size_t choice)
{
    return {.max_new_tokens = asked.max_new_tokens,
            .temperature = asked.temperature,
            .top_p = asked.top_p,
            .top_k = asked.top_k,
            .seed = asked.seed + choice,
            .stop = asked.stop,
            .stop_token_ids = {},
            .list = asked.list,
            .list_prompt = choice == 0 ? asked.list_prompt : std::nullopt,
            .choice = prompt * asked.choices + choice};
}

generation::generation(std::vector<token_id> prompt, continuation how, const model_config& config,
                       const tokenizer& words,
                       const std::function<void(const generated_token&)>& on_token)
    : sequence(std::move(prompt)), how_(std::move(how)), config_(config), words_(words),
      on_token_(on_token), prompt_size_(ids_.size()), stop_ids_(how_.stop_token_ids),
      random_(how_.seed), prompt_tokens_(how_.list_prompt ? ids_.size() - 1 : 0),
      finished_(how_.max_new_tokens == 0), text_(words)
{
    for (const std::string& stop : how_.stop) // special tokens are left out of the text
        if (const auto id = words.id_of(stop); id && words.is_special(*id))
            stop_ids_.push_back(*id);
}

/// The last token's logits are of no use once nothing follows it.
std::size_t generation::wanted() const
{
    if (!finished_)
        return ids_.size();
    return how_.max_new_tokens == 0 && !how_.list_prompt ? 0 : ids_.size() - 1;
}

std::size_t generation::most_wanted() const
{
    if (finished_)
        return wanted();
    const std::size_t left =
        how_.max_new_tokens - std::min(how_.max_new_tokens, result_.made.ids.size());
    const std::size_t longest = std::max(config_.max_positions, ids_.size());
    return left > longest - ids_.size() ? longest : ids_.size() + left - (left != 0 ? 1 : 0);
}

void generation::receive(std::size_t position, std::span<const float> logits)
{
    if (position + 1 == ids_.size() && !finished_)
        draw_next(logits);
    else if (result_.made.ids.empty() && position < prompt_tokens_.size())
        prompt_tokens_[position] =
            listing_of(logits, ids_[position + 1], *how_.list_prompt).value_or(listed_token{});
}

void generation::draw_next(std::span<const float> logits)
{
    const token_id likeliest = greedy(logits);
    generated_token token{.text = {},
                          .id = likeliest,
                          .logprob = logprob_of(logits, likeliest),
                          .choice = how_.choice,
                          .listed = {},
                          .texts = {}};
    odd_ = !std::isfinite(token.logprob);
    if (!odd_ && how_.temperature > 0) {
        token.id = draw(logits, how_.temperature, how_.top_p, how_.top_k, random_);
        token.logprob = logprob_of(logits, token.id);
    }
    if (!odd_ && how_.list)
        token.listed = listing_of(logits, token.id, *how_.list);
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
    if (token.listed) {
        token.listed->offset = text_.code_points();
        result_.tokens.push_back(*token.listed);
    }
    ids_.push_back(token.id);
    result_.made.ids.push_back(token.id);
    if (!stopped)
        text_.add(token.id);
    std::string_view text = text_.text();
    if (contains(config_.eos, token.id))
        result_.made.reason = finish::eos;
    else if (stopped || find_stop(text))
        result_.made.reason = finish::stop;
    else if (result_.made.ids.size() >= how_.max_new_tokens || ids_.size() >= config_.max_positions)
        result_.made.reason = finish::length;
    else
        finished_ = false;
    if (finished_)
        result_.made.text = text;
    if (!on_token_)
        return;
    if (token.listed) {
        token_texts texts(words_);
        texts.add(*token.listed);
        token.texts = texts.take();
    }
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

/// What could not be listed has the logprob of nothing.
bool generation::all_finite() const
{
    return !odd_ && std::ranges::all_of(prompt_tokens_, [](const listed_token& each) {
        return each.logprob.has_value();
    });
}

result<completed_text> generation::take()
{
    if (!all_finite())
        return failure{errc::backend_failed, "the model's logits are not finite"};
    const std::size_t end = code_points(result_.made.text); // a stop text was cut off behind it
    for (listed_token& each : result_.tokens)
        each.offset = std::min(each.offset, end);
    return std::move(result_);
}

} // namespace warmd::hf

#include "evaluation/interview.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace warmd::evaluation {

namespace {

/// The same weights have one form.
view simplest(view through)
{
    if (through.what == view::mode::scaled && (through.scale == 0 || through.scale == 1))
        return {.what = through.scale == 0 ? view::mode::base : view::mode::ft};
    return through;
}

void append(std::string& key, std::uint64_t number)
{
    char bytes[sizeof number];
    std::memcpy(bytes, &number, sizeof number);
    key.append(bytes, sizeof bytes);
}

void append(std::string& key, const token_ids& ids)
{
    append(key, ids.size());
    key.append(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(token_id));
}

/// Equal for equal questions.
std::string key_of(const question& of)
{
    std::string key;
    append(key, static_cast<std::uint64_t>(of.what) * 2 + of.special);
    append(key, static_cast<std::uint64_t>(of.through.what) * 2 + of.through.match.has_value());
    append(key, of.through.seed);
    for (const double each : {of.through.scale, of.through.init_scale, of.through.rank_scale})
        append(key, std::bit_cast<std::uint64_t>(each));
    append(key, of.size);
    append(key, of.ids);
    append(key, of.more);
    return key + of.text;
}

template <class T>
const T nothing{}; // in place of an answer that is not there

} // namespace

bool question::needs_model() const
{
    return what != kind::tokens && what != kind::text && what != kind::tokenizer;
}

std::size_t question::tokens() const
{
    return needs_model() ? ids.size() + more.size() + (what == kind::writing ? size : 0) : 0;
}

const token_ids& interview::ids_of(const std::string& text, bool special)
{
    return need<tokens>({.what = question::kind::tokens, .text = text, .special = special}).ids;
}

/// Null as long as they are not known.
const token_ids* interview::ids_if_known(const std::string& text)
{
    const bool was_open = std::exchange(open_since_, false);
    const token_ids& found = ids_of(text);
    const bool known = !open_since_;
    open_since_ = open_since_ || was_open;
    return known ? &found : nullptr;
}

std::optional<std::string> interview::padding_token()
{
    const auto& named = need<tokenizer_description>({.what = question::kind::tokenizer});
    return named.pad ? named.pad : named.unk ? named.unk : named.eos;
}

std::string interview::padding(std::size_t length)
{
    std::string repeated; // more than enough, should some of them become one
    if (const auto token = padding_token())
        for (std::size_t i = 0; i != 2 * length + 4; ++i)
            repeated += *token;
    const token_ids* const all = repeated.empty() ? nullptr : ids_if_known(repeated);
    if (!all)
        return {};
    token_ids some = *all;
    some.resize(std::min(length, some.size()));
    return need<plain_text>({.what = question::kind::text, .ids = std::move(some)}).text;
}

const top_slice& interview::after(const view& through, const model_input& what, std::size_t top_k)
{
    const auto* const text = std::get_if<std::string>(&what);
    const token_ids* const ids = text ? ids_if_known(*text) : std::get_if<token_ids>(&what);
    return ids ? need<top_slice>({.what = question::kind::slice,
                                  .through = simplest(through),
                                  .ids = *ids,
                                  .size = top_k})
               : nothing<top_slice>;
}

double interview::divergence(divergence_kind kind, const view& from, const view& to,
                             const model_input& what, std::size_t top_k)
{
    const top_slice& first = after(from, what, top_k);
    const top_slice& second = after(to, what, top_k);
    if (first.token_ids.empty() || second.token_ids.empty())
        return 0; // not answered
    const result<double> apart = warmd::divergence(kind, first, second);
    if (!apart && !trouble_)
        trouble_ = apart.error();
    return apart ? *apart : 0;
}

std::optional<question> interview::completion_question(const view& through,
                                                       const std::string& prompt,
                                                       const std::string& completion)
{
    const token_ids* const first = ids_if_known(prompt);
    const token_ids* const both = ids_if_known(prompt + completion);
    if (!first || !both)
        return {};
    const auto split = std::ranges::mismatch(*first, *both).in2;
    return question{.what = question::kind::completion,
                    .through = simplest(through),
                    .ids = {both->begin(), split},
                    .more = {split, both->end()}};
}

const scored_text& interview::completion(const view& through, const std::string& prompt,
                                         const std::string& completion)
{
    auto asked = completion_question(through, prompt, completion);
    return asked ? need<scored_text>(std::move(*asked)) : nothing<scored_text>;
}

std::optional<double> interview::total_of(const view& through, const std::string& prompt,
                                          const std::string& completion, std::string& why)
{
    auto asked = completion_question(through, prompt, completion);
    const result<answer>* const told = asked ? look(std::move(*asked)) : nullptr;
    if (!told)
        return {};
    if (!*told) {
        why = told->error().detail;
        return {};
    }
    return std::get<scored_text>(**told).total;
}

const scored_text& interview::text_scores(const view& through, const std::string& text)
{
    const token_ids* const known = ids_if_known(text);
    if (!known)
        return nothing<scored_text>;
    token_ids ids = *known;
    if (context_ != 0 && ids.size() > context_) {
        ids.resize(context_);
        cut_ = true;
    }
    return need<scored_text>(
        {.what = question::kind::text_scores, .through = simplest(through), .ids = std::move(ids)});
}

std::string interview::writing(const view& through, const std::string& prompt,
                               std::size_t most_tokens)
{
    const token_ids* const ids = ids_if_known(prompt);
    return ids ? need<generation_result>({.what = question::kind::writing,
                                          .through = simplest(through),
                                          .ids = *ids,
                                          .size = most_tokens})
                     .text
               : std::string();
}

void interview::begin()
{
    open_since_ = cut_ = false;
    new_tokens_ = 0;
    trouble_.reset();
}

std::vector<question> interview::take_open()
{
    std::vector<question> taken;
    for (const std::string& key : std::exchange(order_, {}))
        taken.push_back(std::move(open_.at(key)));
    open_.clear();
    return taken;
}

void interview::tell(const question& asked, result<answer> told)
{
    answers& to = asked.through.what == view::mode::null ? of_nulls_ : kept_;
    to.insert_or_assign(key_of(asked), std::move(told));
}

/// The answer; null if there is none yet.
const result<answer>* interview::look(question what)
{
    std::string key = key_of(what);
    const answers& in = what.through.what == view::mode::null ? of_nulls_ : kept_;
    if (const auto found = in.find(key); found != in.end()) {
        shared_ += what.needs_model();
        return &found->second;
    }
    open_since_ = true;
    const std::size_t size = what.tokens();
    if (open_.try_emplace(key, std::move(what)).second) {
        order_.push_back(std::move(key));
        new_tokens_ += size;
    }
    return nullptr;
}

template <class T>
const T& interview::need(question what)
{
    const result<answer>* const told = look(std::move(what));
    if (!told)
        return nothing<T>;
    if (!*told) {
        if (!trouble_)
            trouble_ = told->error();
        return nothing<T>;
    }
    return std::get<T>(**told);
}

} // namespace warmd::evaluation

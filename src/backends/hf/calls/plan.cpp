#include "hf/calls/plan.hpp"

#include "hf/calls/generation.hpp"
#include "hf/calls/scoring.hpp"

#include "base/config.hpp"

#include <algorithm>

namespace warmd::hf {

namespace {

failure bad(std::string detail) { return failure{errc::invalid_params, std::move(detail)}; }

/// Adds a sequence to `to`; the pointer stays valid as long as the plan.
template <class Sequence>
Sequence* add(plan& to, const view& through, std::unique_ptr<Sequence> what)
{
    Sequence* const raw = what.get();
    to.sequences.push_back({through, std::move(what)});
    return raw;
}

/// Takes the results of all sequences, in order.
template <class Taken, class Sequence>
result<std::vector<Taken>> take_all(const std::vector<Sequence>& from)
{
    std::vector<Taken> all;
    for (const auto& each : from) {
        auto taken = each->take();
        if (!taken)
            return taken.error();
        all.push_back(std::move(*taken));
    }
    return all;
}

class planner {
public:
    planner(const call& by, const model_config& config, const tokenizer& words)
        : by_(by), config_(config), words_(words)
    {
    }

    result<plan> operator()(const tokenize& what) const
    {
        const auto* given = std::get_if<std::vector<token_id>>(&what.text);
        if (given)
            if (auto sound = check_ids(*given); !sound)
                return sound.error();
        return plan{{}, [this_ = *this, &what, given]() -> result<outcome> {
                        tokens all;
                        all.ids = given ? *given
                                        : this_.words_.encode(std::get<std::string>(what.text),
                                                              what.add_special_tokens);
                        std::size_t bytes = 0;
                        for (const token_id id : all.ids) {
                            bytes += all.texts.emplace_back(this_.words_.token_text(id)).size();
                            if (bytes > this_.by_.max_reply_bytes)
                                return reply_too_large(this_.by_.max_reply_bytes);
                        }
                        return outcome(std::move(all));
                    }};
    }

    result<plan> operator()(const detokenize& what) const
    {
        if (auto sound = check_ids(what.ids); !sound)
            return sound.error();
        return plan{{}, [this_ = *this, &what]() -> result<outcome> {
                        return outcome(
                            plain_text{this_.words_.decode(what.ids, what.skip_special_tokens)});
                    }};
    }

    result<plan> operator()(const next_token& what) const
    {
        plan made;
        const auto slices = add_slices(made, what.through, what.prompts, what.top_k);
        if (!slices)
            return slices.error();
        made.finish = [slices = *slices]() -> result<outcome> {
            auto all = take_all<top_slice>(slices);
            if (!all)
                return all.error();
            return outcome(distributions{std::move(*all)});
        };
        return made;
    }

    result<plan> operator()(const diverge& what) const
    {
        if (what.prompts.empty())
            return bad("prompts must hold at least one prompt");
        plan made;
        const auto from = add_slices(made, what.from, what.prompts, what.top_k);
        if (!from)
            return from.error();
        const auto to = add_slices(made, what.to, what.prompts, what.top_k);
        if (!to)
            return to.error();
        made.finish = [kind = what.kind, from = *from, to = *to]() -> result<outcome> {
            const auto left = take_all<top_slice>(from);
            if (!left)
                return left.error();
            const auto right = take_all<top_slice>(to);
            if (!right)
                return right.error();
            auto report = compare(kind, *left, *right);
            if (!report)
                return report.error();
            return outcome(std::move(*report));
        };
        return made;
    }

    result<plan> operator()(const logprob& what) const
    {
        std::vector<std::pair<std::vector<token_id>, std::size_t>> texts;
        for (const logprob::item& item : what.items) {
            auto split = split_item(item);
            if (!split)
                return split.error();
            texts.push_back(std::move(*split));
        }
        return score(what.through, std::move(texts));
    }

    result<plan> operator()(const rolling_logprob& what) const
    {
        std::vector<std::pair<std::vector<token_id>, std::size_t>> texts;
        for (const text_or_ids& text : what.texts) {
            auto ids = ids_of(text);
            if (!ids)
                return ids.error();
            texts.emplace_back(std::move(*ids), 0);
        }
        return score(what.through, std::move(texts));
    }

    result<plan> operator()(const generate& what) const
    {
        auto ids = filled_ids_of(what.prompt);
        if (!ids)
            return ids.error();
        plan made;
        auto* const text =
            add(made, what.through,
                std::make_unique<generation>(std::move(*ids), what, config_, words_, by_.on_token));
        made.finish = [text]() -> result<outcome> {
            auto generated = text->take();
            if (!generated)
                return generated.error();
            return outcome(std::move(*generated));
        };
        return made;
    }

private:
    using slice_sequences = std::vector<slice_sequence*>;

    result<slice_sequences> add_slices(plan& to, const view& through,
                                       const std::vector<text_or_ids>& prompts,
                                       std::size_t top_k) const
    {
        if (top_k == 0)
            return bad("top_k must be at least 1");
        slice_sequences added;
        for (const text_or_ids& prompt : prompts) {
            auto ids = filled_ids_of(prompt);
            if (!ids)
                return ids.error();
            added.push_back(
                add(to, through, std::make_unique<slice_sequence>(std::move(*ids), top_k)));
        }
        return added;
    }

    /// Scores each text from its position on.
    static result<plan> score(const view& through,
                              std::vector<std::pair<std::vector<token_id>, std::size_t>> texts)
    {
        plan made;
        std::vector<scored_sequence*> scored;
        for (auto& [ids, from] : texts)
            scored.push_back(
                add(made, through, std::make_unique<scored_sequence>(std::move(ids), from)));
        made.finish = [scored]() -> result<outcome> {
            auto all = take_all<scored_text>(scored);
            if (!all)
                return all.error();
            return outcome(scored_texts{std::move(*all)});
        };
        return made;
    }

    /// All ids of prompt and completion, and where the completion begins: after the longest prefix
    /// that they share with the prompt's own ids, as a token may straddle the boundary.
    result<std::pair<std::vector<token_id>, std::size_t>> split_item(
        const logprob::item& item) const
    {
        auto prompt = ids_of(item.prompt);
        if (!prompt)
            return prompt.error();
        const auto* const prompt_text = std::get_if<std::string>(&item.prompt);
        const auto* const completion_text = std::get_if<std::string>(&item.completion);
        std::vector<token_id> all;
        if (prompt_text && completion_text) {
            all = words_.encode(*prompt_text + *completion_text, true);
        } else {
            all = *prompt;
            const auto rest = completion_text ? words_.encode(*completion_text, false)
                                              : std::get<std::vector<token_id>>(item.completion);
            all.insert(all.end(), rest.begin(), rest.end());
        }
        if (auto sound = check(all); !sound)
            return sound.error();
        const auto shared = static_cast<std::size_t>(
            std::mismatch(prompt->begin(), prompt->end(), all.begin(), all.end()).second -
            all.begin());
        if (shared == all.size())
            return bad("the completion adds no token to the prompt's " +
                       std::to_string(prompt->size()));
        return std::pair(std::move(all), shared);
    }

    result<std::vector<token_id>> ids_of(const text_or_ids& input) const
    {
        const auto* const text = std::get_if<std::string>(&input);
        std::vector<token_id> ids =
            text ? words_.encode(*text, true) : std::get<std::vector<token_id>>(input);
        if (auto sound = check(ids); !sound)
            return sound.error();
        return ids;
    }

    result<std::vector<token_id>> filled_ids_of(const text_or_ids& input) const
    {
        auto ids = ids_of(input);
        if (ids && ids->empty())
            return bad("a prompt must have at least one token; this model's tokenizer adds none to "
                       "an empty text");
        return ids;
    }

    result<void> check_ids(const std::vector<token_id>& ids) const
    {
        for (const token_id id : ids)
            if (id < 0 || static_cast<std::size_t>(id) >= config_.vocab_size)
                return bad("token id " + std::to_string(id) +
                           " is outside the model's vocabulary of " +
                           std::to_string(config_.vocab_size));
        return {};
    }

    result<void> check(const std::vector<token_id>& ids) const
    {
        if (ids.size() > config_.max_positions)
            return bad("an input of " + std::to_string(ids.size()) +
                       " tokens exceeds the model's context of " +
                       std::to_string(config_.max_positions));
        if (ids.size() > config_.longest_input())
            return failure{errc::unsupported, "an input of " + std::to_string(ids.size()) +
                                                  " tokens exceeds the model's sliding_window of " +
                                                  std::to_string(config_.window) +
                                                  ", which is not supported"};
        return check_ids(ids);
    }

    const call& by_;
    const model_config& config_;
    const tokenizer& words_;
};

} // namespace

result<plan> make_plan(const call& by, const model_config& config, const tokenizer& words)
{
    if (auto why = too_much_to_list(by.what, config.vocab_size, by.max_reply_bytes))
        return *why;
    return std::visit(planner(by, config, words), by.what);
}

} // namespace warmd::hf

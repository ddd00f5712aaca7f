#include "hf/calls/plan.hpp"

#include "hf/calls/completing.hpp"
#include "hf/calls/generation.hpp"
#include "hf/calls/inputs.hpp"
#include "hf/calls/scoring.hpp"

#include "base/config.hpp"

#include <algorithm>

namespace warmd::hf {

namespace {

/// Of an entry of a list: an id, a logprob, and what is between them.
constexpr std::size_t least_bytes_listed = 8;

failure bad(std::string detail) { return failure{errc::invalid_params, std::move(detail)}; }

/// Adds a sequence to `to`; the pointer stays valid as long as the plan.
template <class Sequence>
Sequence* add(plan& to, const view& through, std::unique_ptr<Sequence> what)
{
    Sequence* const raw = what.get();
    to.sequences.push_back({through, std::move(what)});
    return raw;
}

/// An item's sequence, or why it has none.
template <class Sequence>
using items_of = std::vector<result<Sequence*>>;

/// What the sequences of the items of `list` found, in order.
template <class Taken, class Sequence>
std::vector<result<Taken>> take_all(std::string_view list, const items_of<Sequence>& from)
{
    std::vector<result<Taken>> all;
    for (const result<Sequence*>& each : from) {
        if (!each) {
            all.push_back(each.error());
            continue;
        }
        result<Taken> taken = (*each)->take();
        if (!taken)
            taken = at_item(list, all.size(), taken.error());
        all.push_back(std::move(taken));
    }
    return all;
}

/// The outcome that has those items, or the failure of one of them that is the request's.
template <class Outcome, class Taken>
result<outcome> outcome_of(failure_scope scope, std::vector<result<Taken>> items)
{
    if (auto why = first_failure(scope, items))
        return *why;
    return outcome(Outcome{std::move(items)});
}

class planner {
public:
    planner(const call& by, const model_config& config, const tokenizer& words,
            const chat_writer& chats)
        : by_(by), config_(config), words_(words), chats_(chats)
    {
    }

    result<plan> operator()(const tokenize& what) const
    {
        return plan{{}, [this_ = *this, &what]() -> result<outcome> {
                        auto ids = this_.ids_of(what);
                        if (!ids)
                            return ids.error();
                        tokens all;
                        all.ids = std::move(*ids);
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
        if (auto sound = check_ids(what.ids, config_); !sound)
            return sound.error();
        return plan{{}, [this_ = *this, &what]() -> result<outcome> {
                        return outcome(
                            plain_text{this_.words_.decode(what.ids, what.skip_special_tokens)});
                    }};
    }

    result<plan> operator()(const render& what) const
    {
        return plan{{}, [this_ = *this, &what]() -> result<outcome> {
                        auto written = this_.chats_(*what.what);
                        if (!written)
                            return written.error();
                        auto ids = this_.words_.encode(written->text, false);
                        return outcome(rendered_text{std::move(written->text), std::move(ids),
                                                     std::move(written->name),
                                                     std::move(written->unused)});
                    }};
    }

    result<plan> operator()(const describe_chat_template& what) const
    {
        return plan{{}, [this_ = *this, &what]() -> result<outcome> {
                        auto told = this_.chats_.templates->describe(what.name);
                        if (!told)
                            return told.error();
                        return outcome(std::move(*told));
                    }};
    }

    result<plan> operator()(const describe_tokenizer&) const
    {
        return plan{{}, [this_ = *this]() -> result<outcome> {
                        auto told = this_.chats_.templates->describe_tokenizer();
                        if (!told)
                            return told.error();
                        return outcome(std::move(*told));
                    }};
    }

    result<plan> operator()(const next_token& what) const
    {
        plan made;
        auto slices = add_slices(made, what.through, what);
        if (!slices)
            return slices.error();
        made.finish = [scope = what.on_error, slices = std::move(*slices)] {
            return outcome_of<distributions>(scope, take_all<top_slice>("prompts", slices));
        };
        return made;
    }

    result<plan> operator()(const diverge& what) const
    {
        if (what.prompts.empty())
            return bad("prompts must hold at least one prompt");
        plan made;
        auto from = add_slices(made, what.from, what);
        if (!from)
            return from.error();
        auto to = add_slices(made, what.to, what);
        if (!to)
            return to.error();
        made.finish = [&what, from = std::move(*from), to = std::move(*to)]() -> result<outcome> {
            divergence_report report = compare(what.kind, take_all<top_slice>("prompts", from),
                                               take_all<top_slice>("prompts", to));
            if (auto why = first_failure(what.on_error, report.per_prompt))
                return *why;
            return outcome(std::move(report));
        };
        return made;
    }

    result<plan> operator()(const logprob& what) const
    {
        return score(what, "items", what.items,
                     [](const inputs& by, const logprob::item& item) { return by.split(item); });
    }

    result<plan> operator()(const rolling_logprob& what) const
    {
        return score(what, "texts", what.texts,
                     [](const inputs& by, const text_or_ids& text) -> result<scored_ids> {
                         auto ids = by.ids_of(text);
                         if (!ids)
                             return ids.error();
                         return scored_ids{std::move(*ids), 0};
                     });
    }

    result<plan> operator()(const generate& what) const
    {
        const auto by = inputs::of(config_, words_, chats_, what.bos);
        if (!by)
            return by.error();
        auto ids = by->filled_ids_of(what.prompt);
        if (!ids) {
            failure why = ids.error();
            why.detail = "prompt: " + why.detail;
            return why;
        }
        if (auto sound = check_ids(what.stop_token_ids, config_); !sound)
            return failure{sound.error().code, "stop_token_ids: " + sound.error().detail};
        plan made;
        auto* const text = add(made, what.through,
                               std::make_unique<generation>(std::move(*ids), continuation_of(what),
                                                            config_, words_, by_.on_token));
        made.finish = [text]() -> result<outcome> {
            auto generated = text->take();
            if (!generated)
                return generated.error();
            return outcome(std::move(generated->made));
        };
        return made;
    }

    result<plan> operator()(const complete& what) const
    {
        const auto by = inputs::of(config_, words_, chats_, false);
        if (!by)
            return by.error();
        plan made;
        std::vector<completing> prompts;
        std::size_t listed = 0; // entries
        for (const text_or_ids& prompt : what.prompts) {
            auto read = by->prompt_of(prompt, what.add_special_tokens);
            if (!read)
                return at_item("prompt", prompts.size(), read.error());
            listed += read->ids.size() * (what.list_prompt ? *what.list_prompt + 1 : 0);
            prompts.push_back({std::move(*read), {}});
        }
        if (listed > by_.max_reply_bytes / least_bytes_listed)
            return reply_too_large(by_.max_reply_bytes);
        for (std::size_t i = 0; i != prompts.size() * what.choices; ++i) {
            completing& of = prompts[i / what.choices];
            of.choices.push_back(
                add(made, what.through,
                    std::make_unique<generation>(
                        of.prompt.ids, continuation_of(what, i / what.choices, i % what.choices),
                        config_, words_, by_.on_token)));
        }
        made.finish = [prompts = std::move(prompts), listed = what.list_prompt.has_value(),
                       &words = words_]() mutable { return completed(prompts, listed, words); };
        return made;
    }

private:
    result<std::vector<token_id>> ids_of(const tokenize& what) const
    {
        if (const auto* const text = std::get_if<std::string>(&what.text))
            return words_.encode(*text, what.add_special_tokens);
        if (const auto* const ids = std::get_if<std::vector<token_id>>(&what.text)) {
            if (auto sound = check_ids(*ids, config_); !sound)
                return sound.error();
            return *ids;
        }
        const auto written = chats_(*std::get<std::shared_ptr<const chat_prompt>>(what.text));
        if (!written)
            return written.error();
        return words_.encode(written->text, false);
    }

    /// Adds a sequence for each item that can be had, `made_of` it. A failure if one that cannot is
    /// the request's.
    template <class Sequence, class Item, class MadeOf>
    static result<items_of<Sequence>> add_items(plan& to, const view& through, failure_scope scope,
                                                std::string_view list,
                                                const std::vector<Item>& items,
                                                const MadeOf& made_of)
    {
        items_of<Sequence> added;
        for (const Item& item : items) {
            result<std::unique_ptr<Sequence>> made = made_of(item);
            if (made) {
                added.push_back(add(to, through, std::move(*made)));
                continue;
            }
            failure why = at_item(list, added.size(), made.error());
            if (scope == failure_scope::request)
                return why;
            added.push_back(std::move(why));
        }
        return added;
    }

    /// Of next_token and diverge.
    template <class Operation>
    result<items_of<slice_sequence>> add_slices(plan& to, const view& through,
                                                const Operation& what) const
    {
        if (what.top_k == 0)
            return bad("top_k must be at least 1");
        const auto by = inputs::of(config_, words_, chats_, what.bos);
        if (!by)
            return by.error();
        return add_items<slice_sequence>(
            to, through, what.on_error, "prompts", what.prompts,
            [&](const text_or_ids& prompt) -> result<std::unique_ptr<slice_sequence>> {
                auto ids = by->filled_ids_of(prompt);
                if (!ids)
                    return ids.error();
                return std::make_unique<slice_sequence>(std::move(*ids), what.top_k);
            });
    }

    /// Of logprob and rolling_logprob: `read` says which ids of an item are scored.
    template <class Operation, class Item, class Read>
    result<plan> score(const Operation& what, std::string_view list, const std::vector<Item>& items,
                       const Read& read) const
    {
        const auto by = inputs::of(config_, words_, chats_, what.bos);
        if (!by)
            return by.error();
        plan made;
        auto scored = add_items<scored_sequence>(
            made, what.through, what.on_error, list, items,
            [&](const Item& item) -> result<std::unique_ptr<scored_sequence>> {
                auto found = read(*by, item);
                if (!found)
                    return found.error();
                return std::make_unique<scored_sequence>(std::move(found->ids), found->from);
            });
        if (!scored)
            return scored.error();
        made.finish = [scope = what.on_error, list, scored = std::move(*scored)] {
            return outcome_of<scored_texts>(scope, take_all<scored_text>(list, scored));
        };
        return made;
    }

    const call& by_;
    const model_config& config_;
    const tokenizer& words_;
    const chat_writer chats_; // its own: what a plan finishes with is a copy of this
};

} // namespace

result<plan> make_plan(const call& by, const model_config& config, const tokenizer& words,
                       const chat_writer& chats)
{
    if (auto why = too_much_to_list(by.what, config.vocab_size, by.max_reply_bytes))
        return *why;
    return std::visit(planner(by, config, words, chats), by.what);
}

} // namespace warmd::hf

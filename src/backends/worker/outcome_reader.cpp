#include "worker/outcome_reader.hpp"

#include "worker/conversation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace warmd::worker {

namespace {

/// Reads members of an answer; the first fault is kept, and everything after it is empty.
class members {
public:
    members(const json_node& of, std::string at, std::size_t vocab_size)
        : of_(of), at_(std::move(at)), vocabulary_(vocab_size != 0 ? vocab_size : most_ids)
    {
    }

    const std::optional<failure>& fault() const { return fault_; }
    void refuse(std::string_view name, std::string_view wanted)
    {
        if (!fault_)
            fault_ = failure{errc::backend_failed, "answered with " + at_ + std::string(name) +
                                                       ", which is not " + std::string(wanted)};
    }

    const json_node* member(std::string_view name, std::string_view wanted, auto is)
    {
        const json_node* const found = of_.find(name);
        if (found && is(*found))
            return found;
        refuse(name, wanted);
        return nullptr;
    }
    std::string text(std::string_view name)
    {
        const auto* found =
            member(name, "a string", [](const json_node& n) { return n.is_string(); });
        return found ? std::string(found->string()) : std::string();
    }
    bool boolean(std::string_view name)
    {
        const auto* found =
            member(name, "a boolean", [](const json_node& n) { return n.is_bool(); });
        return found && found->boolean();
    }
    std::uint64_t count(std::string_view name)
    {
        const auto* found = member(name, "an integer, 0 or above", is_count);
        return found ? found->uint64() : 0;
    }
    std::optional<std::uint64_t> count_or_none(std::string_view name)
    {
        const json_node* const found = of_.find(name);
        return found && !found->is_null() ? std::optional(count(name)) : std::nullopt;
    }
    /// Null: there is none.
    std::optional<double> number_or_null(std::string_view name)
    {
        const auto* found = member(name, "a finite number or null", [](const json_node& n) {
            return n.is_null() || (n.is_number() && std::isfinite(n.number()));
        });
        return found && found->is_number() ? std::optional(found->number()) : std::nullopt;
    }
    float logprob(std::string_view name)
    {
        const auto* found = member(name, "a log-probability", is_logprob);
        return found ? static_cast<float>(found->number()) : 0;
    }
    token_id id(std::string_view name)
    {
        const auto* found =
            member(name, "a token of its vocabulary", [&](const json_node& n) { return is_id(n); });
        return found ? static_cast<token_id>(found->uint64()) : 0;
    }
    std::vector<token_id> ids(std::string_view name)
    {
        return list<token_id>(name, "an array of tokens of its vocabulary", &members::is_id,
                              [](const json_node& n) { return static_cast<token_id>(n.uint64()); });
    }
    std::vector<float> logprobs(std::string_view name)
    {
        return list<float>(
            name, "an array of log-probabilities",
            [](const members&, const json_node& n) { return is_logprob(n); },
            [](const json_node& n) { return static_cast<float>(n.number()); });
    }
    std::vector<std::string> texts(std::string_view name)
    {
        return list<std::string>(
            name, "an array of strings",
            [](const members&, const json_node& n) { return n.is_string(); },
            [](const json_node& n) { return std::string(n.string()); });
    }

private:
    static constexpr std::size_t most_ids = std::numeric_limits<token_id>::max();
    /// What rounding may make of a logarithm of 1.
    static constexpr double most_logprob = 1e-3;

    static bool is_count(const json_node& n)
    {
        return n.what() == json_node::kind::uint64 ||
               (n.what() == json_node::kind::int64 && n.int64() >= 0);
    }
    static bool is_logprob(const json_node& n)
    {
        return n.is_number() && n.number() <= most_logprob &&
               n.number() >= std::numeric_limits<float>::lowest();
    }
    bool is_id(const json_node& n) const { return is_count(n) && n.uint64() < vocabulary_; }

    template <class T>
    std::vector<T> list(std::string_view name, std::string_view wanted, auto is, auto make)
    {
        std::vector<T> all;
        const auto* found = member(name, wanted, [](const json_node& n) { return n.is_array(); });
        if (!found)
            return all;
        all.reserve(found->size());
        for (const json_node* each = found->begin(); each != found->end(); each = each->next()) {
            if (!std::invoke(is, *this, *each)) {
                refuse(name, wanted);
                return {};
            }
            all.push_back(make(*each));
        }
        return all;
    }

    const json_node& of_;
    const std::string at_;
    const std::size_t vocabulary_;
    std::optional<failure> fault_;
};

template <class T>
result<T> unless_faulty(const members& by, T made)
{
    return by.fault() ? result<T>(*by.fault()) : result<T>(std::move(made));
}

failure wrong(std::string what) { return {errc::backend_failed, "answered with " + what}; }

// -- the operations --------------------------------------------------

result<top_slice> read_slice(const json_node& from, const std::string& at, std::size_t vocab_size,
                             std::size_t top_k)
{
    members by(from, at, vocab_size);
    top_slice made{.token_ids = by.ids("token_ids"),
                   .logprobs = by.logprobs("logprobs"),
                   .tail_logprob = by.number_or_null("tail_logprob"),
                   .vocab_size = by.count("vocab_size")};
    if (made.token_ids.size() != made.logprobs.size() || made.token_ids.size() > top_k ||
        made.token_ids.empty() || !std::is_sorted(made.logprobs.rbegin(), made.logprobs.rend()))
        by.refuse("logprobs", "one for each of at most top_k token_ids, falling");
    if (made.vocab_size < made.token_ids.size() || (vocab_size && made.vocab_size != vocab_size))
        by.refuse("vocab_size", "that of its vocabulary");
    return unless_faulty(by, std::move(made));
}

result<scored_text> read_scored(const json_node& from, const std::string& at,
                                std::size_t vocab_size, std::string_view total)
{
    members by(from, at, vocab_size);
    scored_text made{.ids = by.ids("token_ids"),
                     .logprobs = by.logprobs("logprobs"),
                     .total = by.number_or_null(total).value_or(0)};
    if (made.logprobs.size() > made.ids.size())
        by.refuse("logprobs", "as long as token_ids at most");
    return unless_faulty(by, std::move(made));
}

/// `count` results, each read by `read_one(node, where)` or an error.
template <class T>
result<std::vector<result<T>>> read_list(const json_node& answer, std::string_view called,
                                         std::size_t count, failure_scope scope, auto read_one)
{
    const json_node* const list = answer.find(called);
    if (!list || !list->is_array() || list->size() != count)
        return wrong(std::string(called) + ", which is not an array of " + std::to_string(count));
    std::vector<result<T>> all;
    for (const json_node* each = list->begin(); each != list->end(); each = each->next()) {
        const std::string at = std::string(called) + '[' + std::to_string(all.size()) + "].";
        if (!each->is_object())
            return wrong(at + ", which is not an object");
        const json_node* const error = each->find("error");
        if (error && error->is_object() && scope == failure_scope::item) {
            all.push_back(read_error(*error));
            continue;
        }
        auto one = read_one(*each, at);
        if (!one)
            return one.error();
        all.push_back(std::move(*one));
    }
    return all;
}

using answered = result<outcome>;

answered read(const tokenize&, const json_node& answer, std::size_t vocab_size)
{
    members by(answer, "", vocab_size);
    tokens made{.ids = by.ids("ids"), .texts = by.texts("tokens")};
    if (made.ids.size() != made.texts.size())
        by.refuse("tokens", "as long as ids");
    return unless_faulty<outcome>(by, std::move(made));
}
answered read(const detokenize&, const json_node& answer, std::size_t)
{
    members by(answer, "", 0);
    plain_text made{by.text("text")};
    return unless_faulty<outcome>(by, std::move(made));
}
answered read_distributions(std::size_t prompts, std::size_t top_k, failure_scope scope,
                            const json_node& answer, std::size_t vocab_size)
{
    auto all = read_list<top_slice>(answer, "distributions", prompts, scope,
                                    [&](const json_node& each, const std::string& at) {
                                        return read_slice(each, at, vocab_size, top_k);
                                    });
    if (!all)
        return all.error();
    return outcome(distributions{std::move(*all)});
}
answered read(const next_token& what, const json_node& answer, std::size_t vocab_size)
{
    return read_distributions(what.prompts.size(), what.top_k, what.on_error, answer, vocab_size);
}
answered read(const diverge& what, const json_node& answer, std::size_t vocab_size)
{
    return read_distributions(what.prompts.size(), what.top_k, what.on_error, answer, vocab_size);
}
answered read_scores(std::size_t count, failure_scope scope, std::string_view total,
                     const json_node& answer, std::size_t vocab_size)
{
    auto all = read_list<scored_text>(answer, "results", count, scope,
                                      [&](const json_node& each, const std::string& at) {
                                          return read_scored(each, at, vocab_size, total);
                                      });
    if (!all)
        return all.error();
    return outcome(scored_texts{std::move(*all)});
}
answered read(const logprob& what, const json_node& answer, std::size_t vocab_size)
{
    return read_scores(what.items.size(), what.on_error, "logprob", answer, vocab_size);
}
answered read(const rolling_logprob& what, const json_node& answer, std::size_t vocab_size)
{
    return read_scores(what.texts.size(), what.on_error, "total_logprob", answer, vocab_size);
}
answered read(const generate& what, const json_node& answer, std::size_t vocab_size)
{
    using finish = generation_result::finish;
    members by(answer, "", vocab_size);
    generation_result made{.text = by.text("text"), .ids = by.ids("token_ids")};
    const std::string why = by.text("finish_reason");
    made.reason = why == "stop" ? finish::stop : why == "eos" ? finish::eos : finish::length;
    if (why != "stop" && why != "eos" && why != "length")
        by.refuse("finish_reason", "stop, length or eos");
    if (made.ids.size() > what.max_new_tokens)
        by.refuse("token_ids", "at most max_new_tokens");
    return unless_faulty<outcome>(by, std::move(made));
}
answered read(const render&, const json_node& answer, std::size_t vocab_size)
{
    members by(answer, "", vocab_size);
    rendered_text made{.text = by.text("text"),
                       .ids = by.ids("ids"),
                       .template_name = by.text("template"),
                       .unused = by.texts("unused_kwargs")};
    return unless_faulty<outcome>(by, std::move(made));
}
answered read(const auto&, const json_node&, std::size_t) // is never asked
{
    return failure{errc::unsupported, "answered what workers are not asked"};
}

} // namespace

result<outcome> read_outcome(const operation& what, const json_node& answer, std::size_t vocab_size)
{
    return std::visit([&](const auto& each) { return read(each, answer, vocab_size); }, what);
}

result<generated_token> read_token(const json_node& params, std::size_t vocab_size)
{
    members by(params, "", vocab_size);
    generated_token made{
        .text = by.text("text"), .id = by.id("token_id"), .logprob = by.logprob("logprob")};
    return unless_faulty(by, std::move(made));
}

result<abilities> read_hello(const json_node& answer)
{
    members by(answer, "", 0);
    abilities made{.name = by.text("name"),
                   .version = by.text("version"),
                   .batching = by.count("batching"),
                   .tokenizer = by.boolean("tokenizer")};
    for (std::string& each : by.texts("operations"))
        made.operations.insert(std::move(each));
    for (std::string& each : by.texts("views"))
        made.views.insert(std::move(each));
    if (made.batching == 0)
        by.refuse("batching", "1 or above");
    if (by.count("protocol") != 1)
        by.refuse("protocol", "1");
    return unless_faulty(by, std::move(made));
}

result<loaded_model> read_load(const json_node& answer)
{
    members by(answer, "", 0);
    const loaded_model made{.bytes = by.count("bytes"),
                            .device_bytes = by.count_or_none("device_bytes"),
                            .vocab_size = by.count_or_none("vocab_size").value_or(0),
                            .max_positions = by.count_or_none("max_positions")};
    return unless_faulty(by, made);
}

result<void> read_estimate(const json_node& answer)
{
    members by(answer, "", 0);
    (void)by.count("bytes");
    return by.fault() ? result<void>(*by.fault()) : result<void>();
}

result<std::uint64_t> read_ping(const json_node& answer)
{
    members by(answer, "", 0);
    const std::uint64_t steps = by.count("steps");
    return unless_faulty(by, steps);
}

std::size_t tokens_in(const outcome& what)
{
    std::size_t all = 0;
    if (const auto* scored = std::get_if<scored_texts>(&what))
        for (const auto& each : scored->results)
            all += each ? each->ids.size() : 0;
    if (const auto* made = std::get_if<tokens>(&what))
        all = made->ids.size();
    return all;
}

} // namespace warmd::worker

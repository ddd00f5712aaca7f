#include "methods/outcomes.hpp"

#include "methods/object_text.hpp"
#include "wire/rpc.hpp"

#include <array>
#include <cmath>
#include <optional>
#include <string_view>
#include <vector>

namespace warmd::replies {

namespace {

// They go on until all is written or the writer is full.

void write_tokens(json_writer& to, const outcome& what)
{
    const auto& all = std::get<tokens>(what);
    to.key("ids").array(all.ids).key("tokens").array(all.texts);
}

void write_plain_text(json_writer& to, const outcome& what)
{
    to.member("text", std::get<plain_text>(what).text);
}

/// An item's failure in its place.
void write_failed(json_writer& to, const failure& why)
{
    std::string error;
    rpc::append_error(error, why);
    to.begin_object().key("error").raw(error).end_object();
}

/// A list of what `write_one` writes of each, or why there is none.
template <class T, class WriteOne>
void write_list(json_writer& to, std::string_view called, const std::vector<result<T>>& all,
                WriteOne write_one)
{
    to.key(called).begin_array();
    for (const result<T>& each : all) {
        if (to.full())
            break;
        if (each)
            write_one(*each);
        else
            write_failed(to, each.error());
    }
    to.end_array();
}

void write_distributions(json_writer& to, const outcome& what)
{
    write_list(to, "distributions", std::get<distributions>(what).slices,
               [&](const top_slice& slice) {
                   to.begin_object()
                       .key("token_ids")
                       .array(slice.token_ids)
                       .key("logprobs")
                       .array(slice.logprobs);
                   member_or_null(to, "tail_logprob", slice.tail_logprob);
                   to.member("vocab_size", slice.vocab_size).end_object();
               });
}

/// Nothing where nothing was scored: a sum of 0 would be the best of all.
std::optional<double> if_scored(const scored_text& scored, double number)
{
    return scored.logprobs.empty() ? std::nullopt : std::optional(number);
}

void write_scored(json_writer& to, const outcome& what)
{
    write_list(to, "results", std::get<scored_texts>(what).results, [&](const scored_text& scored) {
        to.begin_object();
        member_or_null(to, "logprob", if_scored(scored, scored.total));
        to.member("num_tokens", scored.logprobs.size())
            .member("num_scored", scored.logprobs.size())
            .key("token_ids")
            .array(scored.ids)
            .key("logprobs")
            .array(scored.logprobs)
            .end_object();
    });
}

void write_rolling(json_writer& to, const outcome& what)
{
    write_list(to, "results", std::get<scored_texts>(what).results, [&](const scored_text& scored) {
        const double mean = scored.total / static_cast<double>(scored.logprobs.size());
        to.begin_object()
            .key("token_ids")
            .array(scored.ids)
            .key("logprobs")
            .array(scored.logprobs)
            .member("num_tokens", scored.ids.size())
            .member("num_scored", scored.logprobs.size())
            .member("total_logprob", scored.total);
        member_or_null(to, "mean_logprob", if_scored(scored, mean));
        member_or_null(to, "perplexity", if_scored(scored, std::exp(-mean)));
        to.end_object();
    });
}

void write_generation(json_writer& to, const outcome& what)
{
    static constexpr std::array<std::string_view, 3> reasons{"stop", "length",
                                                             "eos"}; // by generation_result::finish
    const auto& made = std::get<generation_result>(what);
    to.member("text", made.text).key("token_ids").array(made.ids);
    to.member("finish_reason", reasons[static_cast<std::size_t>(made.reason)]);
}

void write_divergence(json_writer& to, const outcome& what)
{
    const auto& report = std::get<divergence_report>(what);
    to.member("kind", report.kind == divergence_kind::js ? "js" : "kl");
    write_list(to, "per_prompt", report.per_prompt, [&](double nats) { to.value(nats); });
    to.member("mean", report.mean).member("max", report.max);
    to.key("ci_95").array(std::array{report.ci_95_low, report.ci_95_high});
}

void write_rendered(json_writer& to, const outcome& what)
{
    const auto& made = std::get<rendered_text>(what);
    to.member("text", made.text).key("ids").array(made.ids);
    to.member("template", made.template_name).key("unused_kwargs").array(made.unused);
}

void write_template(json_writer& to, const outcome& what)
{
    const auto& told = std::get<chat_template_description>(what);
    to.member("template", told.name).member("file", told.file);
    to.key("templates").array(told.names).key("variables").array(told.reads);
}

void write_tokenizer(json_writer& to, const outcome& what)
{
    const auto& told = std::get<tokenizer_description>(what);
    member_or_null(to, "eos_token", told.eos);
    member_or_null(to, "bos_token", told.bos);
    member_or_null(to, "pad_token", told.pad);
    member_or_null(to, "chat_template", told.chat_template);
}

} // namespace

outcome_writer writer_of(const operation& asked) noexcept
{
    static constexpr std::array<outcome_writer, std::variant_size_v<operation>> writers{
        write_tokens,   write_plain_text, write_distributions, write_scored,
        write_rolling,  write_generation, write_divergence,    write_rendered,
        write_template, nullptr,          write_tokenizer};
    return writers[asked.index()];
}

result<std::string> written(const std::function<void(json_writer& to, const outcome&)>& write,
                            const outcome& what, std::size_t max_bytes)
{
    std::string text;
    json_writer to(text, max_bytes);
    to.begin_object();
    write(to, what);
    to.end_object();
    if (to.full())
        return reply_too_large(max_bytes);
    return text;
}

} // namespace warmd::replies

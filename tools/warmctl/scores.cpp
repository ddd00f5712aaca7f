#include "warmctl/cells.hpp"
#include "warmctl/tables.hpp"

#include <algorithm>

namespace warmd::ctl {

namespace {

/// Where nothing was scored.
const std::string unscored = "–";

std::string score(const json::value& value, format as)
{
    return value.is_null() ? unscored : show(value, as);
}

/// Why an input could not be scored, if that stands in the place of its result.
std::optional<std::string> failure_of(const json::value& part)
{
    const json::object* const object = part.if_object();
    const json::value* const error = object ? object->if_contains("error") : nullptr;
    return error ? std::optional(text(error->at("message"))) : std::nullopt;
}

std::set<std::int64_t> ids_of(const json::array& parts)
{
    std::set<std::int64_t> ids;
    for (const json::value& part : parts) {
        if (failure_of(part))
            continue;
        for (const json::value& id : part.at("token_ids").as_array())
            ids.insert(id.to_number<std::int64_t>());
    }
    return ids;
}

std::string token_text(const token_texts& known, std::int64_t id)
{
    const auto found = known.find(id);
    return found == known.end() ? "" : quoted(found->second);
}

/// The text that result `i` is about.
std::string subject(const answer& from, std::size_t i)
{
    return i < from.texts.size() ? quoted(from.texts[i]) : "-";
}

/// A line for each input that could not be scored.
std::string failures_in(const answer& from, const json::array& parts)
{
    std::string lines;
    for (std::size_t i = 0; i != parts.size(); ++i)
        if (const auto why = failure_of(parts[i]))
            lines += subject(from, i) + ": " + *why + '\n';
    return lines;
}

} // namespace

std::string show_tokens(const answer& from)
{
    const json::array& ids = from.result.at("ids").as_array();
    const json::array& tokens = from.result.at("tokens").as_array();
    table lines({{"#", right}, {"ID", right}, {"TOKEN", left}});
    for (std::size_t i = 0; i != ids.size(); ++i)
        lines.row({std::to_string(i), show(ids[i], count),
                   quoted(std::string_view(tokens.at(i).as_string()))});
    return lines.text();
}

std::string show_rendered(const answer& from)
{
    if (!from.typed.has("ids"))
        return show_text(from);
    std::string line;
    for (const json::value& id : from.result.at("ids").as_array())
        line += (line.empty() ? "" : " ") + show(id, count);
    return line + '\n';
}

std::string show_chat_template(const answer& from)
{
    const auto line = [](std::string_view name, const std::string& what) {
        return "  " + std::string(name) + std::string(11 - name.size(), ' ') + what + '\n';
    };
    const auto list = [&](std::string_view name) {
        std::string names;
        for (const json::value& each : from.result.at(name).as_array())
            names += (names.empty() ? "" : ", ") + text(each);
        return names.empty() ? "-" : names;
    };
    return line("template", text(from.result.at("template"))) +
           line("file", text(from.result.at("file"))) + line("templates", list("templates")) +
           line("variables", list("variables"));
}

std::string show_distributions(const answer& from)
{
    const json::array& distributions = from.result.at("distributions").as_array();
    const token_texts known = from.look_up(ids_of(distributions));
    std::string out;
    for (std::size_t i = 0; i != distributions.size(); ++i) {
        const json::value& top = distributions[i];
        if (const auto why = failure_of(top)) {
            out += (i == 0 ? "" : "\n") + subject(from, i) + "\n  " + *why + '\n';
            continue;
        }
        const json::array& ids = top.at("token_ids").as_array();
        const json::array& logprobs = top.at("logprobs").as_array();
        table lines({{"ID", right}, {"TOKEN", left}, {"P", right}, {"LOGPROB", right}});
        for (std::size_t k = 0; k != ids.size(); ++k)
            lines.row({show(ids[k], count), token_text(known, ids[k].to_number<std::int64_t>()),
                       show(logprobs.at(k), probability), show(logprobs.at(k), human_number)});
        if (const auto tail = number(top.at("tail_logprob"))) {
            const double others =
                number(top.at("vocab_size")).value_or(0) - static_cast<double>(ids.size());
            lines.row({"", count(others) + " others", probability(*tail), human_number(*tail)});
        }
        out += (i == 0 ? "" : "\n") + subject(from, i) + '\n' + lines.text("  ");
    }
    return out;
}

namespace {

/// Each token of one scored text; those without anything before them have no logprob.
std::string show_each_token(const json::value& scored, const token_texts& known)
{
    const json::array& ids = scored.at("token_ids").as_array();
    const json::array& logprobs = scored.at("logprobs").as_array();
    const std::size_t first = ids.size() - std::min(ids.size(), logprobs.size());
    table lines({{"ID", right}, {"TOKEN", left}, {"P", right}, {"LOGPROB", right}});
    for (std::size_t k = 0; k != ids.size(); ++k) {
        const json::value& logprob = k < first ? json::value() : logprobs.at(k - first);
        lines.row({show(ids[k], count), token_text(known, ids[k].to_number<std::int64_t>()),
                   show(logprob, probability), show(logprob, human_number)});
    }
    return lines.text("  ");
}

/// `overview`, then with --tokens each result's tokens under its text.
std::string with_tokens(const answer& from, const json::array& results, std::string overview)
{
    if (!from.typed.has("tokens"))
        return overview;
    const token_texts known = from.look_up(ids_of(results));
    for (std::size_t i = 0; i != results.size(); ++i)
        if (!failure_of(results[i]))
            overview += '\n' + subject(from, i) + '\n' + show_each_token(results[i], known);
    return overview;
}

} // namespace

std::string show_logprobs(const answer& from)
{
    const json::array& results = from.result.at("results").as_array();
    table lines({{"COMPLETION", left},
                 {"TOKENS", right},
                 {"P", right},
                 {"LOGPROB", right},
                 {"PER TOKEN", right}});
    for (std::size_t i = 0; i != results.size(); ++i) {
        const json::value& each = results[i];
        if (failure_of(each)) {
            lines.row({subject(from, i), unscored, unscored, unscored, unscored});
            continue;
        }
        const json::value& total = each.at("logprob");
        const double tokens = number(each.at("num_tokens")).value_or(0);
        lines.row({subject(from, i), count(tokens), score(total, probability),
                   score(total, human_number),
                   number(total) && tokens > 0 ? human_number(*number(total) / tokens) : unscored});
    }
    return with_tokens(from, results, lines.text() + failures_in(from, results));
}

std::string show_perplexities(const answer& from)
{
    const json::array& results = from.result.at("results").as_array();
    table lines({{"TEXT", left},
                 {"TOKENS", right},
                 {"LOGPROB", right},
                 {"PER TOKEN", right},
                 {"PERPLEXITY", right}});
    for (std::size_t i = 0; i != results.size(); ++i) {
        const json::value& each = results[i];
        if (failure_of(each)) {
            lines.row({subject(from, i), unscored, unscored, unscored, unscored});
            continue;
        }
        const bool none = each.at("mean_logprob").is_null(); // its sum, 0, would look like the best
        lines.row({subject(from, i), show(each.at("num_tokens"), count),
                   none ? unscored : show(each.at("total_logprob"), human_number),
                   score(each.at("mean_logprob"), human_number),
                   score(each.at("perplexity"), human_number)});
    }
    return with_tokens(from, results, lines.text() + failures_in(from, results));
}

std::string show_text(const answer& from)
{
    return std::string(from.result.at("text").as_string()) + '\n';
}

std::string show_divergence(const answer& from)
{
    const json::value& found = from.result;
    const json::array& each = found.at("per_prompt").as_array();
    table lines({{"PROMPT", left},
                 {found.at("kind").as_string() == "kl" ? "KL (NATS)" : "JS (NATS)", right}});
    for (std::size_t i = 0; i != each.size(); ++i)
        lines.row(
            {subject(from, i), failure_of(each[i]) ? unscored : score(each[i], human_number)});
    lines.row({"mean", score(found.at("mean"), human_number)});
    lines.row({"max", score(found.at("max"), human_number)});
    const json::array& bounds = found.at("ci_95").as_array();
    lines.row({"95 % interval of the mean",
               score(bounds.at(0), human_number) + " to " + score(bounds.at(1), human_number)});
    return lines.text() + failures_in(from, each);
}

} // namespace warmd::ctl

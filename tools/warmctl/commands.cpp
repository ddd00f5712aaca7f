#include "warmctl/commands.hpp"

#include "warmctl/live.hpp"

#include <warmd/json.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iostream>
#include <iterator>
#include <utility>

namespace warmd::ctl {

namespace {

using options = po::options_description;

void no_words(const arguments& typed)
{
    if (!typed.words().empty())
        throw usage_error("unexpected argument '" + typed.words().front() + "'");
}

/// A request on `texts` whose parameters `members` writes.
template <class Members>
request make(std::string_view method, std::vector<std::string> texts, Members members)
{
    request made{std::string(method), "", std::move(texts)};
    json_writer writer(made.params);
    writer.begin_object();
    members(writer);
    writer.end_object();
    return made;
}

/// A request without parameters.
request plain(std::string_view method, const arguments& typed)
{
    no_words(typed);
    return {std::string(method)};
}

void write_view_option(json_writer& out, const arguments& typed)
{
    if (const auto view = typed.text("view"))
        write_view(out, "view", *view);
}

void declare_nothing(options&) {}

void declare_load(options& to)
{
    declare_model(to);
    declare_switches(to, {"pin"});
}

request load(const arguments& typed, const surroundings& around)
{
    no_words(typed);
    return make("load", {}, [&](json_writer& out) {
        write_model(out, typed, around.progress);
        if (typed.has("pin"))
            out.member("pin", true);
    });
}

void declare_unload(options& to)
{
    declare_model(to);
    declare_values(to, {"key"});
    declare_switches(to, {"all", "no-wait"});
}

request unload(const arguments& typed, const surroundings&)
{
    no_words(typed);
    const auto key = typed.text("key");
    if (typed.has("model") + typed.has("key") + typed.has("all") != 1)
        throw usage_error("say what to unload by one of -m DIR, --key KEY, --all");
    return make("unload", {}, [&](json_writer& out) {
        if (typed.has("all"))
            out.member("all", true);
        else if (key)
            out.member("key", *key);
        else
            out.key("model").raw(model_text(typed));
        if (typed.has("no-wait"))
            out.member("wait", false);
    });
}

void declare_tokenize(options& to)
{
    declare_model(to);
    declare_switches(to, {"no-special-tokens"});
}

request tokenize(const arguments& typed, const surroundings& around)
{
    const std::string text = read_text(typed, "text");
    return make("tokenize", {}, [&](json_writer& out) {
        write_model(out, typed, around.progress);
        out.member("text", text);
        if (typed.has("no-special-tokens"))
            out.member("add_special_tokens", false);
    });
}

void declare_next(options& to)
{
    declare_model(to);
    declare_view(to);
    declare_values(to, {"top-k"});
}

request next(const arguments& typed, const surroundings& around)
{
    const auto prompts = read_texts(typed, "prompt");
    return make("next_token", prompts, [&](json_writer& out) {
        write_model(out, typed, around.progress);
        write_view_option(out, typed);
        out.key("prompts").array(prompts);
        out.member("top_k", typed.number<std::uint32_t>("top-k", 1).value_or(10));
    });
}

void declare_scores(options& to)
{
    declare_model(to);
    declare_view(to);
    declare_switches(to, {"tokens"});
}

/// Prompt, completion, prompt, completion, …: from words, or from lines with a tab between the two.
std::vector<std::string> read_pairs(const arguments& typed)
{
    auto texts = read_texts(typed, "prompt and completion");
    if (typed.words() == std::vector<std::string>{"-"}) {
        std::vector<std::string> halves;
        for (const std::string& line : texts) {
            const std::size_t tab = line.find('\t');
            if (tab == std::string::npos)
                throw usage_error(
                    "a line of standard input must be PROMPT, a tab, COMPLETION; found '" + line +
                    "'");
            halves.insert(halves.end(), {line.substr(0, tab), line.substr(tab + 1)});
        }
        texts = std::move(halves);
    }
    if (texts.size() % 2 != 0)
        throw usage_error("prompts and completions come in pairs, found " +
                          std::to_string(texts.size()) + " texts");
    return texts;
}

request logprob(const arguments& typed, const surroundings& around)
{
    const auto texts = read_pairs(typed);
    std::vector<std::string> completions;
    for (std::size_t i = 1; i < texts.size(); i += 2)
        completions.push_back(texts[i]);
    return make("logprob", completions, [&](json_writer& out) {
        write_model(out, typed, around.progress);
        write_view_option(out, typed);
        out.key("items").begin_array();
        for (std::size_t i = 0; i != texts.size(); i += 2)
            out.begin_object()
                .member("prompt", texts[i])
                .member("completion", texts[i + 1])
                .end_object();
        out.end_array();
    });
}

request perplexity(const arguments& typed, const surroundings& around)
{
    const auto texts = read_texts(typed, "text");
    return make("rolling_logprob", texts, [&](json_writer& out) {
        write_model(out, typed, around.progress);
        write_view_option(out, typed);
        out.key("texts").array(texts);
    });
}

void declare_generate(options& to)
{
    declare_model(to);
    declare_view(to);
    declare_values(to, {"max-new-tokens", "temperature", "top-p", "top-k", "seed"});
    declare_switches(to, {"stream"});
    to.add_options()("stop", po::value<std::vector<std::string>>()); // may be repeated
}

request generate(const arguments& typed, const surroundings& around)
{
    const std::string prompt = read_text(typed, "prompt");
    return make("generate", {}, [&](json_writer& out) {
        write_model(out, typed, around.progress);
        write_view_option(out, typed);
        out.member("prompt", prompt);
        out.member("max_new_tokens", typed.number<std::uint32_t>("max-new-tokens", 1).value_or(64));
        if (const auto temperature = typed.number("temperature", 0.0))
            out.member("temperature", *temperature);
        if (const auto top_p = typed.number("top-p", 0.0, 1.0))
            out.member("top_p", *top_p);
        if (const auto top_k = typed.number<std::uint32_t>("top-k", 0))
            out.member("top_k", *top_k);
        if (const auto seed = typed.number<std::uint64_t>("seed", 0))
            out.member("seed", *seed);
        if (const auto stop = typed.texts("stop"); !stop.empty())
            out.key("stop").array(stop);
        if (around.stream || typed.has("stream"))
            out.member("stream", true);
    });
}

void declare_kl(options& to)
{
    declare_model(to);
    declare_values(to, {"from", "to", "top-k"});
    declare_switches(to, {"js", "kl"});
}

request kl(const arguments& typed, const surroundings& around)
{
    if (typed.has("js") && typed.has("kl"))
        throw usage_error("--js and --kl exclude each other");
    const auto prompts = read_texts(typed, "prompt");
    return make("divergence", prompts, [&](json_writer& out) {
        write_model(out, typed, around.progress);
        out.key("prompts").array(prompts);
        out.member("kind", typed.has("kl") ? "kl" : "js");
        for (const char* side : {"from", "to"})
            if (const auto view = typed.text(side))
                write_view(out, side, *view);
        if (const auto top_k = typed.number<std::uint32_t>("top-k", 1))
            out.member("top_k", *top_k);
    });
}

request subscribe(const arguments& typed, const surroundings&)
{
    return make("subscribe", {}, [&](json_writer& out) { out.key("events").array(typed.words()); });
}

void declare_top(options& to) { declare_values(to, {"interval", "count"}); }

request look(const arguments& typed, const surroundings&)
{
    (void)read_pace(typed); // what is wrong with it is told before anything is asked
    return plain("models", typed);
}

request call(const arguments& typed, const surroundings&)
{
    const auto& words = typed.words();
    if (words.empty() || words.size() > 2)
        throw usage_error("call wants METHOD and at most one PARAMS, found " +
                          std::to_string(words.size()) + " arguments");
    request made{words[0]};
    if (words.size() == 2)
        made.params =
            words[1] == "-" ? std::string(std::istreambuf_iterator<char>(std::cin), {}) : words[1];
    const auto parsed = parse_json(made.params);
    if (!parsed)
        throw usage_error("PARAMS are not JSON: " + parsed.error().detail);
    // Within JSON a line break can only be space between two tokens.
    std::replace_if(
        made.params.begin(), made.params.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return made;
}

constexpr std::array all{
    command{"health", "is the daemon well?", false, declare_nothing,
            [](const arguments& typed, const surroundings&) { return plain("health", typed); },
            show_health,
            [](const json::value& result) {
                return result.at("status") == "ok" && result.at("ready") == true;
            }},
    command{"stats", "counters and gauges", false, declare_nothing,
            [](const arguments& typed, const surroundings&) { return plain("stats", typed); },
            show_stats},
    command{"metrics", "the same and more, as Prometheus reads it", false, declare_nothing,
            [](const arguments& typed, const surroundings&) { return plain("metrics", typed); },
            show_metrics},
    command{"ps", "what is loaded, least recently used first", false, declare_nothing,
            [](const arguments& typed, const surroundings&) { return plain("models", typed); },
            show_models},
    command{.name = "top",
            .summary = "the same, live",
            .scores = false,
            .declare = declare_top,
            .ask = look,
            .show = nullptr,
            .follow = top},
    command{.name = "watch",
            .summary = "events as they come",
            .scores = false,
            .declare = declare_nothing,
            .ask = subscribe,
            .show = nullptr,
            .follow = watch},
    command{"load", "load a model, or find it loaded", true, declare_load, load, show_load},
    command{"unload", "let go of a model", false, declare_unload, unload, show_unload},
    command{"reload", "read the configuration file again", false, declare_nothing,
            [](const arguments& typed, const surroundings&) { return plain("reload", typed); },
            show_reload},
    command{"tokenize", "a text as tokens", true, declare_tokenize, tokenize, show_tokens},
    command{"next", "the most probable next tokens after each prompt", true, declare_next, next,
            show_distributions},
    command{"logprob", "log probability of completions", true, declare_scores, logprob,
            show_logprobs},
    command{"perplexity", "perplexity of texts", true, declare_scores, perplexity,
            show_perplexities},
    command{"generate", "continue a prompt", true, declare_generate, generate, show_text},
    command{"kl", "how far two views are apart on each prompt", true, declare_kl, kl,
            show_divergence},
    command{"call", "any method, parameters as JSON", false, declare_nothing, call, show_json},
};

} // namespace

std::span<const command> commands() { return all; }

} // namespace warmd::ctl

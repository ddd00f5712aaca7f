#include "warmctl/requests.hpp"

#include "warmctl/live.hpp"
#include "warmctl/texts.hpp"

#include <warmd/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>

namespace warmd::ctl {

namespace {

void no_words(const arguments& typed)
{
    if (!typed.words().empty())
        throw usage_error("unexpected argument '" + typed.words().front() + "'");
}

/// A request on `texts`: what `members` writes, and what the options say.
template <class Members>
request make(const question& from, std::vector<std::string> texts, Members members)
{
    request made{std::string(from.asked.method), "", std::move(texts)};
    json_writer writer(made.params);
    writer.begin_object();
    members(writer);
    write_options(writer, from.by, from.asked.method, from.asked.options, from.typed);
    writer.end_object();
    return made;
}

/// The same about a model.
template <class Members>
request make_with_model(const question& from, std::vector<std::string> texts, Members members)
{
    return make(from, std::move(texts), [&](json_writer& out) {
        write_model(out, from.typed, from.progress);
        members(out);
    });
}

/// The same on texts, which are member `into`.
request ask_about_texts(const question& from, std::string_view what, std::string_view into)
{
    const auto inputs = read_texts(from.typed, what);
    return make_with_model(from, names_of(inputs), [&](json_writer& out) {
        out.key(into).begin_array();
        for (const text_input& each : inputs)
            out.value(each.text);
        out.end_array();
    });
}

/// Whether the model that is typed is a base without an adapter, as far as can be told from here: a
/// configured name may have one, and an adapter's directory is one.
bool has_surely_no_adapter(const arguments& typed)
{
    const auto base = typed.text("model");
    if (!base || typed.has("adapter") || typed.text("kind").value_or("hf") != "hf")
        return false;
    std::error_code ec;
    const std::filesystem::path at = absolute_path(*base);
    return std::filesystem::exists(at / "config.json", ec) &&
           !std::filesystem::exists(at / "adapter_config.json", ec);
}

/// Within JSON a line break can only be space between two tokens. `called`: "PARAMS are".
std::string on_one_line(std::string text, const std::string& called)
{
    const auto parsed = parse_json(text);
    if (!parsed)
        throw usage_error(called + " not JSON: " + parsed.error().detail);
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return text;
}

/// The JSON in a file; - is standard input.
std::string json_in(const std::string& file)
{
    std::ifstream opened;
    if (file != "-") {
        opened.open(file, std::ios::binary);
        if (!opened)
            throw usage_error("cannot read '" + file + "'");
    }
    std::istream& from = file == "-" ? std::cin : opened;
    return on_one_line(std::string(std::istreambuf_iterator<char>(from), {}), "'" + file + "' is");
}

} // namespace

request ask_plain(const question& from)
{
    no_words(from.typed);
    return {std::string(from.asked.method)};
}

request ask_load(const question& from)
{
    no_words(from.typed);
    return make_with_model(from, {}, [](json_writer&) {});
}

request ask_unload(const question& from)
{
    const arguments& typed = from.typed;
    no_words(typed);
    if (typed.has("model") + typed.has("key") + typed.has("all") != 1)
        throw usage_error("say what to unload by one of -m DIR, --key KEY, --all");
    return make(from, {}, [&](json_writer& out) {
        if (typed.has("model"))
            out.key("model").raw(model_text(typed));
    });
}

request ask_tokenize(const question& from)
{
    const std::string text = read_text(from.typed, "text");
    return make_with_model(from, {}, [&](json_writer& out) { out.member("text", text); });
}

request ask_render(const question& from)
{
    const arguments& typed = from.typed;
    no_words(typed);
    if (!typed.has("messages"))
        throw usage_error("--messages FILE is missing");
    return make_with_model(from, {}, [&](json_writer& out) {
        out.key("messages").raw(json_in(*typed.text("messages")));
        if (const auto tools = typed.text("tools"))
            out.key("tools").raw(json_in(*tools));
        if (const auto kwargs = typed.text("kwargs"))
            out.key("chat_template_kwargs").raw(on_one_line(*kwargs, "--kwargs is"));
        if (typed.has("no-generation-prompt"))
            out.member("add_generation_prompt", false);
        if (typed.has("continue"))
            out.member("continue_final_message", true);
    });
}

request ask_chat_template(const question& from)
{
    no_words(from.typed);
    return make_with_model(from, {}, [](json_writer&) {});
}

request ask_next(const question& from) { return ask_about_texts(from, "prompt", "prompts"); }

request ask_logprob(const question& from)
{
    const auto texts = read_pairs(from.typed);
    std::vector<std::string> completions;
    for (std::size_t i = 1; i < texts.size(); i += 2)
        completions.push_back(texts[i].called);
    return make_with_model(from, completions, [&](json_writer& out) {
        out.key("items").begin_array();
        for (std::size_t i = 0; i != texts.size(); i += 2)
            out.begin_object()
                .member("prompt", texts[i].text)
                .member("completion", texts[i + 1].text)
                .end_object();
        out.end_array();
    });
}

request ask_perplexity(const question& from) { return ask_about_texts(from, "text", "texts"); }

request ask_generate(const question& from)
{
    const std::string prompt = read_text(from.typed, "prompt");
    return make_with_model(from, {}, [&](json_writer& out) {
        out.member("prompt", prompt);
        if (from.stream && !from.typed.has("stream"))
            out.member("stream", true);
    });
}

request ask_kl(const question& from)
{
    if (from.typed.has("js") && from.typed.has("kl"))
        throw usage_error("--js and --kl exclude each other");
    if (has_surely_no_adapter(from.typed))
        throw usage_error("there is no adapter, so both views are the base and nothing is to be "
                          "compared: -a DIR names one");
    return ask_next(from);
}

request ask_subscribe(const question& from)
{
    return make(from, {}, [&](json_writer& out) { out.key("events").array(from.typed.words()); });
}

request ask_top(const question& from)
{
    (void)read_pace(from.typed); // what is wrong with it is told before anything is asked
    return ask_plain(from);
}

request ask_call(const question& from)
{
    const auto& words = from.typed.words();
    if (words.empty() || words.size() > 2)
        throw usage_error("call wants METHOD and at most one PARAMS, found " +
                          std::to_string(words.size()) + " arguments");
    request made{words[0]};
    if (words.size() == 2)
        made.params =
            words[1] == "-" ? std::string(std::istreambuf_iterator<char>(std::cin), {}) : words[1];
    made.params = on_one_line(std::move(made.params), "PARAMS are");
    return made;
}

namespace {

/// Whether a request is answered without waiting for a model, or for others to be done with one.
bool is_answered_at_once(const request& what, const arguments& typed, const schema::contract& by)
{
    const schema::method* const known = by.find_method(what.method);
    if (!known)
        return false; // a newer daemon may know it, and take its time
    if (known->name == "unload")
        return typed.has("no-wait");
    return std::none_of(known->params.begin(), known->params.end(),
                        [](const schema::field& each) { return each.name == "model"; });
}

} // namespace

std::chrono::milliseconds patience(const command& asked, const request& what,
                                   const arguments& typed, const schema::contract& by)
{
    const auto timeout = typed.timeout();
    if (!timeout)
        return is_answered_at_once(what, typed, by) ? std::chrono::milliseconds(at_once)
                                                    : std::chrono::milliseconds(0);
    const std::chrono::duration<double> silence(*timeout + (asked.scores ? 5 : 0));
    return std::max(std::chrono::milliseconds(1),
                    std::chrono::duration_cast<std::chrono::milliseconds>(silence));
}

} // namespace warmd::ctl

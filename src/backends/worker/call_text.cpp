#include "worker/call_text.hpp"

#include "model/chat_prompt.hpp"
#include <warmd/json_writer.hpp>

#include <array>
#include <vector>

namespace warmd::worker {

namespace {

// -- texts and views --------------------------------------------------

void write_chat(json_writer& to, const chat_prompt& what)
{
    to.key("messages").raw(what.messages);
    if (what.tools != "null")
        to.key("tools").raw(what.tools);
    if (what.documents != "null")
        to.key("documents").raw(what.documents);
    if (what.variables != "{}")
        to.key("chat_template_kwargs").raw(what.variables);
    if (!what.template_name.empty())
        to.member("chat_template", what.template_name);
    to.member("add_generation_prompt", what.add_generation_prompt);
    if (!what.continued.empty())
        to.member("continue_final_message", what.continued);
}

void write(json_writer& to, const text_or_ids& what)
{
    if (const auto* text = std::get_if<std::string>(&what)) {
        to.value(*text);
    } else if (const auto* ids = std::get_if<std::vector<token_id>>(&what)) {
        to.array(*ids);
    } else {
        to.begin_object();
        write_chat(to, *std::get<std::shared_ptr<const chat_prompt>>(what));
        to.end_object();
    }
}

void write(json_writer& to, const std::vector<text_or_ids>& all)
{
    to.begin_array();
    for (const text_or_ids& each : all)
        write(to, each);
    to.end_array();
}

constexpr std::array<std::string_view, 4> view_names{"base", "ft", "scaled", "null"};

void write_view(json_writer& to, const view& what)
{
    const std::string_view called = view_names[static_cast<std::size_t>(what.what)];
    to.key("view");
    if (what.what == view::mode::base || what.what == view::mode::ft) {
        to.value(called);
        return;
    }
    to.begin_object().key(called);
    if (what.what == view::mode::scaled) {
        to.value(what.scale);
    } else {
        to.begin_object().member("seed", what.seed);
        if (what.match)
            to.member("match", "norm");
        else
            to.member("init_scale", what.init_scale).member("rank_scale", what.rank_scale);
        to.end_object();
    }
    to.end_object();
}

/// What is not said is as it is by default: a worker need not know of it.
template <class Scored>
void write_how(json_writer& to, const Scored& what)
{
    if (what.bos)
        to.member("bos", true);
    if (what.on_error == failure_scope::item)
        to.member("on_error", "item");
}

// -- operations --------------------------------------------------

std::string_view write_operation(json_writer& to, const tokenize& what)
{
    to.key("text");
    write(to, what.text);
    to.member("add_special_tokens", what.add_special_tokens);
    return "tokenize";
}
std::string_view write_operation(json_writer& to, const detokenize& what)
{
    to.key("ids").array(what.ids).member("skip_special_tokens", what.skip_special_tokens);
    return "detokenize";
}
std::string_view write_operation(json_writer& to, const next_token& what)
{
    write_view(to, what.through);
    to.key("prompts");
    write(to, what.prompts);
    to.member("top_k", what.top_k);
    write_how(to, what);
    return "next_token";
}
std::string_view write_operation(json_writer& to, const logprob& what)
{
    write_view(to, what.through);
    to.key("items").begin_array();
    for (const logprob::item& each : what.items) {
        to.begin_object().key("prompt");
        write(to, each.prompt);
        to.key("completion");
        write(to, each.completion);
        to.end_object();
    }
    to.end_array();
    write_how(to, what);
    return "logprob";
}
std::string_view write_operation(json_writer& to, const rolling_logprob& what)
{
    write_view(to, what.through);
    to.key("texts");
    write(to, what.texts);
    write_how(to, what);
    return "rolling_logprob";
}
std::string_view write_operation(json_writer& to, const generate& what)
{
    write_view(to, what.through);
    to.key("prompt");
    write(to, what.prompt);
    to.member("max_new_tokens", what.max_new_tokens)
        .member("temperature", what.temperature)
        .member("top_p", what.top_p)
        .member("top_k", what.top_k)
        .member("seed", what.seed);
    to.key("stop").array(what.stop);
    if (!what.stop_token_ids.empty())
        to.key("stop_token_ids").array(what.stop_token_ids);
    if (what.bos)
        to.member("bos", true);
    return "generate";
}
std::string_view write_operation(json_writer& to, const render& what)
{
    write_chat(to, *what.what);
    return "render";
}
/// The daemon computes divergences, and a worker has no words for the rest.
std::string_view write_operation(json_writer&, const diverge&) { return "next_token"; }
std::string_view write_operation(json_writer&, const describe_chat_template&)
{
    return "chat_template";
}
std::string_view write_operation(json_writer&, const complete&) { return "completions"; }
std::string_view write_operation(json_writer&, const describe_tokenizer&)
{
    return "tokenizer_info";
}

template <class Operation>
call_text text_for(const Operation& what, std::string_view model, bool stream, bool fresh)
{
    call_text made;
    json_writer to(made.params);
    to.begin_object().key("model").raw(model);
    made.method = write_operation(to, what);
    if (stream)
        to.member("stream", true);
    if (fresh)
        to.member("fresh", true);
    to.end_object();
    return made;
}

// -- what they need --------------------------------------------------

std::vector<const view*> views_of(const operation& what)
{
    const auto of = [](const auto& each) -> std::vector<const view*> {
        if constexpr (requires { each.through; })
            return {&each.through};
        else if constexpr (requires { each.from; })
            return {&each.from, &each.to};
        else
            return {};
    };
    return std::visit(of, what);
}

std::vector<const text_or_ids*> inputs_of(const operation& what)
{
    const auto of = [](const auto& each) {
        std::vector<const text_or_ids*> all;
        if constexpr (requires { each.prompts; })
            for (const text_or_ids& one : each.prompts)
                all.push_back(&one);
        if constexpr (requires { each.texts; })
            for (const text_or_ids& one : each.texts)
                all.push_back(&one);
        if constexpr (requires { each.items; })
            for (const logprob::item& one : each.items)
                all.insert(all.end(), {&one.prompt, &one.completion});
        if constexpr (requires { each.prompt; })
            all.push_back(&each.prompt);
        return all;
    };
    return std::visit(of, what);
}

/// By the places of `operation`; a divergence is made of two distributions.
constexpr std::array<std::string_view, std::variant_size_v<operation>> methods{
    "tokenize",   "detokenize", "next_token",    "logprob",     "rolling_logprob", "generate",
    "next_token", "render",     "chat_template", "completions", "tokenizer_info"};

std::string_view method_of(const operation& what) { return methods[what.index()]; }

failure no(const abilities& has, std::string what)
{
    return {errc::unsupported, "the worker " + has.name + " has no " + std::move(what)};
}

} // namespace

std::string model_text(const model_spec& spec)
{
    const model_spec plain;
    std::string text;
    json_writer to(text);
    to.begin_object().member("base", spec.base);
    if (spec.revision)
        to.member("revision", *spec.revision);
    if (spec.adapter)
        to.member("adapter", *spec.adapter);
    if (spec.dtype != plain.dtype)
        to.member("dtype", spec.dtype);
    if (spec.device != plain.device)
        to.member("device", spec.device);
    if (spec.entry_point)
        to.member("entry_point", *spec.entry_point);
    if (spec.options != plain.options)
        to.key("options").raw(spec.options);
    to.end_object();
    return text;
}

std::optional<failure> lacks(const abilities& has, const operation& what)
{
    const std::string_view method = method_of(what);
    const bool in_words = !std::holds_alternative<complete>(what) &&
                          !std::holds_alternative<describe_tokenizer>(what) &&
                          !std::holds_alternative<describe_chat_template>(what);
    if (!in_words || !has.operations.contains(method))
        return no(has, "operation '" + std::string(method) + "'");
    for (const view* each : views_of(what))
        if (const auto name = view_names[static_cast<std::size_t>(each->what)];
            !has.views.contains(name))
            return no(has, "view '" + std::string(name) + "'");
    if (needs_chat_template(what) && !has.operations.contains("render"))
        return no(has, "chat template");
    for (const text_or_ids* each : inputs_of(what))
        if (std::holds_alternative<std::string>(*each) && !has.tokenizer)
            return no(has, "tokenizer: give token ids in place of texts");
    return {};
}

call_text text_of(const operation& what, std::string_view model, bool stream, bool fresh)
{
    return std::visit([&](const auto& each) { return text_for(each, model, stream, fresh); }, what);
}

call_text text_of(const diverge& what, const view& through, std::string_view model, bool fresh)
{
    const next_token half{.through = through,
                          .prompts = what.prompts,
                          .top_k = what.top_k,
                          .bos = what.bos,
                          .on_error = what.on_error};
    return text_for(half, model, false, fresh);
}

std::size_t given_tokens(const operation& what)
{
    std::size_t all = 0;
    for (const text_or_ids* each : inputs_of(what))
        if (const auto* ids = std::get_if<std::vector<token_id>>(each))
            all += ids->size();
    return all;
}

} // namespace warmd::worker

#include "hf/text/chat_templates.hpp"

#include "base/text.hpp"
#include "chat/chat_template.hpp"
#include "chat/continuation.hpp"
#include "hf/files/input_file.hpp"
#include "hf/files/json_place.hpp"
#include "hf/text/special_tokens.hpp"
#include "json/json_document.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <mutex>

namespace warmd::hf {

namespace {

using path = std::filesystem::path;

constexpr std::size_t most_templates = 64; ///< of one model

bool is_there(const path& file)
{
    std::error_code ec;
    return std::filesystem::exists(file, ec);
}

/// The .jinja files of a directory, by name.
std::vector<path> templates_in(const path& directory)
{
    std::vector<path> files;
    std::error_code ec;
    for (std::filesystem::directory_iterator each(directory, ec), end; !ec && each != end;
         each.increment(ec))
        if (each->path().extension() == ".jinja")
            files.push_back(each->path());
    std::sort(files.begin(), files.end());
    files.resize(std::min(files.size(), most_templates));
    return files;
}

/// Whether a message's content is an array.
bool has_parts(const json::value& messages)
{
    const auto& all = messages.as_array();
    return std::any_of(all.begin(), all.end(), [](const json::value& each) {
        const json::value* const content = each.as_object().if_contains("content");
        return content && content->is_array();
    });
}

result<std::string> read_source(const path& file, const file_rules& rules)
{
    constexpr std::uint64_t most = 16 << 20; // that it is too long for a template is found later
    auto text = read_text(file, most, rules);
    if (!text)
        return failure{errc::invalid_params, text.error().detail};
    return text;
}

json::value read_sound(const std::string& text)
{
    json_document document;
    const auto root = document.read(text);
    return root ? (*root)->value() : json::value(nullptr); // it was sound when it was read
}

} // namespace

/// A template as it was found; parsed when first used.
struct chat_templates::entry {
    std::string name;
    std::string file;
    result<std::string> source;

    entry(std::string called, const path& from, result<std::string> text)
        : name(std::move(called)), file(from.native()), source(std::move(text))
    {
    }
    result<chat::chat_template> parsed() const
    {
        if (!source)
            return source.error();
        std::call_once(once_, [this] { parsed_ = chat::chat_template::parse(*source); });
        if (parsed_)
            return *parsed_;
        return failure_of(parsed_.error());
    }
    /// What raise_exception was given stands alone; else file and line say where.
    failure failure_of(const chat::template_failure& why) const
    {
        using chat::template_fault;
        const bool raised = why.cause == template_fault::raised;
        failure told{errc::invalid_params, why.detail};
        if (why.cause == template_fault::cancelled) {
            told.code = errc::cancelled;
            return told;
        }
        if (why.cause == template_fault::size)
            told.code = errc::too_large;
        if (!raised)
            told.detail = file + ":" + std::to_string(why.line) + ": " + why.detail;
        told.cause = chat::name(why.cause);
        told.in_template = {name, why.line};
        return told;
    }

private:
    mutable std::once_flag once_;
    mutable chat::template_result<chat::chat_template> parsed_{chat::chat_template()};
};

struct chat_templates::found {
    std::vector<std::unique_ptr<entry>> entries;
    result<json::object> tokens = json::object();
    std::string looked_in; ///< where templates might have been
    std::optional<failure> unreadable;

    void add(std::string name, const path& file, result<std::string> source)
    {
        entries.push_back(std::make_unique<entry>(std::move(name), file, std::move(source)));
    }
    const entry* find(std::string_view name) const
    {
        for (const auto& each : entries)
            if (each->name == name)
                return each.get();
        return nullptr;
    }
    std::string names() const
    {
        return joined(entries, ", ",
                      [](const auto& each) -> const std::string& { return each->name; });
    }

    void look_in(const path& directory, const file_rules& rules)
    {
        const path main = directory / "chat_template.jinja";
        if (is_there(main))
            add("default", main, read_source(main, rules));
        for (const path& file : templates_in(directory / "additional_chat_templates"))
            add(file.stem().native(), file, read_source(file, rules));
        const path config = directory / "tokenizer_config.json";
        if (entries.empty() && is_there(config))
            look_in_config(config, rules);
    }

private:
    void look_in_config(const path& file, const file_rules& rules)
    {
        const auto members = read_json_object(file, rules);
        if (!members) {
            unreadable = members.error();
            return;
        }
        const json::value* const given = members->if_contains("chat_template");
        if (!given || given->is_null())
            return;
        if (given->is_string())
            return add("default", file, std::string(given->get_string()));
        const json::array* const list = given->if_array();
        for (std::size_t i = 0; list && i != std::min(list->size(), most_templates); ++i) {
            const json::object* const one = (*list)[i].if_object();
            const json::value* const name = one ? one->if_contains("name") : nullptr;
            const json::value* const text = one ? one->if_contains("template") : nullptr;
            if (name && name->is_string() && text && text->is_string())
                add(std::string(name->get_string()), file, std::string(text->get_string()));
        }
        if (entries.empty())
            unreadable =
                failure{errc::load_failed, file.native() +
                                               ": chat_template must be a string or a list of "
                                               "{name, template}, found " +
                                               excerpt(*given)};
    }
};

chat_templates::chat_templates() : all_(std::make_shared<const found>()) {}

std::vector<path> chat_templates::files_of(const path& directory)
{
    const path more = directory / "additional_chat_templates";
    std::vector<path> files{directory / "chat_template.jinja", more,
                            directory / "tokenizer_config.json",
                            directory / "special_tokens_map.json"};
    for (path& each : templates_in(more))
        files.push_back(std::move(each));
    return files;
}

chat_templates chat_templates::read(std::span<const path> directories, const path& tokens_from,
                                    const file_rules& rules)
{
    const auto all = std::make_shared<found>();
    for (const path& directory : directories) {
        if (all->entries.empty() && !all->unreadable)
            all->look_in(directory, rules);
        all->looked_in += (all->looked_in.empty() ? "" : " and ") + directory.native();
    }
    all->tokens = read_special_tokens(tokens_from, rules);
    return chat_templates(all);
}

result<const chat_templates::entry*> chat_templates::choose(const std::string& name,
                                                            bool tools) const
{
    if (all_->unreadable)
        return failure{errc::invalid_params, all_->unreadable->detail};
    if (all_->entries.empty())
        return failure{
            errc::invalid_params,
            "this model has no chat template: there is no chat_template.jinja, no "
            "additional_chat_templates and no chat_template in tokenizer_config.json in " +
                all_->looked_in};
    const entry* one = nullptr;
    if (!name.empty())
        one = all_->find(name);
    else if (tools)
        one = all_->find("tool_use");
    if (!one && name.empty())
        one = all_->find("default");
    if (one)
        return one;
    return failure{errc::invalid_params,
                   (name.empty() ? "this model has no chat template 'default'"
                                 : "this model has no chat template '" + shortened(name) + "'") +
                       ", but " + all_->names()};
}

result<chat_templates::written> chat_templates::write(const chat_prompt& what, const std::tm& now,
                                                      std::stop_token cancelled) const
{
    const auto chosen = choose(what.template_name, what.tools != "null");
    if (!chosen)
        return chosen.error();
    const entry& by = **chosen;
    const auto parsed = by.parsed();
    if (!parsed)
        return parsed.error();
    if (!all_->tokens)
        return failure{errc::invalid_params, all_->tokens.error().detail};
    json::object variables = *all_->tokens;
    const json::value more = read_sound(what.variables);
    for (const auto& each : more.as_object())
        variables[each.key()] = each.value();
    variables["messages"] = read_sound(what.messages);
    variables["tools"] = read_sound(what.tools);
    variables["documents"] = read_sound(what.documents);
    variables["add_generation_prompt"] = what.add_generation_prompt;
    std::vector<std::string> unused = parsed->unused(more.as_object());
    const bool in_parts = has_parts(variables["messages"]);
    auto made = what.continued.empty()
                    ? parsed->render(variables, now, {}, std::move(cancelled))
                    : chat::render_continued(*parsed, std::move(variables), now, what.continued, {},
                                             std::move(cancelled));
    if (made)
        return written{std::move(made->text), by.name, std::move(unused)};
    failure why = by.failure_of(made.error());
    if (in_parts && (made.error().cause == chat::template_fault::type ||
                     made.error().cause == chat::template_fault::undefined))
        why.detail += " (a message's content is an array of parts; this template may take plain "
                      "strings only)";
    return why;
}

result<chat_template_description> chat_templates::describe(const std::string& name) const
{
    const auto chosen = choose(name, false);
    if (!chosen)
        return chosen.error();
    const auto parsed = (*chosen)->parsed();
    if (!parsed)
        return parsed.error();
    chat_template_description told{(*chosen)->name, (*chosen)->file, {}, parsed->reads()};
    for (const auto& each : all_->entries)
        told.names.push_back(each->name);
    return told;
}

result<tokenizer_description> chat_templates::describe_tokenizer() const
{
    if (!all_->tokens)
        return failure{errc::invalid_params, all_->tokens.error().detail};
    const auto token = [this](std::string_view name) -> std::optional<std::string> {
        const json::value* const text = all_->tokens->if_contains(name);
        return text ? std::optional(std::string(text->get_string())) : std::nullopt;
    };
    tokenizer_description told{.eos = token("eos_token"),
                               .bos = token("bos_token"),
                               .pad = token("pad_token"),
                               .unk = token("unk_token"),
                               .chat_template = {}};
    const auto chosen = choose({}, false);
    if (chosen && (*chosen)->source)
        told.chat_template = *(*chosen)->source;
    return told;
}

} // namespace warmd::hf

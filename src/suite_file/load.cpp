#include "suite_file/load.hpp"

#include "base/text.hpp"
#include "evaluation/suite.hpp"
#include "suite_file/yaml.hpp"
#include "json/json_source.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

namespace warmd::suite_file {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t section_characters = 600;

/// A file's text, its values and their places.
struct read_json {
    read_json(std::string content, const std::string& name)
        : text(std::move(content)), source(text, name)
    {
    }
    std::string text;
    json_source source;
};

/// The last node on the way to `pointer` that there is.
const json_node& nearest(const json_node& root, std::string_view pointer)
{
    const json_node* at = &root;
    while (pointer.starts_with('/')) {
        pointer.remove_prefix(1);
        std::string name(pointer.substr(0, pointer.find('/')));
        pointer.remove_prefix(name.size());
        for (std::size_t i; (i = name.find("~1")) != name.npos;)
            name.replace(i, 2, "/");
        for (std::size_t i; (i = name.find("~0")) != name.npos;)
            name.replace(i, 2, "~");
        const json_node* below = at->is_object() ? at->find(name) : nullptr;
        if (at->is_array()) {
            below = at->begin();
            for (std::size_t left = std::strtoul(name.c_str(), nullptr, 10);
                 left != 0 && below != at->end(); --left)
                below = below->next();
        }
        if (!below || below == at->end())
            break;
        at = below;
    }
    return *at;
}

result<written_form> parse_file(std::string text, const std::string& path)
{
    if (!path.ends_with(".json"))
        return parse_yaml(text, path);
    const auto read = std::make_shared<read_json>(std::move(text), path);
    if (read->source.fault())
        return *read->source.fault();
    return written_form{read->source.root().value(), [read](const std::string& pointer) {
                            return read->source.place_of(nearest(read->source.root(), pointer));
                        }};
}

std::string resolved(const fs::path& folder, const std::string& written)
{
    const char* const home = std::getenv("HOME");
    if (home && *home && (written == "~" || written.starts_with("~/")))
        return fs::absolute(home + written.substr(1)).lexically_normal();
    return fs::absolute(folder / written).lexically_normal();
}

bool is_path(const fs::path& folder, const std::string& base)
{
    for (const std::string_view start : {"/", "./", "../", "~/"})
        if (base.starts_with(start))
            return true;
    std::error_code ec;
    return base == "." || base == ".." || base == "~" || fs::is_directory(folder / base, ec);
}

void resolve_models(json::object& models, const fs::path& folder)
{
    for (auto& [name, model] : models) {
        json::object* const of = model.if_object();
        if (!of)
            continue;
        json::value* const base = of->if_contains("base");
        if (base && base->is_string() && is_path(folder, base->get_string().c_str()))
            *base = resolved(folder, base->get_string().c_str());
        json::value* const adapter = of->if_contains("adapter");
        if (adapter && adapter->is_string())
            *adapter = resolved(folder, adapter->get_string().c_str());
    }
}

/// The documents' sections behind those that the suite has; nothing is done to what is no list of
/// strings, which the reader of suites refuses.
result<void> take_documents(json::object& form, const fs::path& folder)
{
    const json::value* const documents = form.if_contains("documents");
    if (!documents || !documents->is_array())
        return {};
    json::array made;
    for (const json::value& each : documents->get_array()) {
        if (!each.is_string())
            return {};
        const auto content = read_file(resolved(folder, each.get_string().c_str()));
        if (!content)
            return content.error();
        for (json::value& section : sections_of(*content, each.get_string().c_str()))
            made.push_back(std::move(section));
    }
    json::value& sections = form["sections"];
    if (sections.is_null())
        sections.emplace_array();
    if (json::array* const all = sections.if_array())
        for (json::value& each : made)
            all->push_back(std::move(each));
    form.erase("documents");
    return {};
}

bool says(const json::object& in, std::string_view member, std::string_view text)
{
    const json::value* const found = in.if_contains(member);
    return found && found->is_string() && found->get_string() == text;
}

/// Lines of type "step" of one log.
void take_steps(std::string_view log, json::array& losses)
{
    while (!log.empty()) {
        const std::string_view line = log.substr(0, log.find('\n'));
        log.remove_prefix(std::min(line.size() + 1, log.size()));
        const auto said = parse_json(line);
        if (!said || !said->is_object())
            continue; // the last line of a training that goes on
        const json::object& members = said->get_object();
        const json::value* const step = members.if_contains("step");
        const json::value* const loss = members.if_contains("loss");
        if (says(members, "type", "step") && step && step->is_int64())
            losses.push_back(
                json::array{*step, loss && loss->is_number() ? *loss : json::value(nullptr)});
    }
}

result<void> take_losses(json::object& entry, const fs::path& folder)
{
    const json::value* const store = entry.if_contains("store_path");
    if (!says(entry, "kind", evaluation::spec::training_drift::kind) || !store ||
        !store->is_string())
        return {};
    const json::value* const given = entry.if_contains("losses");
    if (given && !given->is_null())
        return {};
    std::vector<std::string> logs;
    std::error_code ec;
    const fs::path logs_folder = fs::path(resolved(folder, store->get_string().c_str())) / "logs";
    for (const auto& each : fs::directory_iterator(logs_folder, ec))
        if (const std::string name = each.path().filename();
            name.starts_with("train-") && name.ends_with(".jsonl"))
            logs.push_back(each.path());
    std::sort(logs.begin(), logs.end());
    json::array losses;
    for (const std::string& log : logs) {
        const auto content = read_file(log);
        if (!content)
            return content.error();
        take_steps(*content, losses);
    }
    if (!losses.empty()) // without any, the probe has no material and says so
        entry["losses"] = std::move(losses);
    return {};
}

result<void> take_files(json::object& form, const fs::path& folder)
{
    if (json::value* const models = form.if_contains("models"); models && models->is_object())
        resolve_models(models->get_object(), folder);
    if (auto taken = take_documents(form, folder); !taken)
        return taken;
    if (json::value* const entries = form.if_contains("suite"); entries && entries->is_array())
        for (json::value& each : entries->get_array())
            if (each.is_object())
                if (auto taken = take_losses(each.get_object(), folder); !taken)
                    return taken;
    return {};
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r\f\v") == line.npos; }

std::string trimmed(std::string_view text)
{
    const std::size_t begin = text.find_first_not_of(" \t\r\n\f\v");
    return begin == text.npos
               ? ""
               : std::string(text.substr(begin, text.find_last_not_of(" \t\r\n\f\v") + 1 - begin));
}

/// What stands between blank lines, without white space around.
std::vector<std::string> pieces_of(std::string_view document)
{
    std::vector<std::string> pieces;
    std::string piece;
    const auto end_piece = [&] {
        if (std::string made = trimmed(std::exchange(piece, {})); !made.empty())
            pieces.push_back(std::move(made));
    };
    while (!document.empty()) {
        const std::string_view line = document.substr(0, document.find('\n'));
        document.remove_prefix(std::min(line.size() + 1, document.size()));
        if (is_blank(line))
            end_piece();
        else
            (piece += line) += '\n';
    }
    end_piece();
    return pieces;
}

std::size_t characters(std::string_view text)
{
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char each) {
        return (static_cast<unsigned char>(each) & 0xc0) != 0x80;
    }));
}

} // namespace

json::array sections_of(std::string_view document, const std::string& tag)
{
    json::array sections;
    std::string content;
    const auto end_section = [&] {
        if (!content.empty())
            sections.push_back(json::object{
                {"kind", "prose"}, {"tag", tag}, {"content", std::exchange(content, {})}});
    };
    for (const std::string& piece : pieces_of(document)) {
        content += (content.empty() ? "" : "\n\n") + piece;
        if (characters(content) >= section_characters)
            end_section();
    }
    end_section();
    return sections;
}

result<std::string> read_file(const std::string& path)
{
    std::ifstream in(path, std::ios::binary);
    std::string content(max_bytes + 1, '\0');
    in.read(content.data(), static_cast<std::streamsize>(content.size()));
    const auto size = static_cast<std::size_t>(in.gcount());
    if (!in.eof())
        return failure{size > max_bytes ? errc::too_large : errc::not_found,
                       path + (size > max_bytes ? " has more than 16 MiB" : ": cannot be read")};
    content.resize(size);
    return content;
}

result<json::value> load(const std::string& path, bool models)
{
    auto text = read_file(path);
    if (!text)
        return text.error();
    auto written = parse_file(std::move(*text), path);
    if (!written)
        return written.error();
    if (json::object* const form = written->form.if_object()) {
        if (!models)
            form->erase("models");
        if (auto taken = take_files(*form, fs::absolute(path).parent_path()); !taken)
            return taken.error();
    }
    const auto faults = evaluation::read_suite(written->form).faults;
    if (!faults.empty())
        return failure{faults.front().code,
                       joined(faults, "\n", [&](const evaluation::fault& each) {
                           return written->place_of(each.pointer) + ": " + each.text;
                       })};
    return std::move(written->form);
}

} // namespace warmd::suite_file

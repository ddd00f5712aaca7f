#include "warmctl/arguments.hpp"

#include "warmctl/format.hpp"

#include "base/config.hpp"
#include "model/hub_cache.hpp"
#include "model/model_name.hpp"

#include <warmd/json.hpp>

#include <boost/program_options/parsers.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <utility>

namespace warmd::ctl {

using namespace std::string_view_literals;

namespace {

/// JSON can carry nothing else.
const std::string& checked(const std::string& text)
{
    if (!is_utf8(text))
        throw usage_error(quoted(text, 200) + " is not UTF-8");
    return text;
}

} // namespace

std::string to_text(double number)
{
    std::string out;
    json_writer(out).value(number);
    return out;
}

arguments::arguments(const po::options_description& known, const std::vector<std::string>& typed)
try {
    for (const std::string& each : typed)
        checked(each);
    namespace style = po::command_line_style;
    po::parsed_options parsed = po::command_line_parser(typed)
                                    .options(known)
                                    .style(style::unix_style & ~style::allow_guessing)
                                    .run();
    std::erase_if(parsed.options, [&](const po::option& each) {
        if (each.string_key.empty())
            words_.insert(words_.end(), each.value.begin(), each.value.end());
        return each.string_key.empty();
    });
    po::store(parsed, options_);
} catch (const po::error& why) {
    throw usage_error(why.what());
}

std::optional<std::string> arguments::text(const std::string& option) const
{
    return has(option) ? std::optional(options_[option].as<std::string>()) : std::nullopt;
}

std::vector<std::string> arguments::texts(const std::string& option) const
{
    return has(option) ? options_[option].as<std::vector<std::string>>()
                       : std::vector<std::string>();
}

std::optional<double> arguments::timeout() const { return number("timeout", 0.001, 1e9); }

std::string socket_path(const arguments& typed)
{
    if (const auto path = typed.text("socket"))
        return *path;
    const char* named = std::getenv("WARMD_SOCKET");
    return named && *named ? named : default_socket_path();
}

std::string absolute_path(const std::string& typed)
{
    namespace fs = std::filesystem;
    if (typed != "~" && !typed.starts_with("~/"))
        return checked(fs::absolute(typed).lexically_normal());
    const char* home = std::getenv("HOME");
    if (!home || !*home)
        throw usage_error("cannot tell what ~ is in '" + typed + "': HOME is not set");
    return checked(fs::absolute(home + typed.substr(1)).lexically_normal());
}

namespace {

/// Whether `base` is a path. Of the names that do not look like one, those of an hf model's
/// existing directory are; the others are Hugging Face repository ids, or names that their kind
/// understands.
bool is_path(const std::string& base, const std::string& kind)
{
    for (const std::string_view start : {"/", "./", "../", "~/"})
        if (base.starts_with(start))
            return true;
    std::error_code ec;
    return base == "." || base == ".." || base == "~" ||
           (kind == "hf" && std::filesystem::is_directory(base, ec));
}

/// What -m says in one string, view included, for the daemon to take apart: a configured name, as
/// every word without '/' may be one, or a path with a view behind it. Else nothing: a path, or a
/// repository id, which are members of a ModelSpec.
std::optional<std::string> name_in(const std::string& model)
{
    if (model.starts_with('@'))
        return model.substr(1);
    const model_name name = parse_model_name(model);
    const std::string named(name.model);
    std::error_code ec;
    if (name.through && !std::filesystem::is_directory(model, ec)) // or it is called so
        return is_path(named, "hf") ? absolute_path(named) + model.substr(named.size()) : model;
    if (is_path(model, "hf") || model.find('/') != std::string::npos)
        return {};
    return model;
}

/// The options that describe a model besides -m, which a string has no room for.
constexpr const char* of_a_spec[] = {"revision", "adapter", "dtype",
                                     "kind",     "options", "entry-point"};

/// Whether -m, in one string, is all that describes the model. Throws usage_error if it has to be.
bool is_named(const arguments& typed, const std::string& model)
{
    for (const char* option : of_a_spec) {
        if (!typed.has(option))
            continue;
        const std::string cannot = "--" + std::string(option) + " cannot go with a ";
        if (model.starts_with('@'))
            throw usage_error(cannot + "configured model, '" + model + "'");
        if (parse_model_name(model).through)
            throw usage_error(cannot + "view behind the model, '" + model + "': --view says it");
        return false;
    }
    return true;
}

/// Where a repository is in this user's cache, if its place is set here: the daemon may look
/// elsewhere.
std::optional<std::string> in_own_cache(const std::string& id, const arguments& typed)
{
    const bool placed =
        std::ranges::any_of(std::array{"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"},
                            [](const char* name) { return !from_environment(name).empty(); });
    if (!placed || id.find('/') == id.npos || typed.text("kind").value_or("hf") != "hf")
        return {};
    const auto found =
        find_in_hub_cache(hub_cache_directory(), id, typed.text("revision").value_or("main"));
    return found ? std::optional(absolute_path(found->directory.native())) : std::nullopt;
}

} // namespace

std::string model_text(const arguments& typed)
{
    const auto adapter = typed.text("adapter");
    const auto given = typed.text("model");
    if (given ? given->empty() : !adapter)
        throw usage_error("no model: -m DIR names its directory, a Hugging Face repository id, or "
                          "a configured model; -a DIR alone an adapter, on the base that it names");
    const std::optional<std::string> base = given ? given : absolute_path(*adapter);
    std::string out;
    json_writer writer(out);
    if (const auto name = name_in(*base); name && is_named(typed, *base)) {
        writer.value(*name);
        return out;
    }
    const bool path = is_path(*base, typed.text("kind").value_or("hf"));
    const auto snapshot = path ? std::nullopt : in_own_cache(*base, typed);
    writer.begin_object();
    for (const char* option : {"kind", "dtype", "revision"})
        if (const auto value = typed.text(option); value && !(snapshot && option == "revision"sv))
            writer.member(option, *value);
    writer.member("base", path ? absolute_path(*base) : snapshot.value_or(*base));
    if (given && adapter)
        writer.member("adapter", absolute_path(*adapter));
    if (const auto entry_point = typed.text("entry-point"))
        writer.member("entry_point", *entry_point);
    if (const auto options = typed.text("options")) {
        const auto parsed = parse_json(*options);
        if (!parsed || !parsed->is_object())
            throw usage_error("--options must be a JSON object, found '" + *options + "'" +
                              (parsed ? "" : ": " + parsed.error().detail));
        writer.key("options").raw(json_text(*parsed));
    }
    writer.end_object();
    return out;
}

void write_model(json_writer& out, const arguments& typed, bool progress)
{
    out.key("model").raw(model_text(typed));
    if (const auto timeout = typed.timeout())
        out.member("timeout", *timeout);
    if (progress)
        out.member("progress", true);
}

void write_view(json_writer& out, std::string_view name, std::string_view view)
{
    if (view == "base" || view == "ft") {
        out.value(view);
    } else if (view.starts_with("scaled:")) {
        constexpr double most = std::numeric_limits<double>::max();
        const double scale =
            read_number("the scale of --" + std::string(name), view.substr(7), -most, most);
        out.begin_object().member("scaled", scale).end_object();
    } else if (view == "null" || view.starts_with("null:")) {
        constexpr auto most = std::numeric_limits<std::uint64_t>::max();
        const auto seed = view == "null"
                              ? 0
                              : read_number<std::uint64_t>("the seed of --" + std::string(name),
                                                           view.substr(5), 0, most);
        out.begin_object()
            .key("null")
            .begin_object()
            .member("seed", seed)
            .end_object()
            .end_object();
    } else {
        throw usage_error("--" + std::string(name) +
                          " must be base, ft, scaled:NUMBER or null[:SEED], found '" +
                          std::string(view) + "'");
    }
}

} // namespace warmd::ctl

#include "hf/model_location.hpp"

#include "hf/files/instead.hpp"
#include "hf/files/json_place.hpp"
#include "model/barred.hpp"
#include "model/hub_cache.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace warmd::hf {

namespace {

using path = std::filesystem::path;

bool is_directory(const path& where)
{
    std::error_code ec;
    return std::filesystem::is_directory(where, ec);
}

bool is_there(const path& file)
{
    std::error_code ec;
    return std::filesystem::exists(file, ec);
}

/// The directory that is meant by `written`, at the absolute path `at`; `member`: of the spec.
result<std::string> directory_of(const char* member, const std::string& written,
                                 const std::string& at, const file_rules& rules)
{
    std::string real = real_path(at);
    if (auto why = barred(real))
        return *why;
    if (!is_directory(real))
        return failure{errc::not_found,
                       "model." + std::string(member) + " '" + written +
                           "' is no directory: " + what_is_no_directory(real, rules)};
    return real;
}

/// Where base's absolute path or id leads, by made.revision.
std::optional<failure> find_base(model_location& made, const std::string& written,
                                 const file_rules& rules)
{
    std::string at = written;
    if (!written.starts_with('/')) {
        const auto snapshot = find_in_hub_cache(hub_cache_directory(), written,
                                                made.revision.value_or("main"), rules);
        if (!snapshot)
            return snapshot.error();
        at = snapshot->directory.native();
        made.depends_on.insert(made.depends_on.end(), snapshot->chosen_by.begin(),
                               snapshot->chosen_by.end());
    }
    made.depends_on.emplace_back(at);
    auto directory = directory_of("base", written, at, rules);
    if (!directory)
        return directory.error();
    made.base = std::move(*directory);
    return {};
}

/// What an adapter's file says of its base.
struct named_base {
    std::string written;
    std::optional<std::string> revision;
};

result<named_base> base_named_in(const path& file, const file_rules& rules)
{
    const auto document = read_json(file, rules);
    if (!document)
        return document.error();
    complaint wrong(file);
    const json_place fields(*document, "", wrong);
    named_base made{std::string(fields.text("base_model_name_or_path")), {}};
    if (const std::string_view revision = fields.text_or("revision", ""); !revision.empty())
        made.revision = revision;
    if (made.written.empty() || made.written.find('\0') != std::string::npos)
        fields.ill_typed("base_model_name_or_path", "a base's path or id");
    if (wrong)
        return wrong.first();
    return made;
}

/// Whether `rules` admit what is at `where`, or, where nothing is, the directory in which it would
/// be: what is refused must not tell what is there.
bool may_lead_to(const path& where, const file_rules& rules)
{
    path reached = real_path(where.native());
    int descriptor = -1;
    while ((descriptor = ::open(reached.c_str(), O_PATH | O_CLOEXEC)) < 0 &&
           reached.has_relative_path())
        reached = reached.parent_path();
    const bool admitted = descriptor >= 0 && rules.admit(descriptor);
    if (descriptor >= 0)
        ::close(descriptor);
    return admitted;
}

/// `written` in a file of `directory` as an absolute path or an id.
std::string from_directory(const path& directory, const std::string& written)
{
    const path beside = directory / written; // an absolute path stays what it is
    return written.starts_with('.') || is_directory(real_path(beside.native())) ? beside.native()
                                                                                : written;
}

constexpr const char* quantized_base =
    "; the adapter works on the full-precision base, too: give that as the base, and this as its "
    "adapter";

/// `made`, whose base turned out to be an adapter, as that adapter on its base.
std::optional<failure> follow_adapter(model_location& made, const file_rules& rules)
{
    const path file = path(made.base) / "adapter_config.json";
    auto named = base_named_in(file, rules);
    if (!named)
        return named.error();
    const auto forbidden = [&]() {
        return failure{errc::permission_denied,
                       file.native() + ": base_model_name_or_path '" + shortened(named->written) +
                           "' is not beneath a directory that models may be loaded from "
                           "(--allow-root)"};
    };
    if (!may_lead_to(path(made.base) / named->written, rules)) // before it is looked at
        return forbidden();
    made.adapter = std::exchange(made.base, {});
    made.revision = std::move(named->revision);
    const std::string base = from_directory(*made.adapter, named->written);
    if (base.starts_with('/'))
        made.revision.reset(); // a directory has none
    if (auto why = find_base(made, base, rules))
        return failure{why->code == errc::invalid_params ? errc::load_failed : why->code,
                       file.native() + ": base_model_name_or_path: " + why->detail +
                           (base.ends_with("-bnb-4bit") ? quantized_base : "")};
    return may_lead_to(made.base, rules) ? std::nullopt : std::optional(forbidden());
}

/// The last part of a path or an id, without what is put behind it when it is quantized.
std::string last_part(const std::string& of)
{
    std::string part = path(of).lexically_normal().filename().native();
    if (part.empty())
        part = path(of).lexically_normal().parent_path().filename().native();
    for (const std::string_view end : {"-bnb-4bit", "-unsloth"})
        if (part.ends_with(end))
            part.resize(part.size() - end.size());
    return part;
}

/// Whether `base`, a directory, may be what an adapter of `directory` names as `written`.
bool is_named(const path& directory, const std::string& written, const std::string& base)
{
    const std::string meant = from_directory(directory, written);
    if (meant.starts_with('/') && real_path(meant) == base)
        return true;
    const std::string name = last_part(written);
    return last_part(base) == name || base.find("--" + name + "/snapshots/") != base.npos;
}

} // namespace

std::optional<std::string> named_otherwise(const std::string& adapter, const std::string& base,
                                           const file_rules& rules)
{
    const path file = path(adapter) / "adapter_config.json";
    const auto named = is_there(file) ? base_named_in(file, rules) : failure{errc::not_found, ""};
    if (!named || is_named(adapter, named->written, base))
        return {};
    return file.native() + " names '" + shortened(named->written) +
           "' as its base; it is used on " + base;
}

result<model_location> locate(const model_spec& asked, const file_rules& rules)
{
    model_location made{.base = {}, .adapter = {}, .revision = asked.revision, .depends_on = {}};
    if (auto why = find_base(made, asked.base, rules))
        return *why;
    if (asked.adapter) {
        made.depends_on.emplace_back(*asked.adapter);
        auto directory = directory_of("adapter", *asked.adapter, *asked.adapter, rules);
        if (!directory)
            return directory.error();
        made.adapter = std::move(*directory);
        return made;
    }
    const path config = path(made.base) / "config.json",
               adapter = path(made.base) / "adapter_config.json";
    if (is_there(config))
        return made;
    made.depends_on.push_back(adapter);
    if (!is_there(adapter))
        return made;
    made.depends_on.push_back(config);
    if (auto why = follow_adapter(made, rules))
        return *why;
    return made;
}

} // namespace warmd::hf

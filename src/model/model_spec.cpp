#include <warmd/model_spec.hpp>

#include "base/text.hpp"
#include "json/json_document.hpp"
#include "json/utf8_text.hpp"

#include <boost/container_hash/hash.hpp>
#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace warmd {

/// Over the members that tell models apart in practice.
std::size_t model_spec_hash::operator()(const model_spec& spec) const noexcept
{
    std::size_t seed = std::hash<std::string>{}(spec.base);
    if (spec.adapter)
        boost::hash_combine(seed, std::hash<std::string>{}(*spec.adapter));
    if (spec.options != "{}")
        boost::hash_combine(seed, std::hash<std::string>{}(spec.options));
    return seed;
}

namespace {

spec_fault ill_typed(std::string_view member, std::string_view wanted, const json_node& found)
{
    return {std::string(member),
            "must be " + std::string(wanted) + ", found " + excerpt(found.value())};
}

constexpr std::array<std::string_view, 9> member_names{
    "kind",        "base",    "adapter", "dtype", "device", "trust_remote_code",
    "entry_point", "options", "revision"};

/// Where one member of the JSON object, of member_names, goes; the fault with it, if any.
std::optional<spec_fault> take(model_spec& spec, std::string_view name, const json_node& value)
{
    static constexpr std::array<std::string_view, 6> dtypes{"auto", "fp32", "bf16",
                                                            "fp16", "int8", "int4"};
    static constexpr std::array<std::string_view, 2> devices{"auto", "cpu"};
    const auto text = [&](std::string& to, bool may_be_empty = false) -> std::optional<spec_fault> {
        if (!value.is_string() || (value.string().empty() && !may_be_empty))
            return ill_typed(name, "a non-empty string", value);
        to = value.string();
        if (to.find('\0') != std::string::npos)
            return ill_typed(name, "a string without NUL", value);
        return {};
    };
    const auto optional_text = [&](std::optional<std::string>& to) -> std::optional<spec_fault> {
        if (value.is_null())
            to.reset();
        return value.is_null() ? std::optional<spec_fault>() : text(to ? *to : to.emplace());
    };
    const auto choice =
        [&](std::string& to,
            std::span<const std::string_view> allowed) -> std::optional<spec_fault> {
        if (auto why = text(to))
            return why;
        if (std::find(allowed.begin(), allowed.end(), to) == allowed.end())
            return ill_typed(name, "one of " + joined(allowed), value);
        return {};
    };
    if (name == "kind")
        return text(spec.kind);
    if (name == "base")
        return text(spec.base);
    if (name == "adapter")
        return optional_text(spec.adapter);
    if (name == "dtype")
        return choice(spec.dtype, dtypes);
    if (name == "device")
        return choice(spec.device, devices);
    if (name == "entry_point")
        return optional_text(spec.entry_point);
    if (name == "revision")
        return optional_text(spec.revision);
    if (name == "trust_remote_code") {
        if (!value.is_bool())
            return ill_typed(name, "true or false", value);
        spec.trust_remote_code = value.boolean();
        return {};
    }
    if (!value.is_object())
        return ill_typed(name, "an object", value);
    for (const json_node* each = value.begin(); each != value.end(); ++each)
        if (each->is_number() && !std::isfinite(each->number()))
            return spec_fault{std::string(name), "has " + shortened(each->literal()) +
                                                     ", which is beyond every number that is kept"};
    spec.options = value.size() == 0 ? "{}" : canonical_json(value.value());
    return {};
}

/// The default of the member, of member_names, in memory that is there already.
std::optional<spec_fault> reset(model_spec& spec, std::size_t member)
{
    switch (member) {
    case 0: spec.kind = "hf"; break;
    case 1: spec.base.clear(); break;
    case 2: spec.adapter.reset(); break;
    case 3: spec.dtype = "auto"; break;
    case 4: spec.device = "auto"; break;
    case 5: spec.trust_remote_code = false; break;
    case 6: spec.entry_point.reset(); break;
    case 7: spec.options = "{}"; break;
    default: spec.revision.reset();
    }
    return {};
}

spec_fault unknown(std::string_view member)
{
    return {shortened(member), "is unknown; a ModelSpec has " + joined(member_names)};
}

} // namespace

std::optional<spec_fault> parse_model_spec(const json_node& value, model_spec& spec)
{
    if (!value.is_object())
        return spec_fault{"", "must be a ModelSpec object, found " + excerpt(value.value())};
    std::array<const json_node*, member_names.size()>
        given{}; // of members of one name the last counts
    for (const json_node* name = value.begin(); name != value.end(); name = (name + 1)->next()) {
        const auto found = std::find(member_names.begin(), member_names.end(), name->string());
        if (found == member_names.end())
            return unknown(name->string());
        given[static_cast<std::size_t>(found - member_names.begin())] = name + 1;
    }
    for (std::size_t i = 0; i != given.size(); ++i)
        if (auto why = given[i] ? take(spec, member_names[i], *given[i]) : reset(spec, i))
            return why;
    if (spec.base.empty())
        return spec_fault{"base", "is missing: the model's directory, as an absolute path"};
    if (spec.adapter && !spec.adapter->starts_with('/'))
        return spec_fault{"adapter", "must be an absolute path, found '" + *spec.adapter + "'"};
    if (spec.revision && spec.base.starts_with('/'))
        return spec_fault{"revision", "is for a repository id, and base is the path '" + spec.base +
                                          "': a directory has no revisions"};
    return {};
}

std::optional<failure> read_model_spec(const json_node& value, model_spec& spec)
{
    const auto fault = parse_model_spec(value, spec);
    if (!fault)
        return {};
    return failure{errc::invalid_params,
                   "model" + (fault->member.empty() ? " " : '.' + fault->member + ' ') +
                       fault->what};
}

std::string real_path(const std::string& path)
{
    std::error_code ec;
    std::filesystem::path real = std::filesystem::weakly_canonical(path, ec);
    if (ec)
        real = std::filesystem::path(path).lexically_normal();
    if (!real.has_filename() && real.has_relative_path())
        real = real.parent_path();
    return real;
}

cache_key key_of(const model_spec& resolved)
{
    // Every member is written with its length, so that no two identities give the same text.
    std::string identity;
    const auto add = [&](std::string_view part) {
        identity += std::to_string(part.size()) + ':' + std::string(part) + ';';
    };
    const auto add_optional = [&](const std::optional<std::string>& part) {
        identity += part ? '+' : '-';
        add(part.value_or(""));
    };
    add(resolved.kind);
    add(resolved.base);
    add_optional(resolved.adapter);
    add(resolved.dtype);
    add(resolved.device);
    add_optional(resolved.entry_point);
    add(resolved.options);
    if (resolved.revision) // else the keys of old stay what they were
        add(*resolved.revision);
    // A name-based UUID (RFC 4122 §4.3): 122 bits of SHA-1. The directory's name in front is for
    // people.
    const boost::uuids::uuid id =
        boost::uuids::name_generator_sha1(boost::uuids::ns::oid())(identity);
    const std::string base = std::filesystem::path(resolved.base).filename();
    const std::string adapter =
        resolved.adapter ? '+' + std::filesystem::path(*resolved.adapter).filename().string() : "";
    return cache_key{as_utf8((base.empty() ? resolved.kind : base) + adapter) + '-' +
                     to_string(id)};
}

generation fingerprint(std::span<const std::filesystem::path> files)
{
    std::string facts;
    for (const std::filesystem::path& file : files) {
        facts += file.native() + '\0';
        struct stat s {};
        if (::stat(file.c_str(), &s) == 0)
            for (const auto number :
                 {static_cast<std::int64_t>(s.st_dev), static_cast<std::int64_t>(s.st_ino),
                  static_cast<std::int64_t>(s.st_size), static_cast<std::int64_t>(s.st_mtim.tv_sec),
                  static_cast<std::int64_t>(s.st_mtim.tv_nsec),
                  static_cast<std::int64_t>(s.st_ctim.tv_sec),
                  static_cast<std::int64_t>(s.st_ctim.tv_nsec)})
                facts += std::to_string(number) + ',';
        facts += ';';
    }
    const boost::uuids::uuid id = boost::uuids::name_generator_sha1(boost::uuids::ns::oid())(facts);
    return generation{to_string(id).substr(0, 8) + to_string(id).substr(24)};
}

} // namespace warmd

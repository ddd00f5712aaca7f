#include "model/config_file.hpp"

#include "json/json_document.hpp"
#include "json/json_source.hpp"

#include <boost/json.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace warmd {

namespace {

constexpr std::size_t largest_file = 1 << 20;

bool is_name(std::string_view name)
{
    const auto is_blank = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; };
    return !name.empty() && name.front() != '/' &&
           std::find_if(name.begin(), name.end(), is_blank) == name.end();
}

/// Reads what a json_source holds, one member after the other; the first fault ends it.
class reader {
public:
    reader(const json_source& from, const std::string& path)
        : from_(from), directory_(std::filesystem::path(path).parent_path())
    {
    }

    result<config_file> read()
    {
        const json::object* members = from_.root().if_object();
        if (!members)
            return from_.wrong(from_.root(), "the configuration must be an object, found " +
                                                 excerpt(from_.root()));
        for (const json::key_value_pair& member : *members)
            if (auto why = take(member))
                return *why;
        for (const char* list : {"preload", "pin"}) // once the names are known
            if (auto why = take_names(list, *members,
                                      std::string_view(list) == "pin" ? made_.pin : made_.preload))
                return *why;
        return std::move(made_);
    }

private:
    using trouble = std::optional<failure>;

    trouble take(const json::key_value_pair& member)
    {
        const std::string_view name = member.key();
        if (name == "models")
            return take_all(member, [this](const auto& one) { return take_model(one); });
        if (name == "limits")
            return take_all(member, [this](const auto& one) {
                return take_setting("limits", one, one.value(), made_.limits);
            });
        if (name == "access")
            return take_all(member, [this](const auto& one) { return take_access(one); });
        if (name == "preload" || name == "pin")
            return {};
        return from_.wrong(
            member.value(),
            "'" + shortened(name) +
                "' is unknown; a configuration has models, limits, access, preload, pin");
    }

    template <class Take>
    trouble take_all(const json::key_value_pair& member, Take take_one)
    {
        const json::object* all = member.value().if_object();
        if (!all)
            return from_.wrong(member.value(), std::string(member.key()) +
                                                   " must be an object, found " +
                                                   excerpt(member.value()));
        for (const json::key_value_pair& one : *all)
            if (auto why = take_one(one))
                return why;
        return {};
    }

    trouble take_model(const json::key_value_pair& member)
    {
        const std::string_view name = member.key();
        const std::string called = "models." + shortened(name);
        if (!is_name(name))
            return from_.wrong(
                member.value(),
                "'" + shortened(name) +
                    "' cannot name a model: a name is not empty, does not begin with '/', "
                    "and has no white space or control characters");
        json::value spec = member.value();
        if (json::object* members = spec.if_object())
            for (const char* path : {"base", "adapter"})
                if (json::value* value = members->if_contains(path); value && value->is_string())
                    if (auto why =
                            resolve(value->get_string(), path, member.value().at(path), called))
                        return why;
        const std::string text = json::serialize(spec);
        json_document document;
        const auto node = document.read(text);
        if (!node) // Boost.JSON reads 1e999 as infinity and writes it as no number
            return from_.wrong(member.value(), called + " has a number that is out of range");
        model_spec read;
        const auto found = parse_model_spec(**node, read);
        if (!found) {
            made_.models.emplace(name, std::move(read));
            return {};
        }
        const spec_fault& fault = *found;
        const json::object* members = member.value().if_object();
        const json::value* at = members ? members->if_contains(fault.member) : nullptr;
        return from_.wrong(at ? *at : member.value(),
                           called + (fault.member.empty() ? " " : '.' + fault.member + ' ') +
                               fault.what);
    }

    /// Makes a relative path absolute.
    trouble resolve(json::string& path, std::string_view member, const json::value& at,
                    const std::string& called)
    {
        const std::string_view written = path;
        if (written.starts_with('~'))
            return from_.wrong(
                at,
                called + '.' + std::string(member) +
                    " must be an absolute path, or one relative to the file, without ~; found '" +
                    shortened(written) + "'");
        const bool relative = member == "adapter"
                                  ? !written.empty() && !written.starts_with('/')
                                  : written == "." || written == ".." ||
                                        written.starts_with("./") || written.starts_with("../");
        if (relative && written.find('\0') == std::string_view::npos)
            path = (directory_ / written).lexically_normal().native();
        return {};
    }

    trouble take_setting(const std::string& group, const json::key_value_pair& member,
                         const json::value& value, std::vector<setting>& to)
    {
        if (!value.is_string() && !value.is_number())
            return from_.wrong(value, group + '.' + shortened(member.key()) +
                                          " must be a string or a number, found " + excerpt(value));
        to.push_back({.name = member.key(),
                      .value = value.is_string() ? std::string(value.get_string()) : excerpt(value),
                      .place = from_.place_of(value)});
        return {};
    }

    /// One value, or an array of them.
    trouble take_access(const json::key_value_pair& member)
    {
        const json::array* several = member.value().if_array();
        if (!several)
            return take_setting("access", member, member.value(), made_.access);
        for (const json::value& each : *several)
            if (auto why = take_setting("access", member, each, made_.access))
                return why;
        return {};
    }

    trouble take_names(const std::string& list, const json::object& members,
                       std::vector<std::string>& to)
    {
        const json::value* value = members.if_contains(list);
        if (!value)
            return {};
        const json::array* names = value->if_array();
        if (!names)
            return from_.wrong(*value, list + " must be an array of names of models, found " +
                                           excerpt(*value));
        for (const json::value& name : *names) {
            const json::string* text = name.if_string();
            if (!text || !made_.models.contains(std::string_view(*text)))
                return from_.wrong(name, list + '[' + std::to_string(to.size()) +
                                             "] must be one of the names in models, found " +
                                             excerpt(name));
            to.emplace_back(*text);
        }
        return {};
    }

    const json_source& from_;
    const std::filesystem::path directory_;
    config_file made_;
};

failure unreadable(const std::string& path, const std::string& why)
{
    return failure{errc::invalid_params, "cannot read the configuration file " + path + ": " + why};
}

std::string system_text() { return std::generic_category().message(errno); }

/// A descriptor that is closed at the end.
struct descriptor {
    explicit descriptor(const std::string& path)
        : number(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY))
    {
    }
    ~descriptor()
    {
        if (number >= 0)
            ::close(number);
    }
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;

    const int number;
};

} // namespace

result<config_file> parse_config(std::string_view text, const std::string& path)
{
    if (text.size() > largest_file)
        return unreadable(path, "it has more than " + std::to_string(largest_file) + " bytes");
    const json_source source(text, path);
    if (source.fault())
        return *source.fault();
    return reader(source, path).read();
}

result<config_file> read_config(const std::string& path)
{
    const descriptor file(path);
    struct stat about {};
    if (file.number < 0 || ::fstat(file.number, &about) != 0)
        return unreadable(path, system_text());
    if (!S_ISREG(about.st_mode)) // a pipe or device could keep us waiting
        return unreadable(path, "it is not a regular file");
    std::string text(largest_file + 1, '\0'); // its size may change while it is read
    std::size_t size = 0;
    while (size != text.size()) {
        const ssize_t got = ::read(file.number, text.data() + size, text.size() - size);
        if (got < 0 && errno != EINTR)
            return unreadable(path, system_text());
        if (got == 0)
            break;
        size += got > 0 ? static_cast<std::size_t>(got) : 0;
    }
    text.resize(size);
    return parse_config(text, path);
}

model_changes compare(const named_models& before, const named_models& after)
{
    model_changes found;
    for (const auto& [name, spec] : before)
        if (!after.contains(name))
            found.removed.push_back(name);
    for (const auto& [name, spec] : after) {
        const auto old = before.find(name);
        (old == before.end()   ? found.added
         : old->second == spec ? found.unchanged
                               : found.changed)
            .push_back(name);
    }
    return found;
}

} // namespace warmd

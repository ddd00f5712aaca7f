#include "model/config_file.hpp"

#include "model/worker_settings_reader.hpp"
#include "json/json_source.hpp"
#include <warmd/json_writer.hpp>

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

/// A member of an object: its name, which is where it stands, and behind it its value.
struct member {
    const json_node& name;
    const json_node& value() const { return (&name)[1]; }
    std::string_view called() const { return name.string(); }
};

/// Gives each member to `take_one` until that returns a failure.
template <class TakeOne>
std::optional<failure> for_each_member(const json_node& object, TakeOne take_one)
{
    for (const json_node* name = object.begin(); name != object.end(); name = (name + 1)->next())
        if (auto why = take_one(member{*name}))
            return why;
    return {};
}

std::string excerpt_of(const json_node& value) { return excerpt(value.value()); }

/// Reads what a json_source holds, one member after the other; the first fault ends it.
class reader {
public:
    reader(const json_source& from, const std::string& path)
        : from_(from), directory_(std::filesystem::path(path).parent_path())
    {
    }

    result<config_file> read()
    {
        const json_node& root = from_.root();
        if (!root.is_object())
            return from_.wrong(root,
                               "the configuration must be an object, found " + excerpt_of(root));
        if (auto why = for_each_member(root, [this](const member& one) { return take(one); }))
            return *why;
        for (const bool pins : {false, true}) // once the names are known
            if (auto why = take_names(pins ? "pin" : "preload", pins ? made_.pin : made_.preload))
                return *why;
        return std::move(made_);
    }

private:
    using trouble = std::optional<failure>;

    trouble take(const member& one)
    {
        const std::string_view name = one.called();
        if (name == "models")
            return take_all(one, [this](const member& each) { return take_model(each); });
        if (name == "limits")
            return take_all(one, [this](const member& each) {
                return take_setting("limits", each, each.name, each.value(), made_.limits);
            });
        if (name == "access")
            return take_all(one, [this](const member& each) { return take_access(each); });
        if (name == "workers")
            return one.value().is_object() ? read_workers(from_, one.value(), made_.workers)
                                           : not_an_object(one);
        if (name == "preload" || name == "pin")
            return {};
        return from_.wrong(one.name,
                           std::string("'") + shortened(name) +
                               "' is unknown; a configuration has models, workers, limits, access, "
                               "preload, pin");
    }

    template <class Take>
    trouble take_all(const member& one, Take take_one)
    {
        return one.value().is_object() ? for_each_member(one.value(), take_one)
                                       : not_an_object(one);
    }

    failure not_an_object(const member& one) const
    {
        return from_.wrong(one.name, std::string(one.called()) + " must be an object, found " +
                                         excerpt_of(one.value()));
    }

    trouble take_model(const member& one)
    {
        const std::string_view name = one.called();
        const std::string called = "models." + shortened(name);
        if (!is_name(name))
            return from_.wrong(
                one.name,
                std::string("'") + shortened(name) +
                    "' cannot name a model: a name is not empty, does not begin with '/', "
                    "and has no white space or control characters");
        auto spec = with_absolute_paths(one.value(), called);
        if (!spec)
            return spec.error();
        json_document document;
        model_spec read;
        const auto found = parse_model_spec(**document.read(*spec), read);
        if (!found) {
            made_.models.emplace(name, std::move(read));
            return {};
        }
        const json_node* const at =
            one.value().is_object() ? one.value().find(found->member) : nullptr;
        return from_.wrong(at ? at[-1] : one.name,
                           called + (found->member.empty() ? " " : '.' + found->member + ' ') +
                               found->what);
    }

    /// The text of a ModelSpec in which relative paths are absolute.
    result<std::string> with_absolute_paths(const json_node& spec, const std::string& called)
    {
        std::string text;
        if (!spec.is_object())
            return json::serialize(spec.value());
        json_writer to(text);
        to.begin_object();
        auto why = for_each_member(spec, [&](const member& one) -> trouble {
            std::string name;
            append_quoted(name, one.called());
            to.key(std::string_view(name).substr(1, name.size() - 2));
            if (!one.value().is_string()) {
                to.raw(json::serialize(one.value().value()));
                return {};
            }
            std::string value(one.value().string());
            if (one.called() == "base" || one.called() == "adapter")
                if (auto no_path = resolve(value, one, called))
                    return no_path;
            to.value(value);
            return {};
        });
        to.end_object();
        return why ? result<std::string>(std::move(*why)) : result<std::string>(std::move(text));
    }

    /// Makes a relative path absolute.
    trouble resolve(std::string& path, const member& one, const std::string& called)
    {
        if (path.starts_with('~'))
            return from_.wrong(
                one.name,
                called + '.' + std::string(one.called()) +
                    " must be an absolute path, or one relative to the file, without ~; found '" +
                    shortened(path) + "'");
        const bool relative =
            one.called() == "adapter"
                ? !path.empty() && !path.starts_with('/')
                : path == "." || path == ".." || path.starts_with("./") || path.starts_with("../");
        if (relative && path.find('\0') == path.npos)
            path = (directory_ / path).lexically_normal().native();
        return {};
    }

    /// `at`: where the value stands, or is said to.
    trouble take_setting(const std::string& group, const member& one, const json_node& at,
                         const json_node& value, std::vector<setting>& to)
    {
        if (!value.is_string() && !value.is_number())
            return from_.wrong(at, group + '.' + shortened(one.called()) +
                                       " must be a string or a number, found " + excerpt_of(value));
        to.push_back({.name = std::string(one.called()),
                      .value = value.is_string() ? std::string(value.string()) : excerpt_of(value),
                      .place = from_.place_of(at)});
        return {};
    }

    /// One value, or an array of them.
    trouble take_access(const member& one)
    {
        const json_node& value = one.value();
        if (!value.is_array())
            return take_setting("access", one, one.name, value, made_.access);
        for (const json_node* each = value.begin(); each != value.end(); each = each->next())
            if (auto why = take_setting("access", one, *each, *each, made_.access))
                return why;
        return {};
    }

    trouble take_names(const std::string& list, std::vector<std::string>& to)
    {
        const json_node* const names = from_.root().find(list);
        if (!names)
            return {};
        if (!names->is_array())
            return from_.wrong(names[-1], list + " must be an array of names of models, found " +
                                              excerpt_of(*names));
        for (const json_node* name = names->begin(); name != names->end(); name = name->next()) {
            if (!name->is_string() || !made_.models.contains(name->string()))
                return from_.wrong(*name, list + '[' + std::to_string(to.size()) +
                                              "] must be one of the names in models, found " +
                                              excerpt_of(*name));
            to.emplace_back(name->string());
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

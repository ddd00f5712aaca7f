#include "model/worker_settings_reader.hpp"

#include "base/text.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace warmd {

namespace {

using trouble = std::optional<failure>;

/// The kinds that the daemon has of itself.
constexpr std::array<std::string_view, 2> taken{"hf", "dummy"};
constexpr double longest_seconds = 1e9; // 31 years
constexpr std::uint64_t most = std::uint64_t{1} << 62;

/// Reads the settings of one kind; the first fault ends it.
class settings_reader {
public:
    settings_reader(const json_source& from, std::string called)
        : from_(from), called_(std::move(called))
    {
    }

    trouble read(const json_node& object, worker_settings& into)
    {
        for (const json_node* name = object.begin(); name != object.end();
             name = (name + 1)->next())
            if (auto why = take(*name, name[1], into))
                return why;
        if (into.command.empty())
            return from_.wrong(object, called_ + ".command is missing: it must be " +
                                           std::string(a_command));
        return {};
    }

private:
    static constexpr std::string_view a_command =
        "an array of strings, a program and its arguments";

    trouble take(const json_node& at, const json_node& value, worker_settings& into)
    {
        const std::string_view name = at.string();
        if (name == "command")
            return take_command(at, value, into.command);
        if (name == "env")
            return take_env(at, value, into.env);
        if (name == "paths")
            return take_paths(at, value, into.paths);
        if (name == "load_timeout")
            return take_seconds(at, value, into.load_timeout);
        if (name == "stall_timeout")
            return take_seconds(at, value, into.stall_timeout);
        if (name == "stop_timeout")
            return take_seconds(at, value, into.stop_timeout);
        if (name == "max_processes")
            return take_count(at, value, into.max_processes);
        if (name == "max_bytes")
            return take_count(at, value, into.max_bytes);
        if (name == "sandbox")
            return take_switch(at, value, into.sandbox);
        if (name == "network")
            return take_switch(at, value, into.network);
        return from_.wrong(at, called_ + '.' + shortened(name) +
                                   " is unknown; there are command, env, paths, load_timeout, "
                                   "stall_timeout, stop_timeout, max_processes, max_bytes, "
                                   "sandbox, network");
    }

    trouble wrong(const json_node& at, const json_node& found, std::string_view wanted)
    {
        return from_.wrong(at, called_ + '.' + std::string(at.string()) + " must be " +
                                   std::string(wanted) + ", found " + excerpt(found.value()));
    }

    static bool is_text(const json_node& value)
    {
        return value.is_string() && value.string().find('\0') == std::string_view::npos;
    }

    trouble take_command(const json_node& at, const json_node& value,
                         std::vector<std::string>& into)
    {
        if (!value.is_array() || value.size() == 0)
            return wrong(at, value, a_command);
        for (const json_node* each = value.begin(); each != value.end(); each = each->next()) {
            if (!is_text(*each))
                return wrong(at, value, a_command);
            into.emplace_back(each->string());
        }
        const std::string& program = into.front();
        if (program.empty() || (program.find('/') != program.npos && !program.starts_with('/')))
            return wrong(at, value, "a program by its absolute path, or by its name alone");
        return {};
    }

    trouble take_env(const json_node& at, const json_node& value,
                     std::map<std::string, std::string>& into)
    {
        constexpr std::string_view wanted = "an object of strings, whose names are of variables";
        if (!value.is_object())
            return wrong(at, value, wanted);
        for (const json_node* name = value.begin(); name != value.end();
             name = (name + 1)->next()) {
            if (!is_text(*name) || name->size() == 0 || !is_text(name[1]) ||
                name->string().find('=') != std::string_view::npos)
                return wrong(at, value, wanted);
            into.emplace(name->string(), name[1].string());
        }
        return {};
    }

    trouble take_paths(const json_node& at, const json_node& value, path_meaning& into)
    {
        static constexpr std::array<std::string_view, 3> words{"local", "remote", "opaque"};
        const auto found =
            value.is_string() ? std::find(words.begin(), words.end(), value.string()) : words.end();
        if (found == words.end())
            return wrong(at, value, "local, remote or opaque");
        into = static_cast<path_meaning>(found - words.begin());
        return {};
    }

    trouble take_seconds(const json_node& at, const json_node& value,
                         std::chrono::nanoseconds& into)
    {
        const double seconds = value.is_number() ? value.number() : 0;
        if (!(seconds > 0) || seconds > longest_seconds)
            return wrong(at, value, "a number of seconds above 0");
        into = std::chrono::nanoseconds(std::llround(std::ceil(seconds * 1e9)));
        return {};
    }

    trouble take_count(const json_node& at, const json_node& value, std::uint64_t& into)
    {
        using kind = json_node::kind;
        const bool whole =
            value.what() == kind::uint64 || (value.what() == kind::int64 && value.int64() >= 0);
        if (!whole || value.uint64() > most)
            return wrong(at, value, "an integer, 0 for no limit");
        into = value.uint64();
        return {};
    }

    trouble take_switch(const json_node& at, const json_node& value, bool& into)
    {
        if (!value.is_bool())
            return wrong(at, value, "true or false");
        into = value.boolean();
        return {};
    }

    const json_source& from_;
    const std::string called_;
};

bool is_kind(std::string_view name)
{
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    };
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), fits) &&
           std::find(taken.begin(), taken.end(), name) == taken.end();
}

} // namespace

std::optional<failure> read_workers(const json_source& from, const json_node& workers,
                                    worker_kinds& into)
{
    for (const json_node* name = workers.begin(); name != workers.end();
         name = (name + 1)->next()) {
        const std::string called = "workers." + shortened(name->string());
        if (!is_kind(name->string()))
            return from.wrong(*name, called + " cannot be a kind: it must be of a to z, digits, -, "
                                              "_ and ., and neither hf nor dummy");
        if (!name[1].is_object())
            return from.wrong(*name,
                              called + " must be an object, found " + excerpt(name[1].value()));
        worker_settings read;
        if (auto why = settings_reader(from, called).read(name[1], read))
            return why;
        into.insert_or_assign(std::string(name->string()), std::move(read));
    }
    return {};
}

} // namespace warmd

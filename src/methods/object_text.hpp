#pragma once
// JSON objects as texts of their own.

#include <warmd/json_writer.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace warmd::replies {

/// Appends an object: `members` writes what stands between the braces.
template <class Members>
void write_object(std::string& out, Members members)
{
    json_writer to(out);
    to.begin_object();
    members(to);
    to.end_object();
}

/// A member that is null where there is no value.
template <class T>
void member_or_null(json_writer& to, std::string_view name, const std::optional<T>& value)
{
    to.key(name);
    if (value)
        to.value(*value);
    else
        to.value(nullptr);
}

template <class Members>
std::string object(Members members)
{
    std::string text;
    write_object(text, std::move(members));
    return text;
}

} // namespace warmd::replies

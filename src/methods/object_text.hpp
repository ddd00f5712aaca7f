#pragma once
// JSON objects as texts of their own.

#include <warmd/json_writer.hpp>

#include <string>
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

template <class Members>
std::string object(Members members)
{
    std::string text;
    write_object(text, std::move(members));
    return text;
}

} // namespace warmd::replies

#pragma once
// A suite's JSON form, and where each of its values was written.

#include <warmd/json.hpp>

#include <functional>
#include <string>

namespace warmd::suite_file {

struct written_form {
    json::value form;
    /// "file:line:column" of the value at a JSON pointer (RFC 6901), or of the nearest that
    /// encloses it; both from 1, columns in characters.
    std::function<std::string(const std::string& pointer)> place_of;
};

} // namespace warmd::suite_file

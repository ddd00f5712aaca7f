#pragma once
// What is wrong with a text that is no JSON.

#include <cstddef>
#include <string>
#include <string_view>

namespace warmd {

struct json_fault {
    std::string what; ///< in the words of the parser that reads all other JSON here
    std::size_t byte; ///< where it stood
};

/// REQUIRES: `text` could not be read.
json_fault fault_of(std::string_view text);

} // namespace warmd

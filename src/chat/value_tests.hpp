#pragma once
// Jinja's tests: what stands behind `is`.

#include "chat/arguments.hpp"
#include "chat/value.hpp"

#include <string>
#include <string_view>

namespace warmd::chat {

struct value_test {
    std::string_view name;
    bool (*run)(interpreter&, const value& of, arguments& with);
};
const value_test* find_test(std::string_view name); ///< null if there is none
std::string no_test(std::string_view name);         ///< in words
bool is_callable(const value& of);

} // namespace warmd::chat

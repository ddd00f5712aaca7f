#pragma once
// What a function, method, filter or test is called with.

#include "chat/value.hpp"

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace warmd::chat {

struct arguments {
    explicit arguments(std::pmr::memory_resource* memory) : positional(memory), named(memory) {}
    values positional;
    std::pmr::vector<std::pair<value, value>> named; ///< by a text
};

/// The arguments by name: `missing` where none was given. Too many, unknown or doubled ones, and
/// fewer than `required`, are a type fault that names the function.
template <std::size_t N>
std::array<value, N> bound(arguments& given, std::string_view function,
                           const std::array<std::string_view, N>& names, std::size_t required = 0);
/// The same for what takes no names.
template <std::size_t N>
std::array<value, N> bound_by_place(arguments& given, std::string_view function,
                                    std::size_t required);

namespace detail {
void bind(arguments& given, std::string_view function, const std::string_view* names, value* into,
          std::size_t count, std::size_t required);
}

template <std::size_t N>
std::array<value, N> bound(arguments& given, std::string_view function,
                           const std::array<std::string_view, N>& names, std::size_t required)
{
    std::array<value, N> found;
    detail::bind(given, function, names.data(), found.data(), N, required);
    return found;
}
template <std::size_t N>
std::array<value, N> bound_by_place(arguments& given, std::string_view function,
                                    std::size_t required)
{
    std::array<value, N> found;
    detail::bind(given, function, nullptr, found.data(), N, required);
    return found;
}
/// Refuses any.
void no_arguments(const arguments& given, std::string_view function);

/// As Python takes an index or a count: an integer or a boolean.
std::int64_t as_integer(const value& of);
std::int64_t as_integer_or(const value& of, std::int64_t otherwise); ///< `otherwise` if missing
/// A text argument: anything else is a type fault that says for what.
std::string_view as_text(const value& of, std::string_view what);

} // namespace warmd::chat

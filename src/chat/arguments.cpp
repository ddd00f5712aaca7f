#include "chat/arguments.hpp"

namespace warmd::chat {

namespace detail {

void bind(arguments& given, std::string_view function, const std::string_view* names, value* into,
          std::size_t count, std::size_t required)
{
    const std::string of = std::string(function) + "()";
    if (given.positional.size() > count)
        type_error(of + " takes at most " + std::to_string(count) + " arguments, got " +
                   std::to_string(given.positional.size()));
    for (std::size_t i = 0; i < given.positional.size(); ++i)
        into[i] = given.positional[i];
    for (auto& [name, argument] : given.named) {
        std::size_t at = 0;
        while (names != nullptr && at < count && names[at] != name.view())
            ++at;
        if (names == nullptr || at == count)
            type_error(of + " got an unexpected keyword argument '" + std::string(name.view()) +
                       "'");
        if (!into[at].is_missing())
            type_error(of + " got two values for the argument '" + std::string(name.view()) + "'");
        into[at] = argument;
    }
    for (std::size_t i = 0; i < required; ++i)
        if (into[i].is_missing())
            type_error(of + " takes at least " + std::to_string(required) + " argument(s)" +
                       (names == nullptr ? "" : ": '" + std::string(names[i]) + "' is missing"));
}

} // namespace detail

void no_arguments(const arguments& given, std::string_view function)
{
    if (!given.positional.empty() || !given.named.empty())
        type_error(std::string(function) + "() takes no arguments");
}

std::int64_t as_integer(const value& of)
{
    require_defined(of);
    if (!of.is_integral())
        type_error("'" + std::string(type_name(of)) +
                   "' object cannot be interpreted as an integer");
    return of.integer();
}

std::int64_t as_integer_or(const value& of, std::int64_t otherwise)
{
    return of.is_missing() ? otherwise : as_integer(of);
}

std::string_view as_text(const value& of, std::string_view what)
{
    if (!of.is_text())
        type_error(std::string(what) + " must be str, not " + std::string(type_name(of)));
    return of.view();
}

} // namespace warmd::chat

#include "methods/schema.hpp"

#include <warmd/json_writer.hpp>

#include <algorithm>
#include <cmath>

namespace warmd::schema {

namespace {

template <class Named>
const Named* find(const std::vector<Named>& in, std::string_view name) noexcept
{
    const auto found =
        std::find_if(in.begin(), in.end(), [&](const Named& each) { return each.name == name; });
    return found == in.end() ? nullptr : &*found;
}

std::string text_of(double number)
{
    std::string text;
    json_writer(text).value(number);
    return text;
}

std::string words_of(const integers& within)
{
    return "from " + std::to_string(within.least) + " to " + std::to_string(within.most);
}

std::string words_of(const numbers& within)
{
    std::string words;
    if (std::isfinite(within.least))
        words = (within.least_itself ? "at least " : "above ") + text_of(within.least);
    if (std::isfinite(within.most))
        words += (words.empty() ? "at most " : " and at most ") + text_of(within.most);
    return words;
}

std::string words_of(const elements& within)
{
    return within.least == 0 ? "" : "at least " + std::to_string(within.least);
}

std::string words_of(std::monostate) { return {}; }

std::string quoted_words(const std::vector<std::string_view>& words)
{
    std::string text;
    for (std::size_t i = 0; i != words.size(); ++i)
        text += (i == 0                  ? "\""
                 : i + 1 != words.size() ? ", \""
                                         : " or \"") +
                std::string(words[i]) + '"';
    return text;
}

/// "an integer", and what its bounds add.
std::string with_bounds(std::string what, const field& of)
{
    const std::string within = bounds(of);
    if (within.empty())
        return what;
    return std::move(what) + (within.starts_with("at ") ? ", " : " ") + within;
}

} // namespace

const method* contract::find_method(std::string_view name) const noexcept
{
    return find(methods, name);
}

const type* contract::find_type(std::string_view name) const noexcept { return find(types, name); }

type_name parse_type(std::string_view name) noexcept
{
    type_name parsed{name};
    constexpr std::string_view null = "|null", array = "[]";
    if ((parsed.nullable = parsed.element.ends_with(null)))
        parsed.element.remove_suffix(null.size());
    if ((parsed.array = parsed.element.ends_with(array)))
        parsed.element.remove_suffix(array.size());
    return parsed;
}

std::string bounds(const field& of)
{
    return std::visit([](const auto& within) { return words_of(within); }, of.within);
}

std::string wanted(const contract& in, const field& of)
{
    const type_name called = parse_type(of.type);
    const type* const named = in.find_type(called.element);
    if (called.array)
        return "an array of " +
               (named ? std::string(named->plural) : std::string(called.element) + 's');
    if (named)
        return named->words.empty() ? std::string(named->wanted) : quoted_words(named->words);
    if (called.element == "boolean")
        return "true or false";
    if (called.element == "integer")
        return with_bounds("an integer", of);
    if (called.element == "seconds")
        return with_bounds("a number of seconds", of);
    if (called.element == "number")
        return with_bounds("a finite number", of);
    return "a" + std::string(called.element == "object" ? "n " : " ") + std::string(called.element);
}

} // namespace warmd::schema

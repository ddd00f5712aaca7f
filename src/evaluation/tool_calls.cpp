// Calls of tools in a text (text_measures.hpp).

#include "evaluation/characters.hpp"
#include "evaluation/text_measures.hpp"

#include <algorithm>

namespace warmd::evaluation {

namespace {

std::optional<json::object> object_in(std::string_view text)
{
    auto read = parse_json(trimmed(text));
    if (!read || !read->is_object())
        return {};
    return std::move(read->get_object());
}

/// What stands between the first two fences, without the language's name.
std::string_view fenced(std::string_view text)
{
    constexpr std::string_view fence = "```";
    const std::size_t open = text.find(fence);
    if (open == text.npos)
        return {};
    std::size_t first = open + fence.size();
    while (first < text.size() && (text[first] | 0x20) >= 'a' && (text[first] | 0x20) <= 'z')
        ++first;
    const std::size_t last = text.find(fence, first);
    return last == text.npos ? std::string_view() : text.substr(first, last - first);
}

/// From the first brace to the one that closes it; braces within strings are none.
std::string_view braced(std::string_view text)
{
    const std::size_t first = text.find('{');
    std::size_t depth = 0;
    bool quoted = false;
    for (std::size_t i = first; i < text.size(); ++i) {
        if (quoted && text[i] == '\\')
            ++i;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && text[i] == '{')
            ++depth;
        else if (!quoted && text[i] == '}' && --depth == 0)
            return text.substr(first, i + 1 - first);
    }
    return {};
}

bool is_of(const json::value& found, std::string_view type)
{
    if (type == "string")
        return found.is_string();
    if (type == "number")
        return found.is_number();
    if (type == "integer")
        return found.is_int64() || found.is_uint64();
    if (type == "boolean")
        return found.is_bool();
    if (type == "array")
        return found.is_array();
    if (type == "object")
        return found.is_object();
    return type != "null" || found.is_null();
}

/// By a property's schema: its `type` may be one name or several.
bool is_as_listed(const json::value& found, const json::value& property)
{
    const json::object* const schema = property.if_object();
    const json::value* const type = schema ? schema->if_contains("type") : nullptr;
    if (!type)
        return true;
    if (const json::array* const several = type->if_array())
        return std::ranges::any_of(*several, [&](const json::value& each) {
            return each.is_string() && is_of(found, each.get_string());
        });
    return !type->is_string() || is_of(found, type->get_string());
}

} // namespace

std::optional<json::object> tool_call_in(std::string_view text)
{
    for (const std::string_view piece : {text, fenced(text), braced(text)})
        if (auto found = object_in(piece))
            return found;
    return {};
}

bool is_valid_call(const json::object& call, const json::object& schema)
{
    const json::value* const name = call.if_contains("name");
    const json::value* const given = call.if_contains("arguments");
    if (!name || !name->is_string() || !given || !given->is_object())
        return false;
    const json::object& arguments = given->get_object();
    if (const json::value* const required = schema.if_contains("required"))
        if (const json::array* const names = required->if_array())
            for (const json::value& each : *names)
                if (each.is_string() && !arguments.contains(each.get_string()))
                    return false;
    const json::value* const listed = schema.if_contains("properties");
    if (!listed || !listed->is_object())
        return true;
    return std::ranges::all_of(arguments, [&](const auto& argument) {
        const json::value* const property = listed->get_object().if_contains(argument.key());
        return !property || is_as_listed(argument.value(), *property);
    });
}

} // namespace warmd::evaluation

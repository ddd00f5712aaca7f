#include "methods/manual.hpp"

#include "base/text.hpp"
#include "wire/rpc.hpp"

#include <array>
#include <span>
#include <utility>

namespace warmd::schema {

namespace {

std::string tag(std::string_view name) { return ".TP\n.B " + escaped(name) + '\n'; }

/// A field's type, presence, default and bounds, as one parenthesis says them.
std::string facts(const field& of)
{
    std::string text = std::string(of.type);
    if (const std::string within = bounds(of); !within.empty())
        text += ' ' + within;
    if (!of.otherwise.empty())
        text += "; default " + std::string(of.otherwise);
    else if (of.optional)
        text += "; optional";
    return text;
}

std::string list(std::span<const field> fields)
{
    std::string text;
    for (const field& each : fields)
        text += tag(each.name) + escaped(each.doc) + " (" + escaped(facts(each)) + ").\n";
    return text;
}

/// Tells parameters and members of the result apart.
std::string part(std::string_view title, std::span<const field> fields)
{
    return fields.empty() ? "" : ".PP\n.I " + std::string(title) + "\n" + list(fields);
}

std::string names(std::span<const errc> errors)
{
    return escaped(joined(errors, ", ", [](errc each) { return name(each); }));
}

std::string methods(const contract& of)
{
    std::string text;
    for (const method& each : of.methods) {
        text += ".SS " + escaped(each.name) + '\n' + escaped(each.summary) + ".\n";
        text += part("Parameters", each.params) + part("Result", each.result);
        if (!each.result_values.empty())
            text += ".PP\nIts result's members have names of their own, and are each a " +
                    escaped(each.result_values) + ".\n";
        if (!each.errors.empty())
            text += ".PP\n.I Errors\n" + names(each.errors) + "\n";
    }
    return text + ".PP\nAny method may end with " + names(of.errors) + ".\n";
}

std::string notifications(const contract& of)
{
    std::string text;
    for (const notification& each : of.notifications)
        text +=
            ".SS " + escaped(each.name) + '\n' + escaped(each.summary) + ".\n" + list(each.params);
    return text;
}

/// What a type is, but for its members.
std::string description(const type& of)
{
    std::string text(of.wanted);
    if (!of.words.empty())
        text = "one of \"" + joined(of.words, "\", \"") + '"';
    if (!of.one_of.empty())
        text += ": one of " + joined(of.one_of);
    if (!of.values.empty())
        text += ": an object whose members are each a " + std::string(of.values);
    return escaped(text) + ".\n";
}

std::string types(const contract& of)
{
    std::string text;
    for (const type& each : of.types)
        text += ".SS " + escaped(each.name) + '\n' + description(each) + list(each.members);
    return text;
}

std::string errors()
{
    std::string text;
    for (const rpc::error_kind& each : rpc::error_kinds())
        text += ".TP\n.BR " + escaped(name(each.code)) + " \" (" +
                escaped(std::to_string(each.wire_code)) + ")\"\n" + escaped(each.meaning) + ".\n";
    return text;
}

} // namespace

std::string escaped(std::string_view words)
{
    std::string text;
    for (const char c : words)
        text += c == '\\' ? "\\e" : c == '-' ? "\\-" : c == '\'' ? "\\(aq" : std::string(1, c);
    return text.starts_with('.') ? "\\&" + text : text;
}

std::string manual(const contract& of, std::string_view page)
{
    const std::array<std::pair<std::string_view, std::string>, 4> parts{{
        {"@METHODS@\n", methods(of)},
        {"@TYPES@\n", types(of)},
        {"@NOTIFICATIONS@\n", notifications(of)},
        {"@ERRORS@\n", errors()},
    }};
    std::string text(page);
    for (const auto& [place, part] : parts)
        if (const std::size_t at = text.find(place); at != text.npos)
            text.replace(at, place.size(), part);
    return text;
}

} // namespace warmd::schema

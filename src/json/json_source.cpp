#include "json/json_source.hpp"

#include "json/json_fault.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace warmd {

namespace {

/// The end of the string that begins at `at`, as far as it goes.
std::size_t behind_string(std::string_view text, std::size_t at)
{
    for (++at; at < text.size() && text[at] != '"'; ++at)
        at += text[at] == '\\';
    return std::min(at + 1, text.size());
}

/// The end of the comment that begins at `at`; `at` if none does, the end of the text if it has no
/// end.
std::size_t behind_comment(std::string_view text, std::size_t at)
{
    const std::string_view start = text.substr(at, 2);
    if (start != "//" && start != "/*")
        return at;
    const std::string_view end = start == "//" ? "\n" : "*/";
    const std::size_t found = text.find(end, at + 2);
    return found == text.npos ? text.size() : found + end.size();
}

/// `text` with spaces for comments and for commas behind the last of several.
std::string without_extras(std::string_view text)
{
    std::string plain(text);
    std::size_t comma = text.npos; // behind a value, and so far nothing behind it
    char last = '\0';              // what stood last that is no space
    for (std::size_t at = 0; at < text.size();) {
        if (const std::size_t end = behind_comment(text, at); end != at) {
            for (; at != end; ++at)
                plain[at] = text[at] == '\n' ? '\n' : ' ';
            continue;
        }
        const char c = text[at];
        if ((c == '}' || c == ']') && comma != text.npos)
            plain[comma] = ' ';
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
            const bool behind_value =
                last != '\0' && last != '{' && last != '[' && last != ',' && last != ':';
            comma = c == ',' && behind_value ? at : text.npos;
            last = c;
        }
        at = c == '"' ? behind_string(text, at) : at + 1;
    }
    return plain;
}

/// The character at which the reader gave up. Bytes beyond ASCII may be half of one.
std::string found_at(std::string_view text, std::size_t byte)
{
    if (byte >= text.size())
        return "the end of the file";
    const char c = text[byte];
    if (c > ' ' && c < 0x7f)
        return std::string("'") + c + '\'';
    return c == '\n' || c == '\r'  ? "the end of the line"
           : c == ' ' || c == '\t' ? "white space"
                                   : "a byte that cannot stand here";
}

} // namespace

json_source::json_source(std::string_view text, std::string name)
    : text_(text), name_(std::move(name)), plain_(without_extras(text))
{
    const auto root = document_.read(plain_);
    if (!root) {
        const json_fault fault = fault_of(plain_);
        fault_ = failure{errc::invalid_params, place(fault.byte) + ": " + fault.what + ", found " +
                                                   found_at(text_, fault.byte)};
    } else if ((fault_ = fault_within(**root)); !fault_) {
        root_ = *root;
    }
}

std::optional<failure> json_source::fault_within(const json_node& value) const
{
    if (value.is_number() && !std::isfinite(value.number()))
        return wrong(value, shortened(value.literal()) + " is beyond every number that is kept");
    if (!value.is_array() && !value.is_object())
        return {};
    std::set<std::string_view> names;
    for (const json_node* each = value.begin(); each != value.end(); each = each->next()) {
        if (value.is_object()) {
            if (!names.insert(each->string()).second)
                return wrong(*each, '\'' + shortened(each->string()) + "' is there twice");
            ++each; // to the member's value
        }
        if (auto why = fault_within(*each))
            return why;
    }
    return {};
}

std::string json_source::place_of(const json_node& value) const
{
    return place(document_.offset_of(value));
}

failure json_source::wrong(const json_node& value, std::string_view what) const
{
    return failure{errc::invalid_params, place_of(value) + ": " + std::string(what)};
}

std::string json_source::place(std::size_t byte) const
{
    const std::string_view before = text_.substr(0, byte);
    const std::string_view line = before.substr(before.rfind('\n') + 1); // npos + 1 is 0
    const auto starts_character = [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }; // RFC 3629 §3
    return name_ + ':' + std::to_string(1 + std::count(before.begin(), before.end(), '\n')) + ':' +
           std::to_string(1 + std::count_if(line.begin(), line.end(), starts_character));
}

} // namespace warmd

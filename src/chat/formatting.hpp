#pragma once
// '%s' % x and '{}'.format(x), as Python formats. What of it is not built is a type fault.

#include "chat/arguments.hpp"
#include "chat/value.hpp"

namespace warmd::chat {

/// REQUIRES: `format` is a text.
value percent_formatted(workspace& in, const value& format, const value& with);
/// REQUIRES: `format` is a text.
value brace_formatted(workspace& in, const value& format, const arguments& with);

/// How a number or text is written: Python's format specification.
struct format_spec {
    std::string fill = " ";
    char align = 0; ///< < > = ^, or none
    char sign = '-';
    bool alternate = false;
    bool zeros = false;
    char grouping = 0; ///< , or _
    std::int64_t width = -1, precision = -1;
    char type = 0;
};
/// Takes the digits that `text` begins with, of a width or a precision; a `bound` fault if they say
/// more than any text could have.
std::int64_t take_count(std::string_view& text);
/// `shown` (a number's digits, a text) with its sign, filled up to the width.
std::string filled(workspace& in, const format_spec& spec, std::string_view sign,
                   std::string_view shown, char align);
/// The digits of a number as `type` asks, without sign.
std::string real_digits(const format_spec& spec, double number, char type);
std::string integer_digits(const format_spec& spec, std::int64_t number, char type);

} // namespace warmd::chat

#pragma once
// What methods of texts and filters share.

#include "chat/value.hpp"

#include <string_view>

namespace warmd::chat {

enum class letter_case { upper, lower, capitalized, title, swapped, folded };
/// REQUIRES: a text. Markup stays markup.
value in_case(workspace& in, const value& of, letter_case wanted);
std::string in_case(workspace& in, std::string_view text, letter_case wanted);

enum class side { both, left, right };
/// Without white space, or without the characters of `chars`, at its ends.
value stripped(workspace& in, const value& of, const value& chars, side where);
/// `most` replacements; all if negative. Markup stays markup.
value replaced(workspace& in, const value& of, std::string_view old, std::string_view with,
               std::int64_t most);
/// At its end where there is one.
values split_lines(workspace& in, const value& of, bool keep_ends = false);
/// At runs of white space where `separator` is missing or None.
values split(workspace& in, const value& of, const value& separator, std::int64_t most);
values split_from_right(workspace& in, const value& of, const value& separator, std::int64_t most);
/// Filled up to so many code points.
value padded(workspace& in, const value& of, std::int64_t width, const value& fill, side where);
value joined(workspace& in, std::string_view separator, const values& texts, bool markup);
/// str.isupper(), or str.islower().
bool has_case(workspace& in, std::string_view text, bool upper);

} // namespace warmd::chat

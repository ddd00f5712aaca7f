#pragma once
// Regular expressions in a tokenizer.json are written for Oniguruma (Ruby syntax, UTF-8). PCRE2
// reads most of them alike; this file is about the rest.

#include <warmd/error.hpp>

#include <string>
#include <string_view>

namespace warmd::hf {

/// The PCRE2 pattern (UTF, UCP, MULTILINE, newline LF) that matches what Oniguruma matches with
/// `pattern`:
///  - \s, \w, \b and their opposites follow Unicode's White_Space and Word (PCRE2 10.42 has U+180E
///  as white space, and no
///    marks in \w); \h is a hexadecimal digit, \v a vertical tab, \uHHHH a character;
///  - character classes within classes, their intersections (&&), and what a class has of a set's
///    opposite, are looked ahead for; \w by itself has six digits of Latin-1 that it has not in a
///    class, as in Oniguruma; [[:punct:]] has all symbols, \p{Punct} none;
///  - a script's name means the Script property, not Script_Extensions; long category names
///  (\p{Letter}) are known;
///  - {,n} counts from 0; (?m:…) lets the dot match a newline.
/// `unsupported`, naming the construct, for what PCRE2 would read differently and cannot express:
/// a possessive-looking {n,m}+, an option in mid-group, other options, a range that ends in a
/// class.
result<std::string> pcre2_from_oniguruma(std::string_view pattern);

} // namespace warmd::hf

#pragma once
// The normalization forms of Unicode (UAX #15) by the tables of Unicode 9, which tokenizers has:
// what was assigned later stands as it is.

#include <string>
#include <string_view>

namespace warmd::hf {

enum class unicode_form { nfc, nfd, nfkc, nfkd };

/// REQUIRES: valid UTF-8.
std::string in_form(unicode_form form, std::string_view text);

} // namespace warmd::hf

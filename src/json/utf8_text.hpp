#pragma once
// Names of files as text.

#include <string>
#include <string_view>

namespace warmd {

/// `text` with each byte that is part of no UTF-8 character written as `\xNN`: file names may be
/// any bytes, replies and logs may not.
std::string as_utf8(std::string_view text);

} // namespace warmd

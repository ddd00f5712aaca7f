#pragma once
// The 256 characters that stand for bytes in byte-level vocabularies (Radford et al. 2019, GPT-2's
// bytes_to_unicode): printable Latin-1 stands for itself, the other 68 bytes are U+0100 and up, in
// order.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace warmd::hf {

/// Appends each byte's character.
void append_byte_characters(std::string& out, std::string_view bytes);

/// Appends the bytes that `characters` (valid UTF-8) stand for; false, and nothing appended, if
/// some stand for none.
bool append_bytes(std::string& out, std::string_view characters);

} // namespace warmd::hf

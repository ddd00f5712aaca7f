#pragma once
// SHA-256 (FIPS 180-4), for identities: what is equal has equal digests, whoever computes them.

#include <string>
#include <string_view>

namespace warmd {

/// The digest of `bytes` as 64 hex digits, lower case.
std::string sha256(std::string_view bytes);

} // namespace warmd

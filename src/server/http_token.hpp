#pragma once
// The secret that HTTP clients over TCP have to know.

#include <warmd/error.hpp>

#include <string>

namespace warmd {

/// 256 bits from the kernel, in hexadecimal digits.
std::string new_http_token();
/// Where the daemon that listens on `socket_path` leaves its token: a file beside it.
std::string http_token_path(const std::string& socket_path);
/// Puts the token in a file of mode 0600, whole or not at all, in the place of what was there.
/// permission_denied, or internal_error: it cannot be written.
result<void> write_http_token(const std::string& path, const std::string& token);
/// What is in a file, without white space at its end. invalid_params: it cannot be read, is shorter
/// than 16 bytes or longer than 4 KiB, has a byte that no header may have, or others may read it.
result<std::string> read_http_token(const std::string& path);

} // namespace warmd

#pragma once
// The page for people: GET /, asked for by a browser. It is whole in itself, knows nothing, and
// asks the routes beside it, with the token that the browser's user has.

#include <string_view>

namespace warmd {

/// HTML.
std::string_view page_text() noexcept;
/// Its Content-Security-Policy: its own script and style, told by their hashes, and this daemon.
std::string_view page_policy() noexcept;

} // namespace warmd

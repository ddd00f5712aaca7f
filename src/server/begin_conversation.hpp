#pragma once
// Which protocol is spoken on a connection.

#include "http/http_guard.hpp"
#include "wire/conversation.hpp"

#include <memory>

namespace warmd {

/// What is spoken on a connection whose client begins with this byte: HTTP if a method of it begins
/// so (GET, HEAD, POST, PUT, PATCH, OPTIONS, DELETE), else JSON-RPC; what begins neither is
/// JSON-RPC's, which says so. With a guard (TCP), nothing but HTTP. All but the first outlive it.
std::unique_ptr<conversation> begin_conversation(char first, carrier&, const dispatcher&,
                                                 const session_limits&, const logger&,
                                                 const http_guard*);

} // namespace warmd

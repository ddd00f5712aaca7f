#pragma once
// This face described for programs: OpenAPI 3.1.

#include "http/http_reply.hpp"

#include <string>
#include <string_view>

namespace warmd {

/// The document, made of the table of routes (http_routes.hpp) and of what `rpc.discover` answers:
/// `openrpc`, JSON text. Each method that HTTP can carry has a path below /rpc, with the parameters
/// by which it is read.
http_reply openapi(std::string openrpc, std::string_view);

} // namespace warmd

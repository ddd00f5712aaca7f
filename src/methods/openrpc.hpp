#pragma once
// What rpc.discover answers: the contract in the words of OpenRPC 1.3.2 (spec.open-rpc.org), for
// programs that write clients.

#include "methods/schema.hpp"

#include <string>
#include <string_view>

namespace warmd::schema {

/// The OpenRPC document of a daemon with this contract, JSON text on one line: every method with
/// its parameters (by name), its result and its errors; their types are JSON Schemas, those with a
/// name under `components`.
std::string openrpc(const contract& of, std::string_view version);

} // namespace warmd::schema

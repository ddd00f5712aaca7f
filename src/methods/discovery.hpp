#pragma once
// What rpc.discover answers: the service in the words of OpenRPC 1.3.2 (spec.open-rpc.org), for
// programs that write clients.

#include <string>
#include <string_view>

namespace warmd {

/// The OpenRPC document of this daemon, JSON text: every method with its parameters (by name), its
/// result and its errors; their types are JSON Schemas under `components`.
std::string discovery(std::string_view version);

} // namespace warmd

#pragma once
// JSON-RPC 2.0 text <-> values (https://www.jsonrpc.org/specification). Knows no transport.

#include <warmd/error.hpp>
#include <warmd/json.hpp>

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace warmd::rpc {

/// A well-formed request. A notification has no id and is not answered.
struct request {
    json::value id;
    bool notification = false;
    std::string method;
    json::object params; ///< empty when absent
};

/// Something that is not a request: what to answer it with. `id` is null where none could be read.
struct malformed {
    json::value id;
    failure why;
};

/// One frame: one message, or a batch of them. An array that is empty is one `malformed`.
struct messages {
    std::vector<std::variant<request, malformed>> items;
    bool batch = false;
};

/// Never fails as a whole: what cannot be read becomes `malformed`.
messages parse(std::string_view frame);

/// {"jsonrpc":"2.0","id":…,"result":…}; `result`: JSON text.
std::string success_text(const json::value& id, std::string_view result);
/// {"jsonrpc":"2.0","id":…,"error":{"code":…,"message":…,"data":{"kind":…,…}}}
std::string failure_text(const json::value& id, const failure& why);
/// {"jsonrpc":"2.0","method":…,"params":…}; `params`: JSON text.
std::string notification_text(std::string_view method, std::string_view params);
/// {"jsonrpc":"2.0","id":…,"method":…,"params":…}; `params`: JSON text.
std::string request_text(const json::value& id, std::string_view method, std::string_view params);

/// The JSON-RPC error code of `code`, by the table in rpc.cpp.
int wire_code(errc code) noexcept;

} // namespace warmd::rpc

#pragma once
// JSON-RPC 2.0 text <-> values (https://www.jsonrpc.org/specification). Knows no transport.

#include <warmd/error.hpp>
#include <warmd/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace warmd::rpc {

/// Most items of one batch: each costs a reply of its own, however small it is.
inline constexpr std::size_t max_batch_items = 65'536;

/// A well-formed request. A notification has no id and is not answered.
struct request {
    json::value id;
    bool notification = false;
    std::string method;
    json::object params; ///< empty when absent
    std::string id_text; ///< the id as JSON text, a number as the client wrote it: what a reply echoes
};

/// Something that is not a request: what to answer it with. `id` is null where none could be read.
struct malformed {
    json::value id;
    failure why;
    std::string id_text = "null";
};

/// One frame: one message, or a batch of them. An array that is empty is one `malformed`.
struct messages {
    std::vector<std::variant<request, malformed>> items;
    bool batch = false;
};

/// Never fails as a whole: what cannot be read becomes `malformed`, with invalid_params when it is a request but for
/// params in an array. A notification like that is left out: JSON-RPC answers none.
messages parse(std::string_view frame);

/// Appends what success_text and failure_text return, for an id that is JSON text already.
void append_success(std::string& out, std::string_view id_text, std::string_view result);
void append_failure(std::string& out, std::string_view id_text, const failure& why);
void append_notification(std::string& out, std::string_view method, std::string_view params);

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

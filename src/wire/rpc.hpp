#pragma once
// JSON-RPC 2.0 text <-> values (https://www.jsonrpc.org/specification). Knows no transport.

#include "wire/text_queue.hpp"
#include "json/json_document.hpp"
#include <warmd/error.hpp>
#include <warmd/json.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace warmd::rpc {

/// Most items of one batch: each costs a reply of its own, however small it is.
inline constexpr std::size_t max_batch_items = 65'536;

/// A well-formed request, as it stands in its frame. A notification has no id and is not answered.
struct request {
    const json_node* id; ///< null: a notification
    std::string_view method;
    const json_node* params; ///< an object, empty when absent

    bool notification() const noexcept { return id == nullptr; }
};

/// Something that is not a request: what to answer it with. `id` is null where none could be read.
struct malformed {
    const json_node* id;
    failure why;
};

using item = std::variant<request, malformed>;

/// Reads frames, one message or a batch of them each. Reusable; keeps its memory.
class reader {
public:
    /// `frame` must live for as long as what next() returns is used; that ends with the next
    /// read(), too. Never fails as a whole: what cannot be read becomes `malformed`, with
    /// invalid_params when it is a request but for params in an array. A notification like that is
    /// left out: JSON-RPC answers none. An array that is empty is one `malformed`, and no batch.
    void read(std::string_view frame);
    /// The same in steps, for a large frame: begin(), then read_some() of about so many values
    /// until it says that the frame is read.
    void begin(std::string_view frame);
    bool read_some(std::size_t values);
    /// The messages in order, then nothing.
    std::optional<item> next();
    bool batch() const noexcept { return batch_; }
    /// Ends the life of what has been read, and gives back the memory that a large frame needed, in
    /// steps; false until all is given back.
    bool give_back_some();

private:
    void take(const result<const json_node*>& root);

    json_document document_;
    std::optional<malformed> whole_; // all there is
    const json_node* next_ = nullptr;
    const json_node* end_ = nullptr;
    bool batch_ = false;
};

/// Appends the id as JSON text, a number as the client wrote it: what a reply echoes.
void append_id(std::string& out, const json_node* id);
/// Appends what stands before the result; a '}' belongs after it.
void begin_success(std::string& out, const json_node* id);

/// Appends what success_text and failure_text return, for an id that is JSON text already.
void append_success(std::string& out, std::string_view id_text, std::string_view result);
/// The same; a large result is not copied.
void append_success(text_queue& out, std::string_view id_text, std::string&& result);
void append_failure(std::string& out, std::string_view id_text, const failure& why);
void append_notification(std::string& out, std::string_view method, std::string_view params);

/// Appends an error by itself: {"code":…,"message":…,"data":{"kind":…,…}}.
void append_error(std::string& out, const failure& why);

/// {"jsonrpc":"2.0","id":…,"result":…}; `result`: JSON text.
std::string success_text(const json::value& id, std::string_view result);
/// {"jsonrpc":"2.0","id":…,"error":{"code":…,"message":…,"data":{"kind":…,…}}}
std::string failure_text(const json::value& id, const failure& why);
/// {"jsonrpc":"2.0","method":…,"params":…}; `params`: JSON text.
std::string notification_text(std::string_view method, std::string_view params);
/// {"jsonrpc":"2.0","id":…,"method":…,"params":…}; `params`: JSON text.
std::string request_text(const json::value& id, std::string_view method, std::string_view params);

/// What may go wrong, as the wire and the manual have it: the one table of them.
struct error_kind {
    errc code;
    int wire_code;
    std::string_view meaning; ///< half a sentence
};
/// All that can be on the wire.
std::span<const error_kind> error_kinds() noexcept;
/// The JSON-RPC error code of `code`.
int wire_code(errc code) noexcept;

} // namespace warmd::rpc

#include "wire/rpc.hpp"

#include <warmd/json_writer.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace warmd::rpc {

namespace {

/// -32700..-32600 are the specification's codes, -32800 is the Language Server Protocol's
/// RequestCancelled, -32001.. are ours.
constexpr std::array<error_kind, 17> all_kinds{{
    // the client's message
    {errc::parse_error, -32700, "not JSON"},
    {errc::invalid_request, -32600, "not a JSON-RPC 2.0 request, or an empty batch"},
    {errc::method_not_found, -32601, "no such method"},
    {errc::invalid_params, -32602, "a parameter is missing, unknown, ill-typed or out of range"},
    {errc::frame_too_large, -32010, "the request is longer than frames may be"},
    {errc::cancelled, -32800, "taken back by $/cancelRequest"},
    // what it asked for
    {errc::not_found, -32001, "no such model or adapter on disk, or not loaded"},
    {errc::too_large, -32005,
     "the model can never fit the budget, or the reply is longer than replies may be"},
    {errc::permission_denied, -32008, "not for this user, or a path outside of the allowed roots"},
    {errc::unsupported, -32009, "this build or backend cannot do that"},
    // the moment
    {errc::busy, -32003, "a queue is full; nothing was done"},
    {errc::timeout, -32004, "the request's own timeout, or that of the load, passed"},
    {errc::all_pinned, -32006, "no room, and everything resident is pinned"},
    {errc::shutting_down, -32007, "the daemon is draining"},
    // the model
    {errc::load_failed, -32002, "the loader failed"},
    {errc::backend_failed, -32011, "the backend threw while running; the model stays resident"},
    // the daemon
    {errc::internal_error, -32603, "a bug in the daemon"},
}};

failure not_a_request(std::string detail)
{
    return failure{errc::invalid_request, std::move(detail)};
}

/// Reads one message; nothing when it is to be ignored.
std::optional<item> read_message(const json_node& value)
{
    if (!value.is_object())
        return malformed{
            nullptr,
            not_a_request("a message must be a JSON object, or a batch: an array of them")};
    const json_node *id = nullptr, *version = nullptr, *name = nullptr, *params = nullptr;
    for (const json_node* key = value.begin(); key != value.end(); key = (key + 1)->next()) {
        const std::string_view member = key->string();
        const json_node** known = nullptr;
        switch (member.size()) { // which leaves comparisons of known length
        case 2: known = member == "id" ? &id : nullptr; break;
        case 6: known = member == "method" ? &name : member == "params" ? &params : nullptr; break;
        case 7: known = member == "jsonrpc" ? &version : nullptr; break;
        default:;
        }
        if (known)
            *known = key + 1;
    }
    if (id && !id->is_string() && !id->is_number() && !id->is_null())
        return malformed{nullptr, not_a_request("'id' must be a string, a number or null")};
    if (!version || !version->is_string() || version->string() != "2.0")
        return malformed{id, not_a_request("'jsonrpc' must be \"2.0\"")};
    if (!name || !name->is_string())
        return malformed{id, not_a_request("'method' must be a string")};
    if (params && params->is_array()) {
        if (!id)
            return {};
        return malformed{
            id, failure{errc::invalid_params,
                        "'params' is an array; parameters are given by name, in an object"}};
    }
    if (params && !params->is_object())
        return malformed{id, not_a_request("'params' must be an object")};
    return request{id, name->string(), params ? params : &json_node::empty_object()};
}

} // namespace

void reader::read(std::string_view frame) { take(document_.read(frame)); }

void reader::begin(std::string_view frame) { document_.begin(frame); }

bool reader::read_some(std::size_t values)
{
    const auto root = document_.read_some(values);
    const bool unfinished = root && !*root;
    if (!unfinished)
        take(root);
    return !unfinished;
}

void reader::take(const result<const json_node*>& root)
{
    batch_ = false;
    next_ = end_ = nullptr;
    whole_.reset();
    if (!root) {
        whole_ = malformed{nullptr, root.error()};
        return;
    }
    if (!(*root)->is_array()) {
        next_ = *root;
        end_ = (*root)->next();
    } else if ((*root)->size() == 0) {
        whole_ = malformed{nullptr, not_a_request("the batch is empty")};
    } else if ((*root)->size() > max_batch_items) {
        whole_ =
            malformed{nullptr, not_a_request("the batch of " + std::to_string((*root)->size()) +
                                             " messages exceeds the limit of " +
                                             std::to_string(max_batch_items))};
    } else {
        batch_ = true;
        next_ = (*root)->begin();
        end_ = (*root)->end();
    }
}

bool reader::give_back_some()
{
    next_ = end_ = nullptr;
    whole_.reset();
    return document_.give_back_some();
}

std::optional<item> reader::next()
{
    if (whole_) {
        std::optional<item> only(std::move(*whole_));
        whole_.reset();
        return only;
    }
    while (next_ != end_) {
        const json_node& value = *next_;
        next_ = value.next();
        if (auto read = read_message(value))
            return read;
    }
    return {};
}

void append_id(std::string& out, const json_node* id)
{
    if (!id || id->is_null())
        out += "null";
    else if (id->is_string())
        append_quoted(out, id->string());
    else
        out += id->literal();
}

void begin_success(std::string& out, const json_node* id)
{
    out += R"({"jsonrpc":"2.0","id":)";
    append_id(out, id);
    out += R"(,"result":)";
}

void append_success(std::string& out, std::string_view id_text, std::string_view result)
{
    ((((out += R"({"jsonrpc":"2.0","id":)") += id_text) += R"(,"result":)") += result) += '}';
}

void append_success(text_queue& out, std::string_view id_text, std::string&& result)
{
    if (result.size() < text_queue::large_piece_bytes)
        return append_success(out.tail(), id_text, std::string_view(result));
    ((out.tail() += R"({"jsonrpc":"2.0","id":)") += id_text) += R"(,"result":)";
    out.append(std::move(result));
    out.tail() += '}';
}

void append_error(std::string& out, const failure& why)
{
    json_writer to(out);
    to.begin_object()
        .member("code", wire_code(why.code))
        .member("message", why.detail.empty() ? name(why.code) : std::string_view(why.detail))
        .key("data")
        .begin_object()
        .member("kind", name(why.code));
    if (!why.cause.empty())
        to.member("cause", why.cause);
    if (why.code == errc::load_failed)
        to.member("cached", why.cached);
    if (why.retry_after_seconds)
        to.member("retry_after_seconds", *why.retry_after_seconds);
    if (why.in_template)
        to.member("template", why.in_template->name).member("line", why.in_template->line);
    to.end_object().end_object();
}

void append_failure(std::string& out, std::string_view id_text, const failure& why)
{
    ((out += R"({"jsonrpc":"2.0","id":)") += id_text) += R"(,"error":)";
    append_error(out, why);
    out += '}';
}

void append_notification(std::string& out, std::string_view method, std::string_view params)
{
    out += R"({"jsonrpc":"2.0","method":)";
    append_quoted(out, method);
    ((out += R"(,"params":)") += params) += '}';
}

namespace {

std::string text_of(const json::value& id)
{
    std::string out;
    json_writer writer(out);
    switch (id.kind()) {
    case json::kind::string: writer.value(std::string_view(id.get_string())); break;
    case json::kind::int64: writer.value(id.get_int64()); break;
    case json::kind::uint64: writer.value(id.get_uint64()); break;
    case json::kind::double_: writer.value(id.get_double()); break;
    default: writer.value(nullptr);
    }
    return out;
}

} // namespace

std::string success_text(const json::value& id, std::string_view result)
{
    std::string out;
    append_success(out, text_of(id), result);
    return out;
}

std::string failure_text(const json::value& id, const failure& why)
{
    std::string out;
    append_failure(out, text_of(id), why);
    return out;
}

std::string notification_text(std::string_view method, std::string_view params)
{
    std::string out;
    append_notification(out, method, params);
    return out;
}

std::string request_text(const json::value& id, std::string_view method, std::string_view params)
{
    std::string out = R"({"jsonrpc":"2.0","id":)" + text_of(id) + R"(,"method":)";
    append_quoted(out, method);
    ((out += R"(,"params":)") += params) += '}';
    return out;
}

std::span<const error_kind> error_kinds() noexcept { return all_kinds; }

int wire_code(errc code) noexcept
{
    const auto row = std::find_if(all_kinds.begin(), all_kinds.end(),
                                  [code](const error_kind& each) { return each.code == code; });
    return row == all_kinds.end() ? -32603 : row->wire_code;
}

} // namespace warmd::rpc

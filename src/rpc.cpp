#include <warmd/rpc.hpp>

#include <warmd/json_writer.hpp>

#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>

namespace warmd::rpc {

namespace {

/// The one table of errc -> JSON-RPC code. -32700..-32600 are the specification's, -32800 is the Language Server
/// Protocol's RequestCancelled, -32001.. are ours.
constexpr std::array<std::pair<errc, int>, 17> wire_codes{{
    // the client's message
    {errc::parse_error, -32700},
    {errc::invalid_request, -32600},
    {errc::method_not_found, -32601},
    {errc::invalid_params, -32602},
    {errc::frame_too_large, -32010},
    {errc::cancelled, -32800},
    // what it asked for
    {errc::not_found, -32001},
    {errc::too_large, -32005},
    {errc::permission_denied, -32008},
    {errc::unsupported, -32009},
    // the moment
    {errc::busy, -32003},
    {errc::timeout, -32004},
    {errc::all_pinned, -32006},
    {errc::shutting_down, -32007},
    // the model
    {errc::load_failed, -32002},
    {errc::backend_failed, -32011},
    // the daemon
    {errc::internal_error, -32603},
}};

/// Collects the literals of ids that are numbers: per message, in order; the last of an object counts, as in the tree.
/// Needed only for numbers that a double does not hold (1e400, 20 digits), so this second pass is rare.
struct id_literals {
    static constexpr std::size_t max_array_size = -1, max_object_size = -1, max_string_size = -1, max_key_size = -1;
    using error = boost::system::error_code;
    using text = json::string_view;

    explicit id_literals(bool batch) : message_depth_(batch ? 2 : 1) {}

    bool on_document_begin(error&) { return true; }
    bool on_document_end(error&) { return true; }
    bool on_array_begin(error&) { return open(); }
    bool on_array_end(std::size_t, error&) { return close(); }
    bool on_object_begin(error&) { return open(); }
    bool on_object_end(std::size_t, error&) { return close(); }
    bool on_key_part(text part, std::size_t, error&) { return append(key_, part); }
    bool on_key(text part, std::size_t, error&)
    {
        append(key_, part);
        in_id_ = depth_ == message_depth_ && key_ == "id";
        key_.clear();
        return true;
    }
    bool on_string_part(text, std::size_t, error&) { return true; }
    bool on_string(text, std::size_t, error&) { return scalar({}); }
    bool on_number_part(text part, error&) { return append(number_, part); }
    bool on_int64(std::int64_t, text part, error&) { return scalar(part); }
    bool on_uint64(std::uint64_t, text part, error&) { return scalar(part); }
    bool on_double(double, text part, error&) { return scalar(part); }
    bool on_bool(bool, error&) { return scalar({}); }
    bool on_null(error&) { return scalar({}); }
    bool on_comment_part(text, error&) { return true; }
    bool on_comment(text, error&) { return true; }

    std::vector<std::string> found; ///< one per item of the batch that is an object or an array, empty where no number

private:
    bool open()
    {
        if (++depth_ == message_depth_)
            found.emplace_back();
        return true;
    }
    bool close()
    {
        --depth_;
        return true;
    }
    bool scalar(text part)
    {
        append(number_, part);
        if (std::exchange(in_id_, false) && depth_ == message_depth_)
            found.back() = number_;
        number_.clear();
        return true;
    }
    static bool append(std::string& to, text part)
    {
        to.append(part.data(), part.size());
        return true;
    }

    std::size_t message_depth_;
    std::size_t depth_ = 0;
    bool in_id_ = false;
    std::string key_;
    std::string number_;
};

/// REQUIRES: `frame` is JSON.
std::vector<std::string> number_ids(std::string_view frame, bool batch)
{
    json::parse_options options;
    options.max_depth = max_json_depth;
    json::basic_parser<id_literals> parser(options, batch);
    boost::system::error_code ec;
    parser.write_some(false, frame.data(), frame.size(), ec);
    return std::move(parser.handler().found);
}

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

failure not_a_request(std::string detail) { return failure{errc::invalid_request, std::move(detail)}; }

using item = std::variant<request, malformed>;

/// Reads one message; `dropped` when it is to be ignored.
item read_message(json::value& value, bool& dropped)
{
    json::object* const object = value.if_object();
    if (!object)
        return malformed{nullptr, not_a_request("a message must be a JSON object, or a batch: an array of them")};
    request read;
    json::value* const id = object->if_contains("id");
    read.notification = id == nullptr;
    if (id) {
        if (!id->is_string() && !id->is_number() && !id->is_null())
            return malformed{nullptr, not_a_request("'id' must be a string, a number or null")};
        read.id = std::move(*id);
    }
    read.id_text = text_of(read.id);
    const auto refuse = [&](failure why) { return malformed{std::move(read.id), std::move(why), std::move(read.id_text)}; };

    const json::value* const version = object->if_contains("jsonrpc");
    if (!version || !version->is_string() || version->get_string() != "2.0")
        return refuse(not_a_request("'jsonrpc' must be \"2.0\""));
    const json::value* const name = object->if_contains("method");
    if (!name || !name->is_string())
        return refuse(not_a_request("'method' must be a string"));
    read.method = name->get_string();
    json::value* const params = object->if_contains("params");
    if (params && params->is_array()) {
        dropped = read.notification;
        return refuse(failure{errc::invalid_params, "'params' is an array; parameters are given by name, in an object"});
    }
    if (params && !params->is_object())
        return refuse(not_a_request("'params' must be an object"));
    if (params)
        read.params = std::move(params->get_object());
    return read;
}

bool is_double(const json::value& message)
{
    const json::object* const object = message.if_object();
    const json::value* const id = object ? object->if_contains("id") : nullptr;
    return id && id->is_double();
}

} // namespace

messages parse(std::string_view frame)
{
    auto tree = parse_json(frame);
    if (!tree)
        return {{malformed{nullptr, tree.error()}}, false};
    json::array* const batch = tree->if_array();
    if (batch && batch->empty())
        return {{malformed{nullptr, not_a_request("the batch is empty")}}, false};
    if (batch && batch->size() > max_batch_items)
        return {{malformed{nullptr, not_a_request("the batch of " + std::to_string(batch->size()) + " messages exceeds the limit of " +
                                                  std::to_string(max_batch_items))}},
                false};

    const std::span<json::value> all = batch ? std::span(batch->data(), batch->size()) : std::span(&*tree, 1);
    std::vector<std::string> literals;
    if (std::any_of(all.begin(), all.end(), is_double))
        literals = number_ids(frame, batch != nullptr);
    messages read;
    read.batch = batch != nullptr;
    read.items.reserve(all.size());
    std::size_t nth = 0; // among the objects and arrays, as id_literals counts them
    for (json::value& value : all) {
        const bool from_literal = is_double(value);
        const std::size_t place = value.is_structured() ? nth++ : nth;
        bool dropped = false;
        item one = read_message(value, dropped);
        if (from_literal)
            std::visit([&](auto& message) { message.id_text = literals[place]; }, one);
        if (!dropped)
            read.items.push_back(std::move(one));
    }
    return read;
}

void append_success(std::string& out, std::string_view id_text, std::string_view result)
{
    ((((out += R"({"jsonrpc":"2.0","id":)") += id_text) += R"(,"result":)") += result) += '}';
}

namespace {

/// `words` as a JSON string. They may quote file names and other people's exceptions: what is not UTF-8 loses its bytes
/// above 127.
std::string quoted(std::string_view words)
{
    std::string out;
    append_quoted(out, words);
    if (!parse_json(out))
        std::replace_if(out.begin(), out.end(), [](char c) { return (c & 0x80) != 0; }, '?');
    return out;
}

} // namespace

void append_failure(std::string& out, std::string_view id_text, const failure& why)
{
    ((out += R"({"jsonrpc":"2.0","id":)") += id_text) += R"(,"error":{"code":)";
    out += std::to_string(wire_code(why.code));
    out += R"(,"message":)";
    out += quoted(why.detail.empty() ? name(why.code) : why.detail);
    out += R"(,"data":)";
    json_writer data(out);
    data.begin_object().member("kind", name(why.code));
    if (!why.cause.empty())
        data.key("cause").raw(quoted(why.cause));
    if (why.code == errc::load_failed)
        data.member("cached", why.cached);
    if (why.retry_after_seconds)
        data.member("retry_after_seconds", *why.retry_after_seconds);
    data.end_object();
    out += "}}";
}

void append_notification(std::string& out, std::string_view method, std::string_view params)
{
    out += R"({"jsonrpc":"2.0","method":)";
    append_quoted(out, method);
    ((out += R"(,"params":)") += params) += '}';
}

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

int wire_code(errc code) noexcept
{
    const auto row = std::find_if(wire_codes.begin(), wire_codes.end(), [code](const auto& entry) { return entry.first == code; });
    return row == wire_codes.end() ? -32603 : row->second;
}

} // namespace warmd::rpc

#include "worker/conversation.hpp"

#include "base/text.hpp"
#include "wire/frame.hpp"
#include "wire/rpc.hpp"

#include <algorithm>
#include <array>

namespace warmd::worker {

namespace {

/// Of what concerns the daemon alone, a worker cannot speak.
constexpr std::array told_by_workers{
    errc::invalid_params,    errc::not_found,      errc::load_failed,
    errc::too_large,         errc::unsupported,    errc::cancelled,
    errc::permission_denied, errc::backend_failed, errc::timeout};

} // namespace

failure read_error(const json_node& error)
{
    const json_node* const message = error.find("message");
    const json_node* const data = error.find("data");
    const json_node* const kind = data && data->is_object() ? data->find("kind") : nullptr;
    failure told{errc::backend_failed, "the worker gave no reason"};
    if (message && message->is_string())
        told.detail = message->string();
    const auto code = kind && kind->is_string() ? find_errc(kind->string()) : std::nullopt;
    if (code &&
        std::find(told_by_workers.begin(), told_by_workers.end(), *code) != told_by_workers.end())
        told.code = *code;
    return told;
}

request_id conversation::ask(std::string_view method, std::string_view params, std::string& out)
{
    const request_id id = ++last_;
    asked_.insert(id);
    std::string text = R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":")";
    ((text += method) += R"(","params":)") += params;
    text += '}';
    append_frame(out, framing::content_length, text);
    return id;
}

void conversation::cancel(request_id which, std::string& out)
{
    append_frame(
        out, framing::content_length,
        rpc::notification_text("$/cancelRequest", R"({"id":)" + std::to_string(which) + '}'));
}

conversation::event conversation::next()
{
    const auto frame = in_.next();
    if (!frame)
        return violation{frame.error().detail.substr(std::string_view("it ").size())};
    if (!*frame)
        return nothing{};
    return understand(**frame);
}

conversation::event conversation::understand(std::string_view frame)
{
    const auto root = document_.read(frame);
    if (!root)
        return violation{"sent a frame that is no JSON (" + root.error().detail +
                         "): " + quoted(frame)};
    const json_node& message = **root;
    const json_node* const version = message.is_object() ? message.find("jsonrpc") : nullptr;
    if (!version || !version->is_string() || version->string() != "2.0")
        return violation{"sent what is no JSON-RPC 2.0 message: " + quoted(frame)};
    const json_node* const method = message.find("method");
    if (!method)
        return take_reply(message);
    const json_node* const params = message.find("params");
    if (!method->is_string() || message.find("id") || frame.size() > max_note ||
        (params && !params->is_object()))
        return violation{"sent what is neither a reply nor a notification: " + quoted(frame)};
    return note{method->string(), params ? params : &json_node::empty_object()};
}

conversation::event conversation::take_reply(const json_node& message)
{
    using kind = json_node::kind;
    const json_node* const id = message.find("id");
    const json_node* const found = message.find("result");
    const json_node* const error = message.find("error");
    const bool numbered = id && (id->what() == kind::int64 || id->what() == kind::uint64);
    if (!numbered || asked_.erase(id->uint64()) == 0)
        return violation{"answered what was not asked, or twice: " + quoted(message.literal())};
    if ((found != nullptr) == (error != nullptr) || (found && !found->is_object()) ||
        (error && !error->is_object()))
        return violation{"sent a reply that has not one result or error, an object: " +
                         quoted(message.literal())};
    if (error)
        return reply{id->uint64(), read_error(*error)};
    return reply{id->uint64(), found};
}

} // namespace warmd::worker

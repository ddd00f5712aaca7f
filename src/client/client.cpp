#include <warmd/client.hpp>

#include "wire/rpc.hpp"

#include <boost/json.hpp>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace warmd {

namespace {

/// Why a system call on the socket did not work. A blocking socket says EAGAIN when its patience is
/// over.
failure broken(std::string_view what)
{
    const int error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK)
        return failure{errc::timeout,
                       "no answer from the daemon in time while " + std::string(what)};
    const errc code =
        error == EACCES || error == EPERM ? errc::permission_denied : errc::disconnected;
    return failure{code, std::string(what) + ": " + std::generic_category().message(error)};
}

failure not_understood(std::string why)
{
    return failure{errc::parse_error,
                   "the daemon's line is no JSON-RPC message: " + std::move(why)};
}

std::string text_of(const json::object& object, std::string_view member)
{
    const json::value* value = object.if_contains(member);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// The error member of a reply as the failure it stands for.
failure read_error(const json::value& value)
{
    const json::object* error = value.if_object();
    if (!error)
        return not_understood("its error is no object");
    failure why{errc::internal_error, text_of(*error, "message")};
    const json::value* const member = error->if_contains("data");
    const json::object* const data = member ? member->if_object() : nullptr;
    if (!data)
        return why;
    const std::string kind = text_of(*data, "kind");
    if (const auto code = find_errc(kind))
        why.code = *code;
    else if (!kind.empty()) // from a newer daemon
        why.detail = kind + ": " + why.detail;
    why.cause = text_of(*data, "cause");
    if (const json::value* cached = data->if_contains("cached"); cached && cached->is_bool())
        why.cached = cached->get_bool();
    if (const json::value* after = data->if_contains("retry_after_seconds");
        after && after->is_number())
        why.retry_after_seconds = after->to_number<double>();
    if (const json::value* line = data->if_contains("line"); line && line->is_number())
        why.in_template = {text_of(*data, "template"), line->to_number<std::size_t>()};
    return why;
}

} // namespace

result<client> client::connect(const std::string& path, std::chrono::milliseconds patience)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
        return failure{errc::disconnected, "socket path '" + path + "' has " +
                                               std::to_string(path.size()) +
                                               " bytes; a socket's has 1 to " +
                                               std::to_string(sizeof address.sun_path - 1)};
    std::memcpy(address.sun_path, path.data(), path.size());

    client made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (made.socket_ < 0)
        return broken("opening a socket");
    if (auto limited = made.set_patience(patience); !limited)
        return limited.error();
    while (::connect(made.socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
           0)
        if (errno != EINTR) // with a time limit that is what a process hears that was stopped and
                            // goes on (signal(7))
            return broken("connecting to " + path);
    return made;
}

client::client(client&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), in_(std::move(other.in_)), last_id_(other.last_id_)
{
}

client& client::operator=(client&& other) noexcept
{
    std::swap(socket_, other.socket_);
    in_ = std::move(other.in_);
    last_id_ = other.last_id_;
    return *this;
}

client::~client()
{
    if (socket_ >= 0)
        ::close(socket_);
}

result<void> client::set_patience(std::chrono::milliseconds patience)
{
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience);
    const timeval limit{.tv_sec = seconds.count(),
                        .tv_usec = std::chrono::microseconds(patience - seconds).count()};
    for (const int direction :
         {SO_SNDTIMEO, SO_RCVTIMEO}) // SO_SNDTIMEO holds for connect too (unix(7), socket(7))
        if (::setsockopt(socket_, SOL_SOCKET, direction, &limit, sizeof limit) != 0)
            return broken("setting a time limit");
    return {};
}

result<json::value> client::call(std::string_view method, std::string_view params,
                                 const on_notification& notify)
{
    const auto id = send(method, params);
    if (!id && id.error().code != errc::disconnected)
        return id.error();
    auto answer = receive(
        notify); // a daemon that hung up while being sent to may have said why (frame_too_large)
    if (!id)
        return !answer && answer.error().code != errc::disconnected ? answer.error() : id.error();
    if (!answer)
        return answer.error();
    if (answer->id != *id)
        return not_understood("it answers request " + std::to_string(answer->id) + " instead of " +
                              std::to_string(*id));
    return std::move(answer->outcome);
}

result<std::uint64_t> client::send(std::string_view method, std::string_view params)
{
    if (params.find_first_of("\r\n") != std::string_view::npos)
        return failure{errc::invalid_params,
                       "the parameters of " + std::string(method) + " must be JSON on one line"};
    const std::uint64_t id = ++last_id_;
    auto sent = write(rpc::request_text(id, method, params) + '\n');
    if (!sent)
        return sent.error();
    return id;
}

result<client::reply> client::receive(const on_notification& notify)
{
    for (;;) {
        const auto line = read_line();
        if (!line)
            return line.error();
        auto parsed = parse_json(*line);
        if (!parsed)
            return not_understood(parsed.error().detail);
        json::object* const message = parsed->if_object();
        if (!message)
            return not_understood("it is no object");
        if (message->contains("method")) {
            const json::value* params = message->if_contains("params");
            if (notify)
                notify(text_of(*message, "method"), params ? *params : json::value());
            continue;
        }
        json::value* const value = message->if_contains("result");
        const json::value* const error = message->if_contains("error");
        const json::value* const id = message->if_contains("id");
        if (!value == !error || !id)
            return not_understood("it has neither one result nor one error, or no id");
        if (id->is_null() &&
            error) // the daemon could not read what was sent, frame_too_large for one
            return read_error(*error);
        boost::system::error_code ec;
        const auto number = id->to_number<std::uint64_t>(ec);
        if (ec || number == 0 || number > last_id_)
            return not_understood("it answers a request never sent");
        return reply{number, value ? result<json::value>(std::move(*value))
                                   : result<json::value>(read_error(*error))};
    }
}

result<void> client::write(std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n >= 0)
            bytes.remove_prefix(static_cast<std::size_t>(n));
        else if (errno != EINTR)
            return broken("sending the request");
    }
    return {};
}

result<std::string> client::read_line()
{
    std::size_t searched = 0;
    for (;;) {
        if (const std::size_t end = in_.find('\n', searched); end != std::string::npos) {
            std::string line = in_.substr(0, end);
            in_.erase(0, end + 1);
            return line;
        }
        searched = in_.size();
        if (searched > max_line_bytes)
            return failure{errc::frame_too_large, "the daemon's line has more than " +
                                                      std::to_string(max_line_bytes) + " bytes"};
        char space[65536];
        const ssize_t n = ::recv(socket_, space, sizeof space, 0);
        if (n > 0)
            in_.append(space, static_cast<std::size_t>(n));
        else if (n == 0)
            return failure{errc::disconnected, "the daemon hung up before it answered"};
        else if (errno != EINTR)
            return broken("waiting for the answer");
    }
}

} // namespace warmd

#pragma once
// The other end of NOTIFY_SOCKET, as a service manager has it.

#include "support/scratch.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>
#include <string>

namespace warmd::test {

class notify_receiver {
public:
    /// "": at a path of its own; "@name": an abstract one.
    explicit notify_receiver(std::string address = {})
        : address_(address.empty() ? (scratch_.path / "notify").string() : std::move(address))
    {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        std::memcpy(at.sun_path, address_.data(), address_.size());
        if (address_.front() == '@')
            at.sun_path[0] = '\0';
        const timeval hang{60, 0}; // a message that never comes is a failure
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
        if (handle_ < 0 || ::bind(handle_, reinterpret_cast<const sockaddr*>(&at), size) != 0 ||
            ::setsockopt(handle_, SOL_SOCKET, SO_RCVTIMEO, &hang, sizeof hang) != 0)
            throw std::runtime_error("cannot bind " + address_);
    }
    ~notify_receiver() { ::close(handle_); }
    notify_receiver(const notify_receiver&) = delete;
    notify_receiver& operator=(const notify_receiver&) = delete;

    const std::string& address() const { return address_; }
    /// The next message; waits for it. "": none came.
    std::string next() { return receive(0); }
    /// Reads on to the message with `part`.
    std::string next_with(const std::string& part)
    {
        std::string text;
        do
            text = next();
        while (!text.empty() && text.find(part) == std::string::npos);
        return text;
    }
    /// The next message if there is one by now.
    std::string waiting() { return receive(MSG_DONTWAIT); }

private:
    std::string receive(int flags)
    {
        char text[4096];
        const ssize_t size = ::recv(handle_, text, sizeof text, flags);
        return {text, size > 0 ? static_cast<std::size_t>(size) : 0};
    }

    scratch_directory scratch_;
    std::string address_;
    int handle_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

} // namespace warmd::test

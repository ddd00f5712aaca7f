#include "server/http_token.hpp"

#include <sys/random.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace warmd {

namespace {

constexpr std::size_t shortest = 16, longest = 4096;

failure cannot(const std::string& what, const std::string& path)
{
    const int why = errno;
    return {why == EACCES || why == EPERM ? errc::permission_denied : errc::internal_error,
            "cannot " + what + ' ' + path + ": " + std::strerror(why)};
}

struct descriptor {
    explicit descriptor(int opened) : number(opened) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor()
    {
        if (number >= 0)
            ::close(number);
    }
    const int number;
};

} // namespace

std::string new_http_token()
{
    std::array<unsigned char, 32> bits{};
    if (::getrandom(bits.data(), bits.size(), 0) != static_cast<ssize_t>(bits.size()))
        throw std::runtime_error("the kernel gives no random numbers");
    std::string text;
    for (const unsigned char each : bits)
        for (const unsigned digit : {each / 16U, each % 16U})
            text += "0123456789abcdef"[digit];
    return text;
}

std::string http_token_path(const std::string& socket_path)
{
    return socket_path.substr(0, socket_path.rfind('/') + 1) + "http-token";
}

result<void> write_http_token(const std::string& path, const std::string& token)
{
    const std::string fresh = path + ".new", line = token + '\n';
    ::unlink(fresh.c_str()); // of a daemon that ended while it wrote
    const descriptor file(
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.number < 0)
        return cannot("make", fresh);
    if (::write(file.number, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
        return cannot("write", fresh);
    if (::rename(fresh.c_str(), path.c_str()) != 0)
        return cannot("name", path);
    return {};
}

result<std::string> read_http_token(const std::string& path)
{
    const auto bad = [&](const std::string& why) {
        return failure{errc::invalid_params, "the token in " + path + ' ' + why};
    };
    const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat about {};
    if (file.number < 0 || ::fstat(file.number, &about) != 0)
        return failure{errc::invalid_params, cannot("read", path).detail};
    if (!S_ISREG(about.st_mode))
        return bad("is in no regular file");
    if ((about.st_mode & 077U) != 0)
        return bad("may be read by others: make it mode 0600");
    std::string text(longest + 1, '\0');
    const ssize_t size = ::read(file.number, text.data(), text.size());
    if (size < 0)
        return failure{errc::invalid_params, cannot("read", path).detail};
    text.resize(static_cast<std::size_t>(size));
    text.resize(text.find_last_not_of(" \t\r\n") + 1);
    if (text.size() < shortest || text.size() >= longest)
        return bad("has " + std::to_string(text.size()) + " bytes; it must have " +
                   std::to_string(shortest) + " to " + std::to_string(longest - 1));
    if (!std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; }))
        return bad("has a byte that is no printable ASCII character");
    return text;
}

} // namespace warmd

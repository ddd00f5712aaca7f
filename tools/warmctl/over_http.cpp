#include "warmctl/over_http.hpp"

#include "server/http_token.hpp"

#include <warmd/client.hpp>

#include <boost/json.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

namespace warmd::ctl {

namespace {

constexpr std::chrono::seconds patience{10};

/// Where the daemon speaks HTTP over TCP.
result<std::string> url_of(const std::string& socket)
{
    auto daemon = client::connect(socket, patience);
    if (!daemon)
        return daemon.error();
    const auto health = daemon->call("health");
    if (!health)
        return health.error();
    const json::array& urls = health->at("http").as_array();
    if (urls.empty())
        return failure{errc::unsupported,
                       "the daemon speaks HTTP on its socket only: start it with --http "
                       "127.0.0.1:8080, or run warmctl proxy"};
    return std::string(urls.front().as_string());
}

/// A file that leads there, for its owner only: what a program is given for words, others can read.
std::filesystem::path write_link(const std::string& address, const std::string& socket)
{
    std::filesystem::path file = std::filesystem::path(socket).parent_path() / "http-page.html";
    std::filesystem::remove(file);
    ::umask(077);
    std::ofstream(file) << "<!doctype html><meta http-equiv=\"refresh\" content=\"0;url=" << address
                        << "\">\n";
    return file;
}

/// Where there is a screen, and somebody before it.
void open(const std::string& address, const std::string& socket)
{
    const bool screen = std::getenv("DISPLAY") || std::getenv("WAYLAND_DISPLAY");
    if (!screen || !::isatty(STDOUT_FILENO))
        return;
    const std::filesystem::path page = write_link(address, socket);
    if (::fork() != 0)
        return;
    ::execlp("xdg-open", "xdg-open", page.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
}

/// Prints the token that the daemon left beside its socket.
result<void> print_token(const arguments&, const std::string& socket)
{
    const auto token = read_http_token(http_token_path(socket));
    if (!token)
        return token.error();
    std::cout << *token << std::endl;
    return {};
}

/// Prints where the daemon's page is, with the token in it; opens it where there is a screen and an
/// xdg-open.
result<void> print_page(const arguments&, const std::string& socket)
{
    const auto url = url_of(socket);
    if (!url)
        return url.error();
    const auto token = read_http_token(http_token_path(socket));
    const std::string address = *url + "/" + (token ? "#token=" + *token : "");
    std::cout << address << std::endl;
    open(address, socket);
    return {};
}

} // namespace

std::vector<command> commands_over_http()
{
    return {{.name = "token",
             .summary = "what HTTP clients over TCP have to know",
             .usage = R"(token
Prints the token that the daemon, or warmctl proxy, left beside its socket.
)",
             .example = "token\n",
             .alone = print_token},
            {.name = "ui",
             .summary = "the daemon's page, for a browser",
             .usage = R"(ui
Prints the address of the daemon's page, which has the token in it: it is for
nobody else. On a desktop, opens it. The daemon has to speak HTTP over TCP.
)",
             .example = "ui\n",
             .alone = print_page},
            {.name = "proxy",
             .summary = "carry HTTP over TCP to a daemon that has none",
             .usage = R"(proxy [--listen ADDRESS] [--token-file PATH]
Listens on a loopback address and carries requests that have the token to the
daemon's socket, and its responses back, until interrupted. Who comes that way is
nobody's user: shutdown, reload and unload of everything are not for it.
)",
             .example = "proxy --listen 127.0.0.1:8080\n",
             .options = {{.name = "listen",
                          .value = "ADDRESS",
                          .doc = "a loopback address and a port (127.0.0.1:8080)"},
                         {.name = "token-file",
                          .value = "PATH",
                          .doc = "the token is there; else beside the socket, where one is left if "
                                 "there is none",
                          .type = "path"}},
             .alone = proxy}};
}

} // namespace warmd::ctl

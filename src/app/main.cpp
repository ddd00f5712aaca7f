// warmd, the daemon: how the process is set up before it serves.

#include "app/application.hpp"
#include "server/http_token.hpp"
#include "system/process.hpp"

#include <sys/stat.h>

#include <csignal>
#include <exception>
#include <iostream>

namespace {

using namespace warmd;

/// What HTTP clients over TCP have to know; "" if there are none.
result<std::string> token_for(const daemon_options& options)
{
    if (!options.server.http.any())
        return std::string();
    return options.http_token_file ? read_http_token(*options.http_token_file)
                                   : result<std::string>(new_http_token());
}

int serve_as_told(int count, char** arguments)
{
    const auto asked = read_options(count, arguments);
    if (const auto* instead = std::get_if<leave>(&asked)) {
        (instead->status == 0 ? std::cout : std::cerr) << instead->text;
        return instead->status;
    }
    auto options = std::get<daemon_options>(asked);
    if (options.stdio) {
        const auto ours = take_standard_streams();
        if (!ours) {
            std::cerr << "warmd: --stdio: standard input and output cannot be had\n";
            return could_not_serve;
        }
        options.server.streams = {ours->in, ours->out};
    }
    auto manager =
        options.stdio ? result<service_manager>(service_manager()) : service_manager::found();
    if (!manager) {
        std::cerr << "warmd: " << manager.error().detail << '\n';
        return could_not_serve;
    }
    if (manager->listening) {
        options.server.listening_socket = *manager->listening;
        options.server.socket_path = manager->socket_path;
    }
    options.server.http.listening_sockets = manager->http;
    if (auto token = token_for(options); !token) {
        std::cerr << "warmd: " << token.error().detail << '\n';
        return could_not_serve;
    } else {
        options.server.http.token = std::move(*token);
    }
    if (!options.core_dumps)
        forbid_memory_dumps();
    process_log log(options.level, options.format);
    if (!manager->deaf.empty())
        log.make_logger().warning(manager->deaf);
    try {
        return serve(
            options, [=] { return read_options(count, arguments); }, std::move(*manager), log);
    } catch (const std::exception& trouble) {
        log.make_logger().error(trouble.what());
        return could_not_serve;
    }
}

} // namespace

int main(int count, char** arguments)
{
    ignore_openmp_settings(arguments);
    unblock_signals();
    give_large_blocks_back_at_once();
    raise_descriptor_limit();
    ::umask(077);
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return serve_as_told(count, arguments);
    } catch (const std::exception& trouble) { // not even a thread for the log
        std::cerr << "warmd: " << trouble.what() << '\n';
        return could_not_serve;
    }
}

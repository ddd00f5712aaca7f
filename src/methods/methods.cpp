#include "methods/handlers.hpp"

#include "methods/notifications.hpp"
#include "methods/openrpc.hpp"
#include "wire/conversation.hpp"

#include <algorithm>
#include <unistd.h>

namespace warmd {

acquire_options begin_request(const about_request& about, const peer& from)
{
    acquire_options options{.keep_alive = std::max(about.keep_alive, from->keep_alive())};
    if (about.timeout)
        from->set_timeout(*about.timeout);
    if (about.progress)
        options.progress = [from](const load_progress& so_far) {
            from->notify("$/progress", replies::progress(from->id(), so_far));
        };
    return options;
}

std::optional<failure> refusal_of_strangers(std::string_view called, const peer& from)
{
    const unsigned uid = from->peer_uid();
    if (uid == 0 || uid == ::geteuid())
        return {};
    const bool known = uid != peer_name::no_user;
    return failure{errc::permission_denied,
                   std::string(called) + " is for the daemon's own user (" +
                       std::to_string(::geteuid()) + ") and root, not for " +
                       (known ? "user " + std::to_string(uid) : "clients over TCP")};
}

void add_methods(dispatcher& to, backend_cache& cache, const daemon_info& daemon)
{
    const auto by = std::make_shared<const schema::contract>(schema::daemon_contract());
    method_adder adder(to,
                       {&cache, &daemon, to.counted(),
                        std::make_shared<const std::string>(schema::openrpc(*by, daemon.version))},
                       by);
    add_operations(adder);
    add_completions(adder);
    add_tokenizing(adder);
    add_suites(adder);
    add_residency(adder);
    add_observation(adder);
    add_daemon(adder);
    add_worker(adder);
}

} // namespace warmd

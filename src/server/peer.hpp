#pragma once
// Who is at the other end of a Unix socket, and whether he may be.

#include "base/config.hpp"

#include <optional>
#include <string>
#include <vector>

namespace warmd {

/// As the kernel noted it when the peer connected: nothing in it is the peer's own word.
struct peer_identity {
    uid_t uid = 0;
    pid_t pid = 0;           ///< for people: it may have passed the connection on
    std::vector<gid_t> gids; ///< its own group and the supplementary ones
};

/// SO_PEERCRED and SO_PEERGROUPS of a connected socket; nothing if the kernel does not tell.
std::optional<peer_identity> peer_of(int connected);

bool may_talk(const access_rules& rules, const peer_identity& peer);
/// "only user 7, root and group 9", for people.
std::string who_may_talk(const access_rules& rules);

/// Which refusals to log: a peer that comes back in a loop must not fill the disk. Time is an
/// argument.
class refusal_log {
public:
    using time_point = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::seconds gap{10};

    /// Whether to log this one; `suppressed` gets how many were not since the last that was.
    bool admits(time_point now, std::size_t& suppressed);

private:
    std::optional<time_point> last_;
    std::size_t suppressed_ = 0;
};

} // namespace warmd

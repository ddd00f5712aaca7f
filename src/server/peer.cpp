#include "server/peer.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59 // Linux 4.13
#endif

namespace warmd {

namespace {

std::vector<gid_t> supplementary_groups(int connected)
{
    std::vector<gid_t> groups(64);
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    int done = ::getsockopt(connected, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
    if (done != 0 &&
        errno ==
            ERANGE) { // the size they need is in `size`; a peer's groups do not change any more
        groups.resize(size / sizeof(gid_t));
        done = ::getsockopt(connected, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
    }
    groups.resize(done == 0 ? size / sizeof(gid_t) : 0);
    return groups;
}

template <class List, class Id>
bool contains(const List& list, Id id)
{
    return std::find(list.begin(), list.end(), id) != list.end();
}

} // namespace

std::optional<peer_identity> peer_of(int connected)
{
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(connected, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return std::nullopt;
    peer_identity found{.uid = peer.uid, .pid = peer.pid, .gids = supplementary_groups(connected)};
    found.gids.push_back(peer.gid);
    return found;
}

bool may_talk(const access_rules& rules, const peer_identity& peer)
{
    return peer.uid == ::geteuid() || peer.uid == 0 || contains(rules.uids, peer.uid) ||
           std::any_of(rules.gids.begin(), rules.gids.end(),
                       [&](gid_t each) { return contains(peer.gids, each); });
}

std::string who_may_talk(const access_rules& rules)
{
    std::string text = "only user " + std::to_string(::geteuid());
    for (const uid_t each : rules.uids)
        text += ", user " + std::to_string(each);
    for (const gid_t each : rules.gids)
        text += ", group " + std::to_string(each);
    return text + " and root";
}

bool refusal_log::admits(time_point now, std::size_t& suppressed)
{
    if (last_ && now - *last_ < gap) {
        ++suppressed_;
        return false;
    }
    last_ = now;
    suppressed = std::exchange(suppressed_, 0);
    return true;
}

} // namespace warmd

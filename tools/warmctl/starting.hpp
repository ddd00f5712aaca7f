#pragma once
// A daemon for whoever has none.

#include <warmd/error.hpp>

#include <filesystem>
#include <string>

namespace warmd::ctl {

/// What programs of this user keep: $XDG_STATE_HOME/warmd, else ~/.local/state/warmd, which is
/// made. `disconnected` if there is no such place.
result<std::filesystem::path> state_directory();

/// Starts warmd, the one beside this program, else the one in $PATH, for this user at `socket`, and
/// waits until it answers. It goes on when this program ends, and writes to warmd.log in
/// state_directory(). `disconnected` if it ends at once, with the
/// last line of that file, or does not answer within half a minute.
result<void> start_daemon(const std::string& socket);

/// What to type where no daemon is at `socket`.
std::string how_to_start(const std::string& socket);

} // namespace warmd::ctl

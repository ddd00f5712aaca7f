#pragma once
// What a process inherits and asks of the system, set so that it suits a daemon.

#include <optional>

namespace warmd {

/// Starts the program anew without what its environment tells OpenMP, which oneDNN is built with:
/// that is read before main() begins, and a bad value (GOMP_CPU_AFFINITY) could end the process in
/// the middle of its work. Our threads are our own. `arguments`: main's.
void ignore_openmp_settings(char** arguments);

/// Signals that the parent had blocked would be ignored for ever: SIGTERM, SIGINT, SIGHUP.
void unblock_signals();

/// Others of this user or root neither read nor dump our memory: weights and prompts.
void forbid_memory_dumps();

/// As many connections as the system lets us have: one descriptor each.
void raise_descriptor_limit();

/// By itself the allocator maps ever fewer of the large blocks one by one: freed weights would stay
/// in its arenas.
void give_large_blocks_back_at_once();

struct own_streams {
    int in = -1, out = -1; ///< close-on-exec
};
/// Takes standard input and output away: whatever else reads finds the end of a file, whatever else
/// writes there goes to standard error. What we do to them then concerns nobody who shares them,
/// where the system allows that. Nothing if there is no descriptor to be had.
std::optional<own_streams> take_standard_streams();

} // namespace warmd

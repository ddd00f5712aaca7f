#pragma once
// What a process inherits and asks of the system, set so that it suits a daemon.

namespace warmd {

/// Starts the program anew if its environment says how OpenMP's threads behave: that is read before
/// main() begins. Bad values end the process in the middle of its work (GOMP_CPU_AFFINITY), and
/// threads that wait spin, if nothing else is wished, and take the processor from everything else.
/// OMP_NUM_THREADS stays as it is. `arguments`: main's.
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

} // namespace warmd

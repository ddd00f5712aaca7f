#pragma once
// What this machine's processor can do, asked once for all: what a kernel may use, its caller has
// found out here.

#include <span>

namespace warmd::hf {

/// What kernels are compiled for. Each has what those before it have; plain: what every processor
/// of this architecture has.
enum class instruction_set { plain, sse4, avx2, avx512, avx512bf16 };
/// As people write it.
const char* name_of(instruction_set);
/// Those that this machine has, the best last.
std::span<const instruction_set> instruction_sets();

/// Whether products in bf16 can be computed: the processor has instructions for them (AVX512-BF16
/// or AMX) and oneDNN may use them (ONEDNN_MAX_CPU_ISA can forbid it).
bool has_bf16();

/// Whether AMX's tile registers may be used: oneDNN would use them, and the system keeps them for
/// this process.
bool amx_is_permitted();

} // namespace warmd::hf

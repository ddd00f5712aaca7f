#pragma once
// What this machine's processor can do, asked once for all: what a kernel may use, its caller has
// found out here.

namespace warmd::hf {

/// Whether products in bf16 can be computed: the processor has instructions for them (AVX512-BF16
/// or AMX) and oneDNN may use them (ONEDNN_MAX_CPU_ISA can forbid it).
bool has_bf16();

/// Whether AMX's tile registers may be used: oneDNN would use them, and the system keeps them for
/// this process.
bool amx_is_permitted();

} // namespace warmd::hf

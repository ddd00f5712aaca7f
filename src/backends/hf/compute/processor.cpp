#include "hf/compute/processor.hpp"

#include <oneapi/dnnl/dnnl.hpp>

#include <array>
#include <cstddef>

#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace warmd::hf {

namespace {

/// Of what the processor has, oneDNN uses what it is allowed to.
bool uses(dnnl::cpu_isa extensions)
{
    const auto all = static_cast<unsigned>(extensions); // a bit for each
    return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & all) == all;
}

} // namespace

const char* name_of(instruction_set which)
{
    constexpr std::array names{"plain", "sse4", "avx2", "avx512", "avx512bf16"};
    return names[static_cast<std::size_t>(which)];
}

std::span<const instruction_set> instruction_sets()
{
    static constexpr std::array all{instruction_set::plain, instruction_set::sse4,
                                    instruction_set::avx2, instruction_set::avx512,
                                    instruction_set::avx512bf16};
    std::size_t there = 1;
#if defined(__x86_64__)
    // What Highway's targets of these names are compiled with.
    const std::array<bool, all.size() - 1> beyond_plain{
        __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul") &&
            __builtin_cpu_supports("aes"),
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
            __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma"),
        __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"),
        __builtin_cpu_supports("avx512bf16") != 0};
    for (std::size_t i = 0; i != beyond_plain.size() && beyond_plain[i]; ++i)
        ++there;
#endif
    return std::span(all).first(there);
}

bool has_bf16() { return uses(dnnl::cpu_isa::avx512_core_bf16); }

bool amx_is_permitted()
{
#if defined(__x86_64__)
    constexpr long request_permission = 0x1023,
                   tile_data = 18; // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    static const bool is_permitted = uses(dnnl::cpu_isa::avx512_core_amx) &&
                                     ::syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
    return is_permitted;
#else
    return false;
#endif
}

} // namespace warmd::hf

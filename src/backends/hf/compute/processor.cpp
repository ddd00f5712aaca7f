#include "hf/compute/processor.hpp"

#include <oneapi/dnnl/dnnl.hpp>

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

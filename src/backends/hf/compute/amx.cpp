#include "hf/compute/amx.hpp"

#include "hf/compute/matmul.hpp"

#if defined(__x86_64__)

#include <sys/syscall.h>
#include <unistd.h>

namespace warmd::hf {

bool amx_is_permitted()
{
    constexpr long request_permission = 0x1023,
                   tile_data = 18; // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    static const bool is_permitted =
        has_amx() && ::syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
    return is_permitted;
}

} // namespace warmd::hf

#endif

#include "hf/compute/weight_format.hpp"

#include "hf/compute/kernels.hpp"
#include "hf/compute/kernels_bf16.hpp"
#include "hf/compute/onednn_panel.hpp"
#include "hf/compute/processor.hpp"
#include "hf/compute/product_kernels.hpp"
#include "hf/compute/simd_panel.hpp"

#include <algorithm>

namespace warmd::hf {

namespace {

class fp32_format final : public weight_format {
public:
    explicit fp32_format(const product_kernels& by) : by_(by) {}
    const char* name() const override { return "fp32"; }
    std::size_t number_bytes() const override { return sizeof(float); }
    void put(const float* x, std::byte* to, std::size_t count) const override
    {
        std::copy_n(x, count, numbers(to));
    }
    void put_normalised(const float* x, const float* weight, float eps, std::byte* to,
                        std::size_t width) const override
    {
        rms_norm(x, weight, eps, numbers(to), width);
    }
    void put_gated(const float* gate, const float* up, std::byte* to,
                   std::size_t count) const override
    {
        silu_times(gate, up, numbers(to), count);
    }
    const float* in_fp32(const std::byte* from, float*, std::size_t) const override
    {
        return reinterpret_cast<const float*>(from);
    }
    std::size_t weight_bytes() const override { return sizeof(float); }
    std::unique_ptr<panel_layout> panel(std::size_t in, std::size_t outs) const override
    {
        return make_fp32_panel(in, outs, by_);
    }
    std::size_t least_bands() const override { return 1; }
    bool uses_tiles() const override { return false; }

private:
    static float* numbers(std::byte* at) { return reinterpret_cast<float*>(at); }

    const product_kernels& by_;
};

class bf16_format final : public weight_format {
public:
    explicit bf16_format(const product_kernels& by) : by_(by) {}
    const char* name() const override { return "bf16"; }
    std::size_t number_bytes() const override { return sizeof(std::uint16_t); }
    void put(const float* x, std::byte* to, std::size_t count) const override
    {
        narrow_bf16(x, numbers(to), count);
    }
    void put_normalised(const float* x, const float* weight, float eps, std::byte* to,
                        std::size_t width) const override
    {
        rms_norm_bf16(x, weight, eps, numbers(to), width);
    }
    void put_gated(const float* gate, const float* up, std::byte* to,
                   std::size_t count) const override
    {
        silu_times_bf16(gate, up, numbers(to), count);
    }
    const float* in_fp32(const std::byte* from, float* room, std::size_t count) const override
    {
        widen_bf16(reinterpret_cast<const std::uint16_t*>(from), room, count);
        return room;
    }
    std::size_t weight_bytes() const override { return sizeof(std::uint16_t); }
    std::unique_ptr<panel_layout> panel(std::size_t in, std::size_t outs) const override
    {
        if (amx_is_permitted()) // where the library is the faster one
            return make_onednn_panel(in, outs);
        return make_bf16_panel(in, outs, by_);
    }
    /// Tile registers multiply faster than weights come from memory (warmbench score).
    std::size_t least_bands() const override { return amx_is_permitted() ? 4 : 1; }
    bool uses_tiles() const override { return amx_is_permitted(); }

private:
    static std::uint16_t* numbers(std::byte* at) { return reinterpret_cast<std::uint16_t*>(at); }

    const product_kernels& by_;
};

} // namespace

const weight_format& format_of(precision computes)
{
    static const product_kernels& best = kernels_of(instruction_sets().back());
    static const fp32_format wide(best);
    static const bf16_format narrow(best);
    return computes == precision::bf16 ? static_cast<const weight_format&>(narrow) : wide;
}

} // namespace warmd::hf

#include "hf/compute/weight_format.hpp"

#include "hf/compute/kernels.hpp"
#include "hf/compute/kernels_bf16.hpp"
#include "hf/compute/onednn_panel.hpp"
#include "hf/compute/processor.hpp"
#include "hf/compute/product_kernels.hpp"
#include "hf/compute/quantized_unit.hpp"
#include "hf/compute/simd_panel.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>

namespace warmd::hf {

namespace {

/// Rows in fp32; weights in whatever form.
class fp32_rows final : public weight_format {
public:
    struct form {
        const char* name;
        precision kept_as;
        std::size_t weight_bytes;
        double (*norm_at_most)(double norm, std::size_t weights);
        std::unique_ptr<panel_layout> (*panel)(std::size_t in, std::size_t outs,
                                               const product_kernels& by);
    };

    fp32_rows(const form& weights, const product_kernels& by, const weight_format* of_vocabulary)
        : weights_(weights), by_(by), of_vocabulary_(of_vocabulary)
    {
    }
    const char* name() const override { return weights_.name; }
    precision kept_as() const override { return weights_.kept_as; }
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
    std::size_t weight_bytes() const override { return weights_.weight_bytes; }
    const weight_format& of_vocabulary() const override
    {
        return of_vocabulary_ ? *of_vocabulary_ : *this;
    }
    double norm_at_most(double norm, std::size_t weights) const override
    {
        return weights_.norm_at_most(norm, weights);
    }
    std::unique_ptr<panel_layout> panel(std::size_t in, std::size_t outs) const override
    {
        return weights_.panel(in, outs, by_);
    }
    std::size_t least_bands() const override { return 1; }
    bool uses_tiles() const override { return false; }

private:
    static float* numbers(std::byte* at) { return reinterpret_cast<float*>(at); }

    form weights_;
    const product_kernels& by_;
    const weight_format* of_vocabulary_; // null: itself
};

double same_norm(double norm, std::size_t) { return norm; }
double rounded_norm_at_most(double norm, std::size_t) { return norm * (1 + 0x1p-8); } // bf16's

/// As precision has them.
constexpr fp32_rows::form forms[] = {
    {"fp32", precision::fp32, sizeof(float), &same_norm, &make_fp32_panel},
    {"bf16", precision::bf16, sizeof(std::uint16_t), &rounded_norm_at_most, &make_widening_panel},
    {"int8", precision::int8, sizeof(std::uint8_t), &int8_norm_at_most, &make_int8_panel},
    {"int4", precision::int4, sizeof(std::uint8_t), &int4_norm_at_most, &make_int4_panel}};

/// Rows and weights in bf16.
class bf16_format final : public weight_format {
public:
    explicit bf16_format(const product_kernels& by) : by_(by) {}
    const char* name() const override { return "bf16"; }
    precision kept_as() const override { return precision::bf16; }
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
    double norm_at_most(double norm, std::size_t weights) const override
    {
        return rounded_norm_at_most(norm, weights);
    }
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

namespace {

/// Of one instruction set.
struct formats {
    explicit formats(instruction_set by)
    {
        const product_kernels& kernels = kernels_of(by);
        for (const fp32_rows::form& each : forms)
            widening.emplace_back(each, kernels,
                                  each.kept_as == precision::int4 ? &widening.back() : nullptr);
        if (kernels.bf16)
            narrow.emplace(kernels);
    }

    std::deque<fp32_rows> widening; // by precision; where they are they stay
    std::optional<bf16_format> narrow;
};

} // namespace

const weight_format& format_of(precision kept, instruction_set by)
{
    static const std::deque<formats> all(instruction_sets().begin(), instruction_sets().end());
    const formats& of = all[static_cast<std::size_t>(by)];
    if (kept == precision::bf16 && of.narrow && has_bf16())
        return *of.narrow;
    return of.widening[static_cast<std::size_t>(kept)];
}

const weight_format& format_of(precision kept)
{
    return format_of(kept, instruction_sets().back());
}

} // namespace warmd::hf

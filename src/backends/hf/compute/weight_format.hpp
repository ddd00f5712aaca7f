#pragma once
// How a model's matrices are kept and multiplied: the one place that knows what a dtype means. A
// model has one for all its matrices, chosen when it is loaded.

#include "hf/compute/panel.hpp"
#include "hf/compute/processor.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace warmd::hf {

/// How weights are kept. A product multiplies rows in fp32, or in bf16 where weights are and the
/// processor has instructions for that (has_bf16()); it always adds in fp32.
enum class precision { fp32, bf16, int8, int4 };
constexpr bool is_quantized(precision kept)
{
    return kept == precision::int8 || kept == precision::int4;
}

/// Immutable; there is one of each kind. Functions of rows may be called on any thread.
class weight_format {
public:
    weight_format() = default;
    virtual ~weight_format() = default;
    weight_format(const weight_format&) = delete;
    weight_format& operator=(const weight_format&) = delete;

    virtual const char* name() const = 0; ///< as `dtype` has it
    virtual precision kept_as() const = 0;

    // The rows that its products take
    virtual std::size_t number_bytes() const = 0; ///< of one number of a row
    virtual void put(const float* x, std::byte* to, std::size_t count) const = 0;
    /// rms_norm() of x [width].
    virtual void put_normalised(const float* x, const float* weight, float eps, std::byte* to,
                                std::size_t width) const = 0;
    /// silu(gate) * up.
    virtual void put_gated(const float* gate, const float* up, std::byte* to,
                           std::size_t count) const = 0;
    /// The numbers in fp32: where they are, or in `room`, which has `count`.
    virtual const float* in_fp32(const std::byte* from, float* room, std::size_t count) const = 0;

    // Its matrices
    virtual std::size_t weight_bytes() const = 0; ///< of one packed weight, at least about
    /// What the embedding and the projection to the vocabulary are kept in: with 4 bits 8, as their
    /// errors count for most (llama.cpp keeps them in more bits than the rest, too).
    virtual const weight_format& of_vocabulary() const { return *this; }
    /// What a matrix's norm can come to when its weights are put into this form.
    virtual double norm_at_most(double norm, std::size_t weights) const = 0;
    virtual std::unique_ptr<panel_layout> panel(std::size_t in, std::size_t outs) const = 0;

    /// So many bands of rows must each thread have before it pays that all cores read all weights.
    virtual std::size_t least_bands() const = 0;

    /// Whether attention and adapters compute by AMX's tile registers, from rows in bf16.
    virtual bool uses_tiles() const = 0;
};

/// By the best instructions of this machine.
const weight_format& format_of(precision);
/// By those. REQUIRES: the machine has them.
const weight_format& format_of(precision, instruction_set by);

} // namespace warmd::hf

#pragma once
// DoRA (Liu et al. 2024, eq. 5): the rows of W + s B A are as long as the magnitudes m say,
//
//     y = m (W + s B A) x / ||W + s B A||
//
// by output. Nothing is merged: y is what the base and the factors give, times m / ||W + s B A||,
// and ||W_i + s (B A)_i||^2 = ||W_i||^2 + 2 s W_i (B A)_i + s^2 ||(B A)_i||^2, so that three
// numbers for each output are enough for every scale.

#include "hf/compute/compute.hpp"
#include "hf/files/checkpoint.hpp"
#include "hf/model/base_weights.hpp"

#include <warmd/error.hpp>

#include <cstddef>

namespace warmd::hf {

struct lora_weights;

/// Of one module, [out] each; in lora_weights::memory.
struct dora_norms {
    float* magnitudes = nullptr;
    float* of_base = nullptr;   ///< ||W_i||^2
    float* crossed = nullptr;   ///< W_i (B A)_i
    float* of_update = nullptr; ///< ||(B A)_i||^2

    dora_norms() = default;
    /// In floats(out) of memory; not filled.
    dora_norms(float* memory, std::size_t out)
        : magnitudes(memory), of_base(memory + out), crossed(memory + 2 * out),
          of_update(memory + 3 * out)
    {
    }
    static std::size_t floats(std::size_t out) { return 4 * out; }
    explicit operator bool() const { return magnitudes != nullptr; }

    /// factors[i] = m / ||W + s B A|| of output first + i, for s = scaling.
    void factors(double scaling, std::size_t first, std::size_t count, float* to) const;
};

/// Fills of_base of all parts that have magnitudes from the base's files, which it reads once.
result<void> measure_base(const model_config& config, const checkpoint& base,
                          lora_weights& weights);
/// Fills crossed and of_update, by products of the base's weights with A. REQUIRES: A and B are
/// there.
void measure_updates(const base_weights& base, compute_gate& gate, lora_weights& weights);
/// Whatever a view of an adapter does not draw: magnitudes and of_base of another, and what is
/// replaced.
void keep_undrawn(const lora_weights& from, lora_weights& to);

} // namespace warmd::hf

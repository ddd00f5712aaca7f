#pragma once
// Rotary position embedding (Su et al. 2021): how fast each pair of a head's dimensions turns, with
// the scalings that stretch it beyond the context that a model was trained on.

#include "hf/files/json_place.hpp"

#include <cstddef>
#include <vector>

namespace warmd::hf {

/// One way to turn queries and keys. A model may have one for each type of layer.
struct rope_config {
    enum class type {
        unscaled,
        linear,  ///< all pairs slower by `factor`
        dynamic, ///< as much slower as the input needs: "NTK-aware", by its length
        llama3,  ///< slow pairs slower, fast ones as they are, by turns in the original context
        yarn,    ///< the same between two numbers of turns (Peng et al. 2023, §3.2)
        longrope ///< each pair by a factor of its own (Ding et al. 2024), one set for each length
    };
    type scaling = type::unscaled;
    double theta = 10000;
    double partial = 1;               ///< of a head's dimensions, those from the first that turn
    bool neighbours = false;          ///< a pair's two sides, instead of one from each half
    double factor = 1;                ///< all but unscaled
    double low_freq_factor = 1;       ///< llama3
    double high_freq_factor = 4;      ///< llama3
    double fast_turns = 32;           ///< yarn's beta_fast: from so many on, as they are
    double slow_turns = 1;            ///< yarn's beta_slow: up to so many, slower by `factor`
    bool whole_pairs = true;          ///< yarn: the two bounds fall on pairs ("truncate")
    double original_max_position = 0; ///< context before scaling: all but unscaled and linear
    double magnitude = 1;             ///< of what was turned: yarn and longrope
    std::vector<double> short_factors{}, long_factors{}; ///< longrope, by pair

    /// How many of a head's dimensions turn.
    std::size_t rotated(std::size_t head_dim) const
    {
        return static_cast<std::size_t>(static_cast<double>(head_dim) * partial);
    }
    /// Whether longer inputs are turned otherwise, from their first token on.
    bool depends_on_length() const { return scaling == type::dynamic || scaling == type::longrope; }
    /// Inputs of two lengths are turned alike if this is the same for both: the shortest length of
    /// such, 0 if it is up to the original context.
    std::size_t length_class(std::size_t length) const;
};

/// Reads what rope_scaling or rope_parameters says; `defaults` has what their family and the rest
/// of the file say. Complains of what is missing or not known.
rope_config read_rope(const json_place& fields, const rope_config& defaults,
                      std::size_t max_positions);

/// The angle per position, one for each of rotated / 2 pairs, in an input of that length_class().
std::vector<float> rope_frequencies(const rope_config& rope, std::size_t rotated,
                                    std::size_t length_class = 0);

} // namespace warmd::hf

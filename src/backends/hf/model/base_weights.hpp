#pragma once
// The weights of a base model in memory, ready to compute with. Nothing of an adapter: several
// backends share one of these.

#include "hf/compute/compute.hpp"
#include "hf/compute/memory_block.hpp"
#include "hf/compute/quantized_rows.hpp"
#include "hf/files/checkpoint.hpp"
#include "hf/model/model_config.hpp"

#include <warmd/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace warmd::hf {

/// Weights as a file has them, row-major, and their norm (norm.hpp).
struct stored_rows {
    std::span<const std::byte> bytes;
    stored_as type = stored_as::fp32;
    double norm = 0;
};

/// A learned vector for each token or position, in the file's own dtype, or quantized.
class embedding_table {
public:
    static result<embedding_table> load(const checkpoint& file, const std::string& tensor,
                                        thread_team& team);
    /// [vocab, hidden]; once they are quantized their norm alone.
    stored_rows rows() const { return {stored_, type_, norm_}; }
    /// As the format keeps weights, if in fewer bits than files do.
    void keep_as(const weight_format& format, std::size_t width, thread_team& team);
    /// Row `id` in fp32. REQUIRES: id is within the vocabulary.
    void look_up(std::size_t id, std::span<float> to) const;
    std::uint64_t bytes() const { return stored_.size() + quantized_.bytes(); }

private:
    stored_as type_ = stored_as::fp32;
    std::vector<std::byte> stored_;
    quantized_rows quantized_; // in their place
    double norm_ = 0;
};

struct linear {
    packed_matrix matrix;
    double norm = 0;         ///< of the weights, at most (norm.hpp)
    std::vector<float> bias; ///< empty: none
};

/// Of one norm, with config.norm_offset.
struct norm_weights {
    std::vector<float> weight; ///< empty: there is no such norm
    std::vector<float> bias;   ///< empty: none
};

struct layer_weights {
    std::array<norm_weights, norm_places> norms; ///< by norm_place
    std::vector<linear> linears;                 ///< as layer_plan has them

    const norm_weights& operator[](norm_place place) const
    {
        return norms[static_cast<std::size_t>(place)];
    }
    const linear& operator[](linear_kind kind) const
    {
        return linears[static_cast<std::size_t>(kind)];
    }
};

/// How a load reports and is stopped.
struct load_progress {
    std::stop_token stop;
    std::function<void(std::uint64_t bytes)>
        advance; ///< so many more bytes of files are read and packed
};

struct base_weights {
    model_config config;
    memory_block memory; ///< of the packed matrices
    const weight_format& computes;
    embedding_table embedding;
    embedding_table positions = {}; ///< [max_positions, hidden]; empty: none
    std::vector<layer_weights> layers = {};
    norm_weights final_norm = {};
    linear output = {}; ///< [vocab, hidden]

    /// Of a layer; beyond the last one, the projection to the vocabulary.
    const linear& at(std::size_t layer, std::size_t which) const
    {
        return layer == layers.size() ? output : layers[layer].linears[which];
    }
    std::uint64_t bytes() const; ///< what is allocated
};

/// What base_weights::bytes() will be. REQUIRES: check_tensors() passed.
std::uint64_t estimate_bytes(const model_config& config, const weight_format& computes,
                             const checkpoint& file, compute_gate& gate);
/// Reads and packs. REQUIRES: check_tensors() passed.
result<base_weights> load_base(const model_config& config, const weight_format& computes,
                               const checkpoint& file, compute_gate& gate,
                               const load_progress& progress);

} // namespace warmd::hf

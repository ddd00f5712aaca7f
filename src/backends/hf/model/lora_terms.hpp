#pragma once
// What adapters add to the products of one step: for each row, seen through its own lens,
// scaling * scale * (x A^T) B^T (Hu et al. 2021, eq. 3), by AMX or in fp32.

#include "hf/compute/activations.hpp"
#include "hf/model/step_rows.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace warmd::hf {

class lora_terms {
public:
    /// Room for `most_rows` rows of a product through this adapter.
    void make_room(const lora_weights& adapter, std::size_t most_rows);
    std::uint64_t bytes() const { return bytes_; } ///< may be asked while room is made

    /// Of the step with these rows, which have room.
    void begin(const step_rows& rows, std::size_t most_rows);
    /// x A^T of those of `mine` that have an adapter, for the layer_plan's linear `which`. `rows`
    /// are those of x.
    void reduce(std::span<const step_row> rows, std::size_t layer, std::size_t which,
                const activations& x, row_range mine);
    /// Adds the rows' adapters to columns [first_out, first_out + outs) of a product without its
    /// bias, and gives rows of DoRA their length; y [rows, outs], rows y_stride apart. REQUIRES:
    /// they were reduced.
    void add_to(std::span<const step_row> rows, std::size_t layer, std::size_t which,
                row_range some, std::size_t first_out, std::size_t outs, float* y,
                std::size_t y_stride) const;

private:
    void reduce_in_fp32(const lora_linear& by, const activations& x, row_range rows);
    void add_part(const lora_linear::part& part, double scale, row_range rows, std::size_t first,
                  std::size_t count, float* y, std::size_t y_stride) const;
    void finish_part(const lora_linear::part& part, double scale, std::size_t rows,
                     std::size_t first, std::size_t count, float* y, std::size_t y_stride) const;

    std::vector<float> reduced_; // [rows, ranks_], x A^T; as large as the adapters so far needed
    std::atomic<std::uint64_t> bytes_ = 0;
    std::size_t ranks_ = 0; // of the step under way: most of any adapter and product, or in tiles
                            // as many floats' room
};

/// Adds what an adapter's embedding has of a token to its row [hidden].
void add_embedded(const lens& through, token_id token, std::span<float> row);

/// Room for one row of the calling thread's own, at least `width` wide, until its next call.
float* own_row(std::size_t width);

} // namespace warmd::hf

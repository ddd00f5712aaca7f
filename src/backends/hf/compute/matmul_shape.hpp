#pragma once
// How a matrix of one shape is cut into panels, each of which fits into a core's own cache, and the
// tiles of a product with it.

#include "hf/compute/matmul.hpp"
#include "hf/compute/panel.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

namespace warmd::hf {

class matmul_shape {
public:
    struct panel {
        std::size_t first_out; // of each strand
        std::size_t outs; // of each strand: a panel has the columns of one after those of the other
        std::uint64_t offset; // of its weights in the packed matrix
        panel_layout* layout; // one of layouts_
    };

    matmul_shape(const matrix_shape& shape, const weight_format& format);

    const weight_format& format() const { return format_; }
    std::uint64_t bytes() const { return bytes_; }
    std::span<const panel> panels() const { return panels_; }

    /// Calls run(panel, band) for one of `parts` equal shares of the work, panel by panel: each
    /// stays in a core's cache.
    template <class Run>
    void for_each_tile(std::size_t bands, std::size_t part, std::size_t parts, const Run& run) const
    {
        const std::size_t all = bands * shape_.out;
        std::size_t at = 0; // columns of earlier tiles
        for (std::size_t p = 0; p != panels_.size(); ++p)
            for (std::size_t band = 0; band != bands; ++band) {
                const std::size_t outs = shape_.strands * panels_[p].outs, middle = at + outs / 2;
                if (middle >= all * part / parts && middle < all * (part + 1) / parts)
                    run(p, band);
                at += outs;
            }
    }

    /// Makes what products of so many rows need, on threads with these rooms.
    void prepare(std::size_t rows, std::span<tile_room> rooms) const;

private:
    matrix_shape shape_;
    const weight_format& format_;
    std::uint64_t bytes_ = 0;
    std::map<std::size_t, std::unique_ptr<panel_layout>>
        layouts_; // by columns; made complete by the engine's one user
    std::vector<panel> panels_;
};

} // namespace warmd::hf

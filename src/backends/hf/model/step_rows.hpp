#pragma once
// The tokens of one step of a forward pass, and which thread computes what of them.

#include "hf/compute/attention.hpp"
#include "hf/compute/threads.hpp"
#include "hf/model/kv_cache.hpp"
#include "hf/model/lora.hpp"
#include "hf/model/model_config.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace warmd::hf {

/// What a forward pass looks through: the base alone, or with an adapter's term times `scale`.
struct lens {
    const lora_weights* adapter = nullptr;
    double scale = 1;

    /// What stands in place of the base's parameters; null: nothing.
    const replaced_parameters* replaced() const
    {
        return adapter ? adapter->replaced.get() : nullptr;
    }

    friend bool operator==(const lens&, const lens&) = default;
};

/// The next positions of one sequence.
struct segment {
    lens through;
    kv_cache* cache;                  ///< what came before; extended by the step
    std::span<const token_id> tokens; ///< each within the vocabulary, at least one
    std::size_t first_logits = 0;     ///< logits are wanted from this token on; tokens.size(): none
    std::size_t length_class = 0;     ///< of the whole input, by model_config
};

/// One token of a step.
struct step_row {
    std::size_t segment;
    std::size_t token;    ///< within the segment
    std::size_t position; ///< within the sequence
    lens through;         ///< no adapter if it adds nothing
};

/// Rows [first, last) of a step.
struct row_range {
    std::size_t first, last;
};

/// Where, up to `last`, the rows end that are seen through the same lens as row `from`.
std::size_t end_of_lens(std::span<const step_row> rows, std::size_t from, std::size_t last);

/// Queries [first, last) of a segment and the heads that share kv_head, those of one row together.
struct query_tile {
    std::size_t segment, first_row, kv_head, first, last;
    std::size_t thread; ///< that computes it
};

/// Threads either have bands of rows of their own, which they take through a layer without waiting
/// for one another, or, where rows are few, panels of the weights, each of which is then read by
/// one core only.
class step_rows {
public:
    /// All tokens of the segments, whose caches it extends.
    void begin(std::span<const segment> segments);
    /// Whoever has a row computes it. `least_bands`: weight_format. `most`: queries of one tile.
    void divide(std::size_t threads, std::size_t least_bands, const model_config& config,
                std::size_t most);
    /// Only those rows stay whose logits are wanted: move(from, to) for each, which never go
    /// forward.
    template <class Move>
    void keep_wanted(const Move& move)
    {
        for (std::size_t to = 0; to != wanted_.size(); ++to) {
            rows_[to] = rows_[wanted_[to]];
            move(wanted_[to], to);
        }
        rows_.resize(wanted_.size());
    }

    std::size_t size() const { return rows_.size(); }
    std::size_t wanted() const { return wanted_.size(); }
    const step_row& operator[](std::size_t r) const { return rows_[r]; }
    const std::vector<step_row>& all() const { return rows_; }

    bool by_rows() const { return by_rows_; } ///< threads have bands of rows, not panels
    /// A segment has queries of several threads.
    bool is_straddled() const { return straddled_; }
    const std::vector<query_tile>& tiles() const { return tiles_; }
    /// An equal share of all rows, in whole bands where the thread multiplies them itself.
    row_range shared(const team_member& me) const;

private:
    std::vector<step_row> rows_;
    std::vector<std::size_t> wanted_; // rows whose logits are
    std::vector<query_tile> tiles_;
    bool by_rows_ = false;
    bool straddled_ = false;
};

} // namespace warmd::hf

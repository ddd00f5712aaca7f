#include "hf/model/step_rows.hpp"

#include <algorithm>

namespace warmd::hf {

void step_rows::begin(std::span<const segment> segments)
{
    rows_.clear();
    wanted_.clear();
    for (std::size_t s = 0; s != segments.size(); ++s) {
        // scale 0 is exactly the base, whatever is in the adapter
        const lens through = segments[s].through.scale != 0 ? segments[s].through : lens{};
        const std::size_t before = segments[s].cache->length();
        segments[s].cache->extend(segments[s].tokens.size());
        for (std::size_t t = 0; t != segments[s].tokens.size(); ++t) {
            if (t >= segments[s].first_logits)
                wanted_.push_back(rows_.size());
            rows_.push_back({s, t, before + t, through});
        }
    }
}

namespace {

/// Where a thread would have a band more than another, it should have many.
bool gives_all_the_same(std::size_t bands, std::size_t threads)
{
    constexpr std::size_t many = 4;
    return bands % threads == 0 || bands >= many * threads;
}

} // namespace

void step_rows::divide(std::size_t threads, std::size_t least_bands, const model_config& config,
                       std::size_t most)
{
    const std::size_t bands =
        (rows_.size() + matmul_engine::band_rows - 1) / matmul_engine::band_rows;
    by_rows_ = threads > 1 && bands >= threads * least_bands && gives_all_the_same(bands, threads);
    straddled_ = false;
    tiles_.clear();
    const auto thread_of = [&](std::size_t r) {
        std::size_t thread = 0;
        while (r >= shared({thread, threads, nullptr}).last)
            ++thread;
        return thread;
    };
    const std::size_t group = config.heads / config.kv_heads;
    for (std::size_t first_row = 0, end = 0; first_row != rows_.size(); first_row = end) {
        while (end != rows_.size() && rows_[end].segment == rows_[first_row].segment)
            ++end;
        const std::size_t owner = thread_of(first_row), queries = (end - first_row) * group;
        const bool is_whole = by_rows_ && thread_of(end - 1) == owner;
        straddled_ = straddled_ || !is_whole;
        for (std::size_t head = 0; head != config.kv_heads; ++head)
            for (std::size_t q = 0; q < queries; q += most)
                tiles_.push_back({rows_[first_row].segment, first_row, head, q,
                                  std::min(q + most, queries),
                                  is_whole ? owner : tiles_.size() % threads});
    }
}

row_range step_rows::shared(const team_member& me) const
{
    const std::size_t unit = by_rows_ ? matmul_engine::band_rows : 1,
                      units = (rows_.size() + unit - 1) / unit;
    return {std::min(units * me.index / me.size * unit, rows_.size()),
            std::min(units * (me.index + 1) / me.size * unit, rows_.size())};
}

std::size_t end_of_lens(std::span<const step_row> rows, std::size_t from, std::size_t last)
{
    std::size_t to = from + 1;
    while (to != last && rows[to].through == rows[from].through)
        ++to;
    return to;
}

} // namespace warmd::hf

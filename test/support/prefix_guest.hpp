#pragma once
// Sequences that come to a prefix store and leave it; there is no model.

#include "hf/model/prefix_store.hpp"

#include "support/small_pool.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace warmd::hf {

using token_ids = std::vector<token_id>;

inline constexpr std::uint64_t no_bound = std::uint64_t{1} << 40;
inline constexpr lens_key base{1, 0, 1};

/// Blocks of equal ids, one for each.
inline token_ids text(const std::vector<token_id>& blocks)
{
    token_ids ids;
    for (const token_id each : blocks)
        ids.insert(ids.end(), attention_block, each);
    return ids;
}

/// What a driver has of a sequence: its cache goes before its place.
struct guest {
    std::uint64_t by;
    token_ids ids;
    prefix_store::place place;
    kv_cache cache;

    guest(small_pool& of, prefix_store& store, std::uint64_t name, token_ids fed,
          const lens_key& through = base)
        : by(name), ids(std::move(fed)),
          place(store.enter(by, through, ids, ids.size() / attention_block)), cache(of.pool)
    {
    }
    /// With how many blocks it begins.
    std::size_t begin()
    {
        cache.share(place.begin());
        return cache.length() / attention_block;
    }
    void compute(std::size_t positions)
    {
        cache.extend(positions);
        place.computed(cache, ids);
    }
    void compute_all() { compute(ids.size() - cache.length()); }
};

} // namespace warmd::hf

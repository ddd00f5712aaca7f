#pragma once
// Keys and values of beginnings that were computed once, for the sequences that come later or wait
// meanwhile: a radix tree over whole blocks of positions (as SGLang's RadixAttention, Zheng et al.
// 2024, by blocks). A sequence's rows are the same to the bit however it was cut, so whoever begins
// with another's blocks gets its own answer.

#include "hf/model/kv_cache.hpp"

#include <warmd/backend.hpp>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace warmd::hf {

/// What a block's contents depend on besides its token ids and those before.
struct lens_key {
    std::uint64_t base = 0;       ///< this load of it
    std::uint64_t adapter = 0;    ///< this load of it; 0: none
    double scale = 1;             ///< of the adapter; 1 without one
    std::size_t length_class = 0; ///< by which positions are turned

    friend auto operator<=>(const lens_key&, const lens_key&) = default;
};

/// Blocks of sequences under way, and of those that have ended as far as there is room: the least
/// recently used go first, a beginning never before what goes on from it. Used on one thread.
class prefix_store {
    struct node;

public:
    class place;

    /// Keeps at most `most_bytes` that no sequence which is there begins with; 0: nothing, and
    /// those which are there still share.
    explicit prefix_store(std::uint64_t most_bytes);
    /// REQUIRES: no place is left.
    ~prefix_store();
    prefix_store(const prefix_store&) = delete;
    prefix_store& operator=(const prefix_store&) = delete;

    /// A sequence comes with these ids to be fed. It can begin with another's blocks up to
    /// `shareable` of them: in those it wants no logits. Counts as use of what is there. `by` names
    /// it. REQUIRES: no other place has the same name.
    place enter(std::uint64_t by, const lens_key& through, std::span<const token_id> ids,
                std::size_t shareable);

    /// What is kept that no sequence under way has: keys and values, and what it takes to find
    /// them.
    std::uint64_t bytes() const { return idle_.bytes + awaited_.bytes; }
    /// Gives up at least so many bytes of the budget of what bytes() counts, the least recently
    /// used first, what a sequence waits to begin with last, or all there is; how many.
    std::uint64_t give_up(std::uint64_t bytes);
    /// Forgets what was computed with a base, or an adapter, before it leaves memory. REQUIRES: no
    /// place looks through it.
    void drop_base(std::uint64_t base);
    void drop_adapter(std::uint64_t adapter);

private:
    using block_ids = std::array<token_id, attention_block>;
    using nodes = std::map<block_ids, std::unique_ptr<node>>;

    node& child(node* parent, const lens_key& through, std::span<const token_id> ids);
    void list(node& one);
    std::uint64_t forget(node& unheld);
    void prune(node& one);
    void trim();
    template <class Which>
    void forget_if(const Which& which);

    /// Nodes that have a block: by what they are kept for, the last used first.
    struct kept {
        std::list<node*> all{};
        std::uint64_t bytes = 0;
    };

    const std::uint64_t most_bytes_;
    std::map<lens_key, nodes> first_; // by lens, those of the first blocks
    kept idle_;                       // for those to come
    kept awaited_;                    // for those that are there and have not begun
    kept held_;                       // by those that have begun
};

/// A sequence in the store: waits while others compute what it begins with, begins, and leaves when
/// it ends, after its kv_cache. Movable. REQUIRES: the store outlives it.
class prefix_store::place {
public:
    place(place&&) noexcept = default;
    place& operator=(place&&) = delete;
    ~place(); ///< what it announced and has not computed is nobody's again

    /// How many blocks are there that it can begin with. Costs next to nothing if asked often.
    std::size_t there();
    /// Who computes the next one that it could begin with; nobody: it has nothing to wait for.
    /// REQUIRES: it has not begun.
    std::optional<std::uint64_t> waits_for();
    /// The blocks that are there, for kv_cache::share(): none of them is given up until it ends.
    /// What follows of its ids, and nobody computes, it computes from now on. REQUIRES: it has not
    /// begun.
    std::vector<kv_block> begin();
    /// As before begin(): there was no room for the rest.
    void undo();
    /// The positions in `cache` are computed: whole blocks of them are there for others. `ids` are
    /// those fed, which a generation adds to. REQUIRES: it has begun, and `cache` with what begin()
    /// told.
    void computed(const kv_cache& cache, std::span<const token_id> ids);

private:
    friend class prefix_store;
    place(prefix_store& in, std::uint64_t by, const lens_key& through, std::size_t shareable)
        : in_(&in), by_(by), through_(through), shareable_(shareable)
    {
    }
    void append(std::span<const token_id> ids);
    void let_go();

    prefix_store* in_;
    std::uint64_t by_;
    lens_key through_;
    std::size_t shareable_;
    std::vector<node*> path_; // by block; empty if moved from
    std::size_t there_ = 0;   // blocks that were there when last asked
    std::size_t told_ = 0;    // blocks that computed() has seen
    bool begun_ = false;
};

} // namespace warmd::hf

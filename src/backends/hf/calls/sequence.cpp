#include "hf/calls/sequence.hpp"

#include <algorithm>
#include <chrono>
#include <memory>

namespace warmd::hf {

namespace {

/// A sequence under way.
struct running {
    std::size_t index;
    sequence* what;
    lens through;
    kv_cache cache;
    bool begun = false;        // its keys and values are set aside
    running* source = nullptr; // waits until that one has been through the blocks that they share
    std::size_t shared_blocks = 0;

    std::size_t left() const { return what->wanted() - cache.length(); }
    bool begin() { return begun = begun || cache.reserve(what->most_wanted()); }
};

using runners = std::vector<std::unique_ptr<running>>;

bool same(const lens& a, const lens& b) { return a.adapter == b.adapter && a.scale == b.scale; }

/// Lets each sequence wait for the one whose beginning is most like its own, if they have whole
/// blocks in common in which it wants no logits: in the order of their ids, that is its
/// predecessor. Sequences with one lens stand together.
void find_shared_prefixes(const runners& all)
{
    for (std::size_t first = 0, last = 0; first != all.size(); first = last) {
        while (last != all.size() && same(all[last]->through, all[first]->through))
            ++last;
        std::vector<running*> ordered;
        for (std::size_t i = first; i != last; ++i)
            ordered.push_back(all[i].get());
        std::stable_sort(ordered.begin(), ordered.end(), [](const running* a, const running* b) {
            return a->what->ids() < b->what->ids();
        });
        for (std::size_t i = 1; i < ordered.size(); ++i) {
            running &before = *ordered[i - 1], &next = *ordered[i];
            const auto& ids = next.what->ids();
            const auto end = std::mismatch(ids.begin(), ids.end(), before.what->ids().begin(),
                                           before.what->ids().end())
                                 .first;
            const std::size_t common =
                std::min({static_cast<std::size_t>(end - ids.begin()), before.what->wanted(),
                          next.what->wanted() - 1, next.what->first_logits()});
            next.shared_blocks = common / attention_block;
            next.source = next.shared_blocks != 0 ? &before : nullptr;
        }
    }
}

/// Hands over shared blocks that are there; of a source that `leaves`, those that it has got to.
/// Who has no room of its own yet gets none: it would hold memory and wait for more.
template <class Leaves>
void hand_over(const runners& all, const Leaves& leaves)
{
    for (const auto& each : all) {
        if (!each->source)
            continue;
        const std::size_t there = each->source->cache.length() / attention_block;
        if (there < each->shared_blocks && !leaves(*each->source))
            continue;
        if (each->begin())
            each->cache.share(
                each->source->cache.blocks().first(std::min(there, each->shared_blocks)));
        each->source = nullptr;
    }
}

/// Lets begin, in their order, those that there is room for; who waits for another's blocks, after
/// that one. False if nobody has begun.
bool let_begin(const runners& all)
{
    bool some = false, room = true;
    for (const auto& each : all) {
        if (room && !each->begun && (!each->source || each->source->begun))
            room = each->begin();
        some = some || each->begun;
    }
    return some;
}

/// Hands over what others wait for, then drops those that leave.
template <class Leaves>
void drop(runners& all, const Leaves& leaves)
{
    hand_over(all, leaves);
    std::erase_if(all, [&](const auto& each) { return leaves(*each); });
}

/// The next tokens of a step: of the first sequences that wait for nobody, as many as fit.
struct chosen {
    std::vector<running*> of; // by segment
    std::vector<segment> segments;
    std::vector<std::size_t> starts;

    explicit chosen(const runners& all)
    {
        std::size_t room = transformer::most_tokens;
        for (auto next = all.begin(); next != all.end() && room != 0; ++next) {
            running& each = **next;
            if (each.source || !each.begun)
                continue;
            const std::size_t start = each.cache.length(), count = std::min(room, each.left());
            const std::size_t first = each.what->first_logits();
            segments.push_back({each.through, &each.cache,
                                std::span(each.what->ids()).subspan(start, count),
                                first > start ? std::min(first - start, count) : 0});
            of.push_back(&each);
            starts.push_back(start);
            room -= count;
        }
    }
};

} // namespace

void run_sequences(transformer& model, kv_pool& pool, compute_gate& gate,
                   std::span<const seen_sequence> sequences, const give_up& stopped,
                   const when_ended& ended)
{
    runners active;
    for (std::size_t i = 0; i != sequences.size(); ++i)
        active.push_back(std::make_unique<running>(
            running{i, sequences[i].what, sequences[i].through, kv_cache(pool)}));
    find_shared_prefixes(active);
    while (true) {
        std::vector<bool> gone(sequences.size());
        for (const auto& each : active)
            gone[each->index] = stopped(each->index);
        drop(active, [&](const running& each) { return gone[each.index]; });
        if (active.empty())
            return;
        if (!let_begin(active)) { // other models' sequences have it all; some may be given up
            pool.budget().wait(std::chrono::milliseconds(20));
            continue;
        }
        const chosen next(active);
        {
            const auto turn = gate.enter();
            model.step(turn.engine(), next.segments,
                       [&](std::size_t s, std::size_t token, std::span<const float> logits) {
                           next.of[s]->what->receive(next.starts[s] + token, logits);
                       });
        }
        for (running* const each : next.of)
            each->what->stepped();
        std::vector<std::size_t> over;
        for (const auto& each : active)
            if (each->left() == 0)
                over.push_back(each->index);
        drop(active, [](const running& each) { return each.left() == 0; });
        for (const std::size_t index : over)
            ended(index);
    }
}

} // namespace warmd::hf

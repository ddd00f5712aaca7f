#include "sequence.hpp"

#include <algorithm>
#include <optional>

namespace warmd::hf {

namespace {

/// A sequence under way.
struct running {
    std::size_t index;
    sequence* what;
    lens through;
    kv_cache cache;

    std::size_t left() const { return what->wanted() - cache.length(); }
};

} // namespace

void run_sequences(transformer& model, kv_pool& pool, compute_gate& gate, std::span<const seen_sequence> sequences,
                   const give_up& stopped, const when_ended& ended)
{
    std::vector<running> active;
    for (std::size_t i = 0; i != sequences.size(); ++i)
        active.push_back({i, sequences[i].what, sequences[i].through, kv_cache(pool)});
    while (true) {
        std::erase_if(active, [&](const running& each) { return stopped(each.index); });
        if (active.empty())
            return;
        std::vector<segment> segments; // of the first sequences: the others wait
        std::vector<std::size_t> starts;
        for (std::size_t room = transformer::most_tokens; room != 0 && segments.size() != active.size();) {
            running& next = active[segments.size()];
            const std::size_t start = next.cache.length(), count = std::min(room, next.left());
            const std::size_t first = next.what->first_logits();
            segments.push_back({next.through, &next.cache, std::span(next.what->ids()).subspan(start, count),
                                first > start ? std::min(first - start, count) : 0});
            starts.push_back(start);
            room -= count;
        }
        {
            const auto turn = gate.enter();
            model.step(turn.engine(), segments, [&](std::size_t s, std::size_t token, std::span<const float> logits) {
                active[s].what->receive(starts[s] + token, logits);
            });
        }
        for (std::size_t s = 0; s != segments.size(); ++s)
            active[s].what->stepped();
        std::erase_if(active, [&](const running& each) {
            if (each.left() != 0)
                return false;
            ended(each.index);
            return true;
        });
    }
}

} // namespace warmd::hf

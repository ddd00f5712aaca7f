#pragma once
// The null views of one adapter that are drawn: a few at a time, so that their memory is bounded.

#include "hf/model/lora.hpp"

#include <warmd/backend.hpp>
#include <warmd/error.hpp>

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace warmd::hf {

/// How many null views of an adapter of so many bytes are kept: a few, and of a large one no more
/// than fit into some memory, but one in any case.
std::size_t most_null_views(std::uint64_t adapter_bytes);

/// Draws null views when they are asked for, each once, and keeps the last used. Thread-safe; made
/// by make(). Whoever cannot have one, since as many as are kept are in use, waits for its turn.
class null_views : public std::enable_shared_from_this<null_views> {
public:
    /// Weights in use; the view keeps its place until the last copy goes.
    using weights = std::shared_ptr<const lora_weights>;
    using drawer = std::function<lora_weights(const view&)>;
    using poster = std::function<void(std::function<void()>)>;
    using receiver = std::function<void(result<weights>)>;

    /// `draw` takes a while; `post` carries out, elsewhere, what the end of a use gives rise to.
    static std::shared_ptr<null_views> make(std::size_t most, drawer draw, poster post);

    /// Hands over the weights: at once if they are there, after drawing them on this thread, or
    /// later on another. backend_failed if drawing threw.
    void use(const view& through, receiver ready);

    std::size_t most() const { return most_; }

private:
    /// A view that has a place.
    struct drawn {
        view through;
        lora_weights weights = {};
        bool there = false;                // weights are; until then somebody draws them
        std::size_t uses = 0;              // it keeps its place while there are any
        std::vector<receiver> wanted = {}; // told once it is there
    };
    struct waiting {
        view through;
        receiver ready;
    };

    null_views(std::size_t most, drawer draw, poster post)
        : most_(most), draw_(std::move(draw)), post_(std::move(post))
    {
    }
    drawn* place_for(const view& through);
    weights handle_of(drawn& of);
    void fill(drawn& place);
    void end_use(drawn& of);

    const std::size_t most_;
    const drawer draw_;
    const poster post_;
    std::mutex mutex_;
    std::list<drawn> drawn_;     // guarded by mutex_; the last used first
    std::list<waiting> waiting_; // guarded by mutex_; for a place, in their order
};

} // namespace warmd::hf

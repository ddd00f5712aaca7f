#include "hf/null_views.hpp"

#include "base/exception_text.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

namespace warmd::hf {

std::size_t most_null_views(std::uint64_t adapter_bytes)
{
    constexpr std::uint64_t some_memory = 256 << 20, most = 4;
    return static_cast<std::size_t>(std::clamp<std::uint64_t>(
        some_memory / std::max<std::uint64_t>(adapter_bytes, 1), 1, most));
}

std::shared_ptr<null_views> null_views::make(std::size_t most, drawer draw, poster post)
{
    return std::shared_ptr<null_views>(new null_views(most, std::move(draw), std::move(post)));
}

void null_views::use(const view& through, receiver ready)
{
    std::unique_lock lock(mutex_);
    drawn* const place = place_for(through);
    if (!place) {
        waiting_.push_back({through, std::move(ready)});
        return;
    }
    ++place->uses;
    if (place->there) {
        weights handle = handle_of(*place);
        lock.unlock();
        return ready(std::move(handle));
    }
    place->wanted.push_back(std::move(ready));
    if (place->wanted.size() != 1)
        return; // somebody is drawing it
    lock.unlock();
    fill(*place);
}

/// Where the view is, or will be; null if all places are in use. REQUIRES: the mutex.
null_views::drawn* null_views::place_for(const view& through)
{
    const auto found = std::find_if(drawn_.begin(), drawn_.end(),
                                    [&](const drawn& each) { return each.through == through; });
    if (found != drawn_.end()) {
        drawn_.splice(drawn_.begin(), drawn_, found);
        return &drawn_.front();
    }
    if (drawn_.size() >= most_) {
        const auto unused = std::find_if(drawn_.rbegin(), drawn_.rend(),
                                         [](const drawn& each) { return each.uses == 0; });
        if (unused == drawn_.rend())
            return nullptr;
        drawn_.erase(std::prev(unused.base())); // first: there is room for so many, and no more
    }
    return &drawn_.emplace_front(drawn{.through = through});
}

/// Of one of its uses, which is counted already.
null_views::weights null_views::handle_of(drawn& of)
{
    const auto end = [self = shared_from_this(), place = &of](const lora_weights*) {
        self->end_use(*place);
    };
    return weights(&of.weights, end);
}

void null_views::fill(drawn& place)
{
    std::optional<failure> why;
    try {
        place.weights = draw_(place.through);
    } catch (...) {
        why = failure{errc::backend_failed, current_exception_text()};
    }
    std::vector<std::pair<receiver, weights>> told;
    {
        const std::lock_guard lock(mutex_);
        place.there = !why;
        for (receiver& each : std::exchange(place.wanted, {}))
            told.emplace_back(std::move(each), handle_of(place));
    }
    for (auto& [ready, handle] : told)
        ready(why ? result<weights>(*why) : result<weights>(std::move(handle)));
}

/// A place that nobody uses is the next one's who waits.
void null_views::end_use(drawn& of)
{
    std::list<waiting> next;
    {
        const std::lock_guard lock(mutex_);
        if (--of.uses != 0)
            return;
        if (!of.there) // it could not be drawn
            drawn_.remove_if([&](const drawn& each) { return &each == &of; });
        if (!waiting_.empty())
            next.splice(next.begin(), waiting_, waiting_.begin());
    }
    for (waiting& each : next)
        post_([self = shared_from_this(), each = std::move(each)]() mutable {
            self->use(each.through, std::move(each.ready));
        });
}

} // namespace warmd::hf

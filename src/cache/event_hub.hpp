#pragma once
// Who listens to the cache, and telling them. What nobody listens to costs one comparison.

#include "cache/cache_event.hpp"

#include <cstdint>
#include <map>
#include <type_traits>
#include <utility>

namespace warmd {

class event_hub {
public:
    /// The number to remove it by.
    std::uint64_t add(event_filter wanted, event_sink sink)
    {
        listeners_.emplace(++last_, listener{wanted, std::move(sink)});
        wanted_ |= wanted;
        return last_;
    }
    void remove(std::uint64_t number)
    {
        listeners_.erase(number);
        wanted_.reset();
        for (const auto& [other, each] : listeners_)
            wanted_ |= each.wanted;
    }

    template <class Event>
    bool wants() const
    {
        return wanted_[place<Event>(static_cast<decltype(cache_event::what)*>(nullptr))];
    }
    /// Event{values...} happened to `key`.
    template <class Event, class... Values>
    void tell(const cache_key& key, const Values&... values) const
    {
        if (!wants<Event>())
            return;
        const cache_event happened{std::chrono::system_clock::now(), key, Event{values...}};
        for (const auto& [number, each] : listeners_)
            if (each.wanted[happened.what.index()])
                try {
                    each.sink(happened);
                } catch (...) { // its own loss: the others hear of it all the same
                }
    }

private:
    struct listener {
        event_filter wanted;
        event_sink sink;
    };

    template <class Event, class... All>
    static constexpr std::size_t place(const std::variant<All...>*)
    {
        std::size_t before = 0;
        (void)((std::is_same_v<Event, All> || (++before, false)) || ...);
        return before;
    }

    std::map<std::uint64_t, listener> listeners_; // in the order in which they came
    event_filter wanted_;                         // by any of them
    std::uint64_t last_ = 0;
};

} // namespace warmd

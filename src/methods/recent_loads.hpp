#pragma once
// What clients asked to be loaded lately, as they wrote it: who asks again is understood without
// being read again.

#include "cache/backend_cache.hpp"

#include <array>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace warmd {

/// The parameters of one `load`, found sound. They mean the same each time they are written in the
/// same bytes.
struct known_load {
    std::string text; ///< those bytes; empty: not to be known again
    model_spec spec;
    std::chrono::nanoseconds keep_alive{0};
    touch_hint hint;

    bool is(std::string_view written) const noexcept { return !text.empty() && text == written; }
    void remember(std::string_view written)
    {
        constexpr std::size_t longest = 2048; // who writes more is read each time
        if (written.size() <= longest)
            text = written;
    }
};

/// A place for each text; of texts that share one, the last is known. Serial by its owner.
class recent_loads {
public:
    recent_loads() = default;
    recent_loads(const recent_loads&) = delete;
    recent_loads& operator=(const recent_loads&) = delete;

    known_load& place_of(std::string_view text) noexcept
    {
        if (!last_->is(text)) // or many ask for the same
            last_ = &places_[std::hash<std::string_view>{}(text) % places_.size()];
        return *last_;
    }

private:
    std::array<known_load, 256> places_;
    known_load* last_ = &places_.front();
};

} // namespace warmd

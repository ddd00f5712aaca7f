#pragma once
// Values in words, as messages and the log have them.

#include <chrono>
#include <string>
#include <string_view>

namespace warmd {

/// As a number, for the wire and for metrics.
inline double in_seconds(std::chrono::nanoseconds time)
{
    return std::chrono::duration<double>(time).count();
}
/// 0.25 -> "0.25 s", to the microsecond, without zeros at the end.
std::string seconds_text(std::chrono::nanoseconds time);

/// What `text_of` makes of each element, with `between` between two.
template <class Range, class TextOf>
std::string joined(const Range& range, std::string_view between, TextOf text_of)
{
    std::string text;
    bool first = true;
    for (const auto& each : range) {
        if (!first)
            text += between;
        text += text_of(each);
        first = false;
    }
    return text;
}
/// The elements themselves, which are texts.
template <class Range>
std::string joined(const Range& range, std::string_view between = ", ")
{
    return joined(range, between, [](std::string_view each) { return each; });
}

} // namespace warmd

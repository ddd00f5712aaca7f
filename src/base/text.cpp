#include "base/text.hpp"

namespace warmd {

std::string seconds_text(std::chrono::nanoseconds time)
{
    std::string text = std::to_string(in_seconds(time));
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.'))
        text.pop_back();
    return text + " s";
}

} // namespace warmd

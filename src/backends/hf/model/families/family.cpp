#include "hf/model/families/family.hpp"

#include <algorithm>

namespace warmd::hf {

const family* find_family(std::string_view architecture)
{
    const auto found = std::ranges::find(families, architecture, &family::architecture);
    return found == families.end() ? nullptr : *found;
}

std::string known_architectures()
{
    std::string all;
    for (const family* const each : families)
        all += (all.empty() ? "" : ", ") + std::string(each->architecture);
    return all;
}

} // namespace warmd::hf

#include <warmd/backend_registry.hpp>

#include "base/text.hpp"

namespace warmd {

std::string backend_registry::kinds() const
{
    std::string all = joined(loaders_, ", ", [](const auto& each) { return each.first; });
    if (more_.names)
        for (const std::string& each : more_.names())
            all += ", " + each;
    return all;
}

} // namespace warmd

#include "hf/model/wrapper.hpp"

#include <algorithm>
#include <array>

namespace warmd::hf {

namespace {

constexpr std::string_view alone = "model.";
constexpr std::array<std::string_view, 2> prefixes{"language_model.model.",
                                                   "model.language_model."};
constexpr std::array<std::string_view, 4> others{"vision_tower.", "multi_modal_projector.",
                                                 "model.vision_tower.",
                                                 "model.multi_modal_projector."};

} // namespace

std::string unwrapped(std::string_view tensor)
{
    constexpr std::string_view head = "language_model.lm_head.";
    for (const std::string_view prefix : prefixes)
        if (tensor.starts_with(prefix))
            return std::string(alone) + std::string(tensor.substr(prefix.size()));
    if (tensor.starts_with(head))
        return "lm_head." + std::string(tensor.substr(head.size()));
    const bool other = std::ranges::any_of(
        others, [&](std::string_view each) { return tensor.starts_with(each); });
    return other ? "" : std::string(tensor);
}

std::vector<std::string> wrapped_spellings(std::string_view path)
{
    if (!path.starts_with(alone)) // the head stands beside the model
        return {"language_model." + std::string(path)};
    std::vector<std::string> spellings;
    for (const std::string_view prefix : prefixes)
        spellings.push_back(std::string(prefix) + std::string(path.substr(alone.size())));
    return spellings;
}

} // namespace warmd::hf

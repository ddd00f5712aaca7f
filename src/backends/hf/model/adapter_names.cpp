#include "hf/model/adapter_names.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace warmd::hf {

namespace {

using names = std::vector<std::string_view>;

/// torch.compile, FSDP, gradient checkpointing and DDP.
constexpr std::array<std::string_view, 4> wrappers{"_orig_mod", "_fsdp_wrapped_module",
                                                   "_checkpoint_wrapped_module", "module"};

names split(std::string_view path)
{
    names parts;
    for (std::size_t dot = 0; dot != std::string_view::npos;) {
        dot = path.find('.');
        parts.push_back(path.substr(0, dot));
        path.remove_prefix(dot == std::string_view::npos ? path.size() : dot + 1);
    }
    return parts;
}

std::string joined(const names& parts, std::size_t count)
{
    std::string path;
    for (std::size_t i = 0; i != count; ++i)
        path += (i == 0 ? "" : ".") + std::string(parts[i]);
    return path;
}

void take_off_wrappers(names& parts, std::set<std::string>& passed_over)
{
    for (const std::string_view each : wrappers)
        if (std::erase(parts, each) != 0)
            passed_over.insert(std::string(each) + ".");
    if (parts.size() > 2 && parts[0] == "base_model" && parts[1] == "model")
        parts.erase(parts.begin(), parts.begin() + 2);
    else
        passed_over.insert("no base_model.model.");
}

/// LoRA's parameters are in dictionaries by the adapter's name, which PEFT leaves out of files.
std::optional<adapter_role> role_of(std::string_view dictionary, const names& rest)
{
    static constexpr std::array<std::pair<std::string_view, adapter_role>, 5> roles{
        {{"lora_A", adapter_role::lora_a},
         {"lora_B", adapter_role::lora_b},
         {"lora_embedding_A", adapter_role::lora_a},
         {"lora_embedding_B", adapter_role::lora_b},
         {"lora_magnitude_vector", adapter_role::magnitude}}};
    const auto* const found =
        std::ranges::find(roles, dictionary, &std::pair<std::string_view, adapter_role>::first);
    if (found == roles.end() || rest.size() > 2)
        return {};
    const bool is_linear = dictionary == "lora_A" || dictionary == "lora_B";
    if (is_linear && !rest.empty() && rest.back() == "bias" && dictionary == "lora_B")
        return adapter_role::lora_b_bias;
    if (is_linear && (rest.empty() || rest.back() != "weight"))
        return {};
    if (!is_linear && rest.size() == 2 && rest.back() != "weight")
        return {};
    return found->second;
}

/// A parameter of the module itself: "weight", "base_layer.bias", "token_adapter.…".
std::optional<adapter_role> role_of_own(names& parts)
{
    const std::string_view last = parts.back();
    const auto ends_in = [&](std::string_view name) {
        return parts.size() > 2 && parts[parts.size() - 2] == name;
    };
    if (last == "trainable_tokens_delta" && ends_in("token_adapter")) {
        parts.resize(parts.size() - 2);
        return adapter_role::token_rows;
    }
    if (last != "weight" && last != "bias")
        return {};
    const bool of_base = ends_in("base_layer");
    parts.resize(parts.size() - (of_base || ends_in("modules_to_save") ? 2 : 1));
    if (last == "bias")
        return adapter_role::bias;
    return of_base ? adapter_role::base_weight : adapter_role::weight;
}

} // namespace

std::optional<adapter_tensor> parse_adapter_tensor(std::string_view name,
                                                   std::set<std::string>& passed_over)
{
    std::set<std::string> odd;
    names parts = split(name);
    take_off_wrappers(parts, odd);
    if (parts.size() < 2)
        return {};
    for (std::size_t i = 1; i != parts.size(); ++i) {
        if (!parts[i].starts_with("lora_"))
            continue;
        const names rest(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1, parts.end());
        const auto role = role_of(parts[i], rest);
        if (!role)
            return {};
        const bool is_named =
            rest.size() == 2 || (rest.size() == 1 && rest[0] != "weight" && rest[0] != "bias");
        if (is_named && rest[0] != "default")
            odd.insert("the adapter's name " + std::string(rest[0]));
        passed_over.merge(odd);
        return adapter_tensor{joined(parts, i), *role};
    }
    const auto role = role_of_own(parts);
    if (!role)
        return {};
    passed_over.merge(odd);
    return adapter_tensor{joined(parts, parts.size()), *role};
}

std::optional<adapter_tensor> parse_mlx_tensor(std::string_view name)
{
    static constexpr std::array<std::pair<std::string_view, adapter_role>, 3> endings{
        {{".lora_a", adapter_role::lora_a},
         {".lora_b", adapter_role::lora_b},
         {".m", adapter_role::magnitude}}};
    for (const auto& [ending, role] : endings)
        if (name.ends_with(ending))
            return adapter_tensor{std::string(name.substr(0, name.size() - ending.size())), role};
    return {};
}

} // namespace warmd::hf

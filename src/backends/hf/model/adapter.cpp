#include "hf/model/adapter.hpp"

#include "hf/compute/kernels.hpp"

#include <warmd/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

namespace warmd::hf {

namespace {

constexpr std::string_view prefix = "base_model.model.";

/// "…self_attn.q_proj" and which factor, from a tensor's name; none if it is not of the LoRA form.
struct parsed_name {
    std::string module;
    bool is_a = false;
};

std::optional<parsed_name> parse_name(std::string_view tensor)
{
    static constexpr std::array<std::pair<std::string_view, bool>, 4> suffixes{
        {{".lora_A.weight", true},
         {".lora_B.weight", false},
         {".lora_A.default.weight", true},
         {".lora_B.default.weight", false}}};
    if (!tensor.starts_with(prefix))
        return {};
    tensor.remove_prefix(prefix.size());
    for (const auto& [suffix, is_a] : suffixes)
        if (tensor.ends_with(suffix))
            return parsed_name{std::string(tensor.substr(0, tensor.size() - suffix.size())), is_a};
    return {};
}

/// The tensors of one module's two factors; empty where absent.
struct pair_of_names {
    std::string a, b;
};

failure broken(const checkpoint& file, std::string_view what)
{
    return failure{errc::load_failed, file.path().native() + ": " + std::string(what)};
}

result<std::map<std::string, pair_of_names>> pair_up(const checkpoint& file)
{
    std::map<std::string, pair_of_names> pairs;
    for (const std::string& tensor : file.names()) {
        const auto parsed = parse_name(tensor);
        if (!parsed) {
            const bool known = tensor.find("lora_magnitude_vector") != std::string::npos ||
                               tensor.find("lora_embedding_") != std::string::npos;
            return failure{
                known ? errc::unsupported : errc::load_failed,
                file.path().native() + ": tensor " + shortened(tensor) +
                    (known ? " is not supported"
                           : " is not a LoRA factor (base_model.model.<module>.lora_A.weight or "
                             ".lora_B.weight)")};
        }
        std::string& slot = parsed->is_a ? pairs[parsed->module].a : pairs[parsed->module].b;
        if (!slot.empty())
            return broken(file, "tensors " + shortened(slot) + " and " + shortened(tensor) +
                                    " are the same factor");
        slot = tensor;
    }
    return pairs;
}

/// Checks one module's tensors against the base and the configuration, which knows it by `path`.
result<lora_factors> match(const checkpoint& file, const adapter_config& config,
                           const linear_module& module, const std::string& path,
                           const pair_of_names& names)
{
    if (names.a.empty() || names.b.empty())
        return broken(file, "module " + module.path + " lacks its " +
                                (names.a.empty() ? "lora_A" : "lora_B") + " tensor");
    const std::uint64_t rank = config.rank(path);
    const tensor_info& a = *file.find(names.a);
    const tensor_info& b = *file.find(names.b);
    if (a.shape.size() == 2 && b.shape.size() == 2 && (a.shape[0] != rank || b.shape[1] != rank))
        return broken(file, "tensor " + shortened(a.shape[0] != rank ? names.a : names.b) +
                                " of module " + module.path + " has rank " +
                                std::to_string(a.shape[0] != rank ? a.shape[0] : b.shape[1]) +
                                ", " + config.file() + " says rank " + std::to_string(rank) +
                                " (shapes " + shape_text(a.shape) + " and " + shape_text(b.shape) +
                                ")");
    if (auto sound = file.require(names.a, std::array<std::uint64_t, 2>{rank, module.in}); !sound)
        return sound.error();
    if (auto sound = file.require(names.b, std::array<std::uint64_t, 2>{module.out, rank}); !sound)
        return sound.error();
    return lora_factors{module, static_cast<std::size_t>(rank), config.scaling(path), names.a,
                        names.b};
}

} // namespace

result<adapter> adapter::open(const std::filesystem::path& directory,
                              const std::vector<linear_module>& base, const file_rules& rules)
{
    const auto config = adapter_config::read(directory, rules);
    if (!config)
        return config.error();
    auto file = checkpoint::open_file(directory / "adapter_model.safetensors", rules);
    if (!file)
        return file.error();
    auto pairs = pair_up(*file);
    if (!pairs)
        return pairs.error();
    std::vector<lora_factors> factors;
    std::vector<std::string> untouched;
    for (const linear_module& module : base) {
        auto found = pairs->find(module.path);
        bool targeted = config->targets(module.path);
        for (const std::string& path : module.also) {
            found = found == pairs->end() ? pairs->find(path) : found;
            targeted = targeted || config->targets(path);
        }
        if (found == pairs->end()) {
            if (targeted)
                untouched.push_back(module.path);
            continue;
        }
        if (!targeted)
            return broken(*file, "module " + module.path + " has tensors but is not targeted by " +
                                     config->file());
        auto matched = match(*file, *config, module, found->first, found->second);
        if (!matched)
            return matched.error();
        factors.push_back(std::move(*matched));
        pairs->erase(found);
    }
    if (!pairs->empty()) {
        const std::string& module = pairs->begin()->first;
        const bool outer = std::ranges::any_of(
            std::array{"lm_head", "embed_tokens", "embed_in", "embed_out", "wte", "wpe"},
            [&](const char* name) { return module.ends_with(name); });
        return failure{outer ? errc::unsupported : errc::load_failed,
                       file->path().native() + ": it acts on module " + shortened(module) +
                           (outer ? ", which is not supported" : ", which the base does not have")};
    }
    if (factors.empty() && !untouched.empty())
        return broken(*file, "it has no tensors, and " + config->file() + " targets " +
                                 std::to_string(untouched.size()) + " modules");
    return adapter(std::move(*file), std::move(factors), std::move(untouched));
}

result<void> adapter::read(const std::string& tensor, std::span<float> values) const
{
    if (auto got = file_.read(tensor, values); !got || all_finite(values))
        return got;
    const auto odd =
        std::find_if(values.begin(), values.end(), [](float x) { return !std::isfinite(x); });
    return broken(file_, "tensor " + shortened(tensor) + " holds a value that is not finite (" +
                             (std::isnan(*odd) ? "nan" : "inf") + ") at element " +
                             std::to_string(odd - values.begin()));
}

std::vector<std::filesystem::path> adapter_files(const std::filesystem::path& directory)
{
    return {directory / "adapter_config.json", directory / "adapter_model.safetensors",
            directory / "tokenizer.json", directory / "tokenizer_config.json"};
}

} // namespace warmd::hf

#include "hf/adapter_loading.hpp"

#include "hf/compute/threads.hpp"
#include "hf/model/base_tensors.hpp"

#include <warmd/json.hpp>

namespace warmd::hf {

namespace {

/// An adapter's tokenizer, which PEFT never reads: used where it fits the base.
std::optional<tokenizer> own_words(const std::filesystem::path& directory,
                                   const model_config& config, const file_rules& rules,
                                   std::vector<std::string>& warnings)
{
    const std::filesystem::path file = directory / "tokenizer.json";
    std::error_code ec;
    if (!std::filesystem::exists(file, ec))
        return {};
    auto words = read_tokenizer(file, config, rules);
    if (words)
        return std::move(*words);
    warnings.push_back(words.error().detail + ": the base's tokenizer is used instead");
    return {};
}

} // namespace

result<loaded_adapter> load_adapter(const model_spec& spec, const model_config& config,
                                    const weight_format& computes, compute_gate& gate,
                                    const file_rules& rules, std::vector<std::string>& warnings)
{
    const std::filesystem::path directory = *spec.adapter;
    const auto opened = adapter::open(directory, modules_of(config), rules);
    if (!opened)
        return opened.error();
    if (const auto& odd = opened->passed_over(); !odd.empty()) {
        std::string parts;
        for (const std::string& each : odd)
            parts += (parts.empty() ? "" : ", ") + shortened(each);
        warnings.push_back(directory.native() +
                           ": in the names of its tensors was passed over: " + parts);
    }
    if (const auto& untouched = opened->untouched(); !untouched.empty())
        warnings.push_back(directory.native() + " has no tensors for " +
                           std::to_string(untouched.size()) + " modules that it targets, " +
                           untouched.front() + " first: they are as without it");
    model_config shown = config;
    shown.vocab_size = opened->vocabulary().value_or(config.vocab_size);
    auto own = own_words(directory, shown, rules, warnings);
    const factor_source read = [&](const std::string& tensor, std::span<float> values) {
        return opened->read(tensor, values);
    };
    thread_team alone(1); // a file system that hangs must hold up nobody's computing
    auto weights = arrange_lora(config, opened->factors(), read, alone);
    if (!weights)
        return weights.error();
    if (weights->is_plain() && opened->replaced().empty())
        return loaded_adapter{opened->factors(), std::move(*weights), std::move(own)};
    const auto base = open_base_tensors(spec.base, config, rules);
    if (!base)
        return base.error();
    if (auto measured = measure_base(config, *base, *weights); !measured)
        return measured.error();
    auto replaced = read_replaced(*opened, config, *base, computes, gate);
    if (!replaced)
        return replaced.error();
    weights->replaced = std::move(*replaced);
    return loaded_adapter{opened->factors(), std::move(*weights), std::move(own),
                          opened->vocabulary()};
}

} // namespace warmd::hf

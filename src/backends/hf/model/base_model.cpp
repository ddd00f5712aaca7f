#include "hf/model/base_model.hpp"

#include "hf/model/base_tensors.hpp"

#include <warmd/json.hpp>

#include <algorithm>

namespace warmd::hf {

namespace {

std::uint64_t size_of_weights(const std::filesystem::path& directory, const file_rules& rules)
{
    std::uint64_t total = 0;
    for (const std::filesystem::path& file : checkpoint::files_of(directory, rules)) {
        std::error_code ec;
        const std::uintmax_t size = std::filesystem::file_size(file, ec);
        total += ec ? 0 : size;
    }
    return total;
}

} // namespace

result<tokenizer> read_tokenizer(const std::filesystem::path& file, const model_config& config,
                                 const file_rules& rules)
{
    std::error_code ec;
    if (const auto model = file.parent_path() / "tokenizer.model";
        !std::filesystem::exists(file, ec) && std::filesystem::exists(model, ec))
        return failure{errc::unsupported,
                       model.native() + " is not read, and there is no tokenizer.json. In its "
                                        "directory, python3 -c 'from transformers import "
                                        "AutoTokenizer as T; T.from_pretrained(\".\")"
                                        ".save_pretrained(\".\")' writes it"};
    auto words = tokenizer::load(file, rules);
    if (!words)
        return words;
    if (const auto beyond = words->entry_from(static_cast<token_id>(config.vocab_size)))
        return failure{errc::load_failed, file.native() + ": token id " +
                                              std::to_string(beyond->first) + " ('" +
                                              shortened(beyond->second) +
                                              "') is out of range: the model's vocab_size is " +
                                              std::to_string(config.vocab_size)};
    return words;
}

result<std::shared_ptr<base_model>> load_base_model(const std::filesystem::path& directory,
                                                    const weight_format& computes,
                                                    compute_gate& gate,
                                                    std::shared_ptr<kv_budget> keys_and_values,
                                                    load_context& context)
{
    const auto config = read_model_config(directory, context.rules);
    if (!config)
        return config.error();
    auto words = read_tokenizer(directory / "tokenizer.json", *config, context.rules);
    if (!words)
        return words.error();
    const auto file = open_base_tensors(directory, *config, context.rules);
    if (!file)
        return file.error();
    std::uint64_t done = 0;
    const std::uint64_t total = size_of_weights(directory, context.rules);
    auto weights =
        load_base(*config, computes, *file, gate, {context.stop, [&](std::uint64_t bytes) {
                                                       done = std::min(done + bytes, total);
                                                       context.progress(done, total);
                                                   }});
    if (!weights)
        return weights.error();
    context.progress(total, total);
    return std::make_shared<base_model>(std::move(*weights), std::move(*words),
                                        std::move(keys_and_values));
}

result<std::uint64_t> estimate_base_model(const std::filesystem::path& directory,
                                          const model_config& config, const weight_format& computes,
                                          compute_gate& gate, const file_rules& rules)
{
    const auto file = open_base_tensors(directory, config, rules);
    if (!file)
        return file.error();
    return estimate_bytes(config, computes, *file, gate) +
           transformer::buffer_bytes(config, computes);
}

} // namespace warmd::hf

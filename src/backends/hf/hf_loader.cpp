#include "hf_loader.hpp"

#include "hf_backend.hpp"
#include "hub_cache.hpp"

#include <algorithm>
#include <map>
#include <mutex>

namespace warmd::hf {

namespace {

using path = std::filesystem::path;

bool is_directory(const path& where)
{
    std::error_code ec;
    return std::filesystem::is_directory(where, ec);
}

std::uint64_t size_of(const path& file)
{
    std::error_code ec;
    const std::uintmax_t size = std::filesystem::file_size(file, ec);
    return ec ? 0 : size;
}

std::vector<path> base_files(const path& base)
{
    std::vector<path> files{base / "config.json", base / "generation_config.json", base / "tokenizer.json"};
    for (path& weights : checkpoint::files_of(base))
        files.push_back(std::move(weights));
    return files;
}

std::vector<path> files_of(const model_spec& spec)
{
    std::vector<path> files = base_files(spec.base);
    if (spec.adapter)
        for (path& each : adapter_files(*spec.adapter))
            files.push_back(std::move(each));
    return files;
}

/// The adapter's own tokenizer, if it has one.
path tokenizer_file(const model_spec& spec)
{
    std::error_code ec;
    if (spec.adapter && std::filesystem::exists(path(*spec.adapter) / "tokenizer.json", ec))
        return path(*spec.adapter) / "tokenizer.json";
    return path(spec.base) / "tokenizer.json";
}

/// A base's weights, while some backend has them. Whoever needs them first loads them; the others wait.
struct shared_base {
    std::mutex loading;
    std::weak_ptr<const base_weights> weights;
};

/// What all backends of a loader have in common.
class hf_models {
public:
    result<resolved_model> resolve(const model_spec& asked);
    result<std::unique_ptr<backend>> load(const resolved_model& model, load_context& context);

private:
    result<std::unique_ptr<backend>> read(const resolved_model& model, load_context& context);
    footprint estimate(const model_spec& spec);
    result<std::shared_ptr<const base_weights>> base_of(const std::string& identity, const model_config& config,
                                                        const checkpoint& file, const load_progress& progress);
    result<std::optional<loaded_adapter>> load_adapter(const model_spec& spec, const model_config& config);

    std::shared_ptr<compute_gate> gate_ = std::make_shared<compute_gate>();
    std::mutex mutex_;
    std::map<std::string, std::shared_ptr<shared_base>> bases_; // by resolved_model::shared_weights
};

/// Refuses what this kind cannot do, by name.
std::optional<failure> objection(const model_spec& asked)
{
    if (asked.dtype == "bf16")
        return failure{errc::unsupported,
                       "model.dtype bf16 is not supported yet; weights of any type are computed with in fp32 (auto, fp32, fp16)"};
    if (asked.device != "auto" && asked.device != "cpu")
        return failure{errc::unsupported, "model.device " + asked.device + " is not supported; it can be cpu"};
    if (asked.entry_point)
        return failure{errc::invalid_params, "model.entry_point means nothing to kind hf: no code is ever loaded"};
    if (asked.options != "{}")
        return failure{errc::invalid_params, "model.options must be empty for kind hf, found " + asked.options};
    return {};
}

result<resolved_model> hf_models::resolve(const model_spec& asked)
{
    if (auto why = objection(asked))
        return *why;
    resolved_model model{.spec = asked};
    if (asked.base.starts_with('/')) {
        model.watched.push_back(asked.base);
    } else {
        const auto snapshot = find_in_hub_cache(hub_cache_directory(), asked.base);
        if (!snapshot)
            return snapshot.error();
        model.spec.base = snapshot->native();
        model.watched = {*snapshot, snapshot->parent_path().parent_path() / "refs" / "main"};
    }
    model.spec.base = real_path(model.spec.base);
    if (!is_directory(model.spec.base))
        return failure{errc::not_found, "model.base '" + asked.base + "' is no directory"};
    if (asked.adapter) {
        model.watched.emplace_back(*asked.adapter);
        model.spec.adapter = real_path(*asked.adapter);
        if (!is_directory(*model.spec.adapter))
            return failure{errc::not_found, "model.adapter '" + *asked.adapter + "' is no directory"};
    }
    model.spec.dtype = "fp32";
    model.spec.device = "cpu";
    model.spec.trust_remote_code = false;
    model.key = key_of(model.spec);
    const std::vector<path> files = files_of(model.spec);
    model.watched.insert(model.watched.end(), files.begin(), files.end());
    model.files = fingerprint(files);
    const footprint estimated = estimate(model.spec);
    model.estimated_bytes = estimated.all;
    model.shared_bytes = estimated.shared;
    model.shared_weights = model.spec.base + '\n' + model.spec.dtype + '\n' + fingerprint(base_files(model.spec.base)).text;
    return model;
}

/// From headers alone. Of files that cannot be used, their size: load() will say what is wrong with them.
footprint hf_models::estimate(const model_spec& spec)
{
    std::uint64_t on_disk = 0;
    for (const path& file : files_of(spec))
        on_disk += size_of(file);
    const auto config = read_model_config(spec.base);
    if (!config)
        return {.all = on_disk};
    const auto file = checkpoint::open(spec.base);
    if (!file || !check_tensors(*config, *file))
        return {.all = on_disk};
    const std::uint64_t shared = estimate_bytes(*config, *file, *gate_);
    std::uint64_t bytes = shared;
    std::size_t rank = 0;
    if (spec.adapter) {
        const auto opened = adapter::open(*spec.adapter, modules_of(*config));
        if (!opened)
            return {.all = on_disk};
        bytes += 2 * estimate_bytes(*config, opened->factors(), *gate_);
        rank = largest_fused_rank(*config, opened->factors());
    }
    return {.all = bytes + transformer::buffer_bytes(*config, rank), .shared = shared};
}

result<std::shared_ptr<const base_weights>> hf_models::base_of(const std::string& identity, const model_config& config,
                                                               const checkpoint& file, const load_progress& progress)
{
    std::shared_ptr<shared_base> shared;
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(bases_, [](const auto& entry) { return entry.second.use_count() == 1 && entry.second->weights.expired(); });
        auto& slot = bases_[identity];
        if (!slot)
            slot = std::make_shared<shared_base>();
        shared = slot;
    }
    const std::lock_guard lock(shared->loading);
    if (auto resident = shared->weights.lock())
        return resident;
    auto loaded = load_base(config, file, *gate_, progress);
    if (loaded)
        shared->weights = *loaded;
    return loaded;
}

result<std::optional<loaded_adapter>> hf_models::load_adapter(const model_spec& spec, const model_config& config)
{
    if (!spec.adapter)
        return std::optional<loaded_adapter>();
    const auto opened = adapter::open(*spec.adapter, modules_of(config));
    if (!opened)
        return opened.error();
    auto weights = pack_lora(
        config, opened->factors(), [&](const std::string& tensor, std::size_t) { return opened->read(tensor); }, *gate_);
    if (!weights)
        return weights.error();
    return std::optional(loaded_adapter{opened->factors(), std::move(*weights)});
}

/// The prompt of the preflight, whatever the model.
std::vector<token_id> preflight_prompt(const tokenizer& words, const model_config& config)
{
    std::vector<token_id> ids = words.encode("The quick brown fox jumps over the lazy dog.", true);
    ids.resize(std::clamp<std::size_t>(ids.size(), 1, config.max_positions));
    return ids;
}

result<std::unique_ptr<backend>> hf_models::read(const resolved_model& model, load_context& context)
{
    // The cheap and the likely to fail first: what is unsupported is refused before any weight is read.
    const model_spec& spec = model.spec;
    const auto config = read_model_config(spec.base);
    if (!config)
        return config.error();
    const path words_file = tokenizer_file(spec);
    auto words = tokenizer::load(words_file);
    if (!words)
        return words.error();
    if (const auto beyond = words->entry_from(static_cast<token_id>(config->vocab_size)))
        return failure{errc::load_failed, words_file.native() + ": token id " + std::to_string(beyond->first) + " ('" +
                                              shortened(beyond->second) + "') is out of range: the model's vocab_size is " +
                                              std::to_string(config->vocab_size)};
    const auto file = checkpoint::open(spec.base);
    if (!file)
        return file.error();
    if (auto sound = check_tensors(*config, *file); !sound)
        return sound.error();
    auto adapter = load_adapter(spec, *config);
    if (!adapter)
        return adapter.error();
    std::uint64_t done = 0, total = 0;
    for (const path& weights : checkpoint::files_of(spec.base))
        total += size_of(weights);
    const load_progress progress{context.stop, [&](std::uint64_t bytes) {
                                     done = std::min(done + bytes, total);
                                     context.progress(done, total);
                                 }};
    auto base = base_of(model.shared_weights, *config, *file, progress);
    if (!base)
        return base.error();
    context.progress(total, total);
    const std::vector<token_id> prompt = preflight_prompt(*words, *config);
    const bool has_adapter = adapter->has_value();
    auto loaded = std::make_unique<hf_backend>(std::move(*base), std::move(*adapter), std::move(*words), gate_);
    if (auto sound = preflight(*loaded, has_adapter, prompt); !sound)
        return sound.error();
    return std::unique_ptr<backend>(std::move(loaded));
}

/// What was read of files that changed meanwhile, sound or broken, is neither the old model nor the new one.
result<std::unique_ptr<backend>> hf_models::load(const resolved_model& model, load_context& context)
{
    auto loaded = read(model, context);
    if (fingerprint(files_of(model.spec)) != model.files)
        return failure{.code = errc::load_failed,
                       .detail = model.spec.base + (model.spec.adapter ? " or " + *model.spec.adapter : "") +
                                 ": the model's files changed while they were being loaded",
                       .retry_after_seconds = 0.0};
    return loaded;
}

} // namespace

loader hf_loader()
{
    const auto models = std::make_shared<hf_models>();
    return loader{[models](const model_spec& asked) { return models->resolve(asked); },
                  [models](const resolved_model& model, load_context& context) { return models->load(model, context); }};
}

} // namespace warmd::hf

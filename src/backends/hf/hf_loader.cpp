#include "hf/hf_loader.hpp"

#include "hf/adapter_loading.hpp"
#include "hf/compute/processor.hpp"
#include "hf/files/input_file.hpp"
#include "hf/hf_backend.hpp"
#include "hf/model/finiteness.hpp"
#include "hf/model/lora_amx.hpp"
#include "hf/model_location.hpp"

#include <algorithm>
#include <map>
#include <mutex>

namespace warmd::hf {

namespace {

using path = std::filesystem::path;

std::uint64_t size_of(const path& file)
{
    std::error_code ec;
    const std::uintmax_t size = std::filesystem::file_size(file, ec);
    return ec ? 0 : size;
}

std::vector<path> base_files(const path& base, const file_rules& rules)
{
    std::vector<path> files{base / "config.json", base / "generation_config.json",
                            base / "tokenizer.json", base / "tokenizer_config.json"};
    for (path& weights : checkpoint::files_of(base, rules))
        files.push_back(std::move(weights));
    return files;
}

std::vector<path> files_of(const model_spec& spec, const file_rules& rules)
{
    std::vector<path> files = base_files(spec.base, rules);
    if (spec.adapter)
        for (path& each : adapter_files(*spec.adapter))
            files.push_back(std::move(each));
    for (const std::string* directory : {&spec.base, spec.adapter ? &*spec.adapter : nullptr})
        if (directory)
            for (path& each : chat_templates::files_of(*directory))
                if (std::find(files.begin(), files.end(), each) == files.end())
                    files.push_back(std::move(each));
    return files;
}

/// The adapter's templates before the base's; the special tokens of whose tokenizer it is.
chat_templates templates_of(const model_spec& spec, bool own_words, const file_rules& rules)
{
    std::vector<path> directories{spec.base};
    if (spec.adapter)
        directories.insert(directories.begin(), *spec.adapter);
    return chat_templates::read(directories, own_words ? directories.front() : path(spec.base),
                                rules);
}

/// A base in memory. What was computed once with it goes before it does.
struct kept_base {
    std::shared_ptr<base_model> model;
    shared_engine by;

    kept_base(std::shared_ptr<base_model> loaded, shared_engine with)
        : model(std::move(loaded)), by(std::move(with))
    {
        model->id = by.steps->new_id();
    }
    ~kept_base()
    {
        by.steps->forget_base(model->id);
        by.answers->drop(model->id);
    }
    kept_base(const kept_base&) = delete;
    kept_base& operator=(const kept_base&) = delete;
};

/// A base, while some backend has it. Whoever needs it first loads it; the others wait.
struct shared_base {
    std::mutex loading;
    std::weak_ptr<base_model> model; // changes under hf_models::mutex_ as well
};

/// What all backends of a loader have in common.
class hf_models {
public:
    hf_models(logger say, hf_options how);
    result<resolved_model> resolve(const model_spec& asked, const file_rules& rules);
    result<std::unique_ptr<backend>> load(const resolved_model& model, load_context& context);

private:
    result<std::unique_ptr<backend>> read(const resolved_model& model, load_context& context);
    footprint estimate(const model_spec& spec, const result<model_config>& config,
                       const file_rules& rules);
    result<std::shared_ptr<base_model>> base_of(const resolved_model& model, load_context& context);
    result<std::shared_ptr<base_model>> load_base(const model_spec& spec, load_context& context);

    logger say_;

    std::shared_ptr<kv_budget> kv_; // of all bases
    shared_engine engine_;
    compute_gate sizes_{1}; // an estimate never waits for somebody's computing
    std::mutex mutex_;
    std::map<std::string, std::shared_ptr<shared_base>> bases_; // by resolved_model::shared_weights
};

hf_models::hf_models(logger say, hf_options how)
    : say_(std::move(say)),
      kv_(std::make_shared<kv_budget>(how.max_kv_bytes, std::shared_ptr<std::atomic<std::uint64_t>>(
                                                            how.counted, &how.counted->kv_bytes))),
      engine_{std::make_shared<engine>(sequence_runner::options{
                  .steps = {.step_seconds = how.step_seconds, .lone_steps = 2},
                  .prefix_cache_bytes = how.prefix_cache_bytes,
                  .counted = how.counted}),
              std::make_shared<answer_store>(how.answer_cache_bytes, how.counted)}
{
    const std::size_t threads = engine_.steps->gate().team().size(), cores = usable_cores();
    if (threads < cores)
        say_.warning("models are computed on " + std::to_string(threads) + " of " +
                     std::to_string(cores) + " cores: the system grants no more threads");
}

/// What weights are kept in: auto, which never loses anything, and fp16, which is a storage type,
/// are fp32.
precision kept_in(const std::string& dtype)
{
    constexpr std::pair<const char*, precision> others[]{
        {"bf16", precision::bf16}, {"int8", precision::int8}, {"int4", precision::int4}};
    const auto found = std::ranges::find(others, dtype, &std::pair<const char*, precision>::first);
    return found == std::end(others) ? precision::fp32 : found->second;
}
const weight_format& format_for(const model_spec& spec) { return format_of(kept_in(spec.dtype)); }

/// Refuses what this kind cannot do, by name.
std::optional<failure> objection(const model_spec& asked)
{
    if (asked.device != "auto" && asked.device != "cpu")
        return failure{errc::unsupported,
                       "model.device " + asked.device + " is not supported; it can be cpu"};
    if (asked.entry_point)
        return failure{errc::invalid_params,
                       "model.entry_point means nothing to kind hf: no code is ever loaded"};
    if (asked.options != "{}")
        return failure{errc::invalid_params,
                       "model.options must be empty for kind hf, found " + asked.options};
    return {};
}

result<resolved_model> hf_models::resolve(const model_spec& asked, const file_rules& rules)
{
    if (auto why = objection(asked))
        return *why;
    auto where = locate(asked, rules);
    if (!where)
        return where.error();
    resolved_model model{.spec = asked};
    model.spec.base = std::move(where->base);
    model.spec.revision = std::move(where->revision);
    model.spec.adapter = std::move(where->adapter);
    model.watched = std::move(where->depends_on);
    model.computes = format_for(asked).name();
    model.spec.dtype = model.computes;
    model.spec.device = "cpu";
    model.spec.trust_remote_code = false;
    model.key = key_of(model.spec);
    const std::vector<path> files = files_of(model.spec, rules);
    model.watched.insert(model.watched.end(), files.begin(), files.end());
    model.files = fingerprint(files);
    const auto config = read_model_config(model.spec.base, rules);
    if (config)
        model.longest_input = config->max_positions;
    const footprint estimated = estimate(model.spec, config, rules);
    model.estimated_bytes = estimated.all;
    model.shared_bytes = estimated.shared;
    model.shared_weights = model.spec.base + '\n' + model.computes + '\n' +
                           fingerprint(base_files(model.spec.base, rules)).text;
    return model;
}

/// From headers alone. Of files that cannot be used, their size: load() will say what is wrong with
/// them.
footprint hf_models::estimate(const model_spec& spec, const result<model_config>& config,
                              const file_rules& rules)
{
    std::uint64_t on_disk = 0;
    for (const path& file : files_of(spec, rules))
        on_disk += size_of(file);
    if (!config)
        return {.all = on_disk};
    const auto shared = estimate_base_model(spec.base, *config, format_for(spec), sizes_, rules);
    if (!shared)
        return {.all = on_disk};
    std::uint64_t bytes = *shared;
    if (spec.adapter) {
        const auto opened = adapter::open(*spec.adapter, modules_of(*config), rules);
        if (!opened)
            return {.all = on_disk};
        const std::uint64_t one = estimate_bytes(opened->factors()) +
                                  lora_tile_bytes(opened->factors(), format_for(spec));
        bytes += (1 + most_null_views(one)) * one +
                 estimate_replaced(*opened, *config, format_for(spec), sizes_);
    }
    return {.all = bytes, .shared = *shared};
}

/// The prompt of the preflight, whatever the model.
std::vector<token_id> preflight_prompt(const tokenizer& words, const model_config& config)
{
    constexpr std::size_t enough =
        1; // weights are read once for all rows, and that is what takes the time
    std::vector<token_id> ids = words.encode("The quick brown fox", true);
    ids.resize(std::clamp<std::size_t>(ids.size(), 1, std::min(config.max_positions, enough)));
    return ids;
}

result<std::shared_ptr<base_model>> hf_models::base_of(const resolved_model& model,
                                                       load_context& context)
{
    std::shared_ptr<shared_base> shared;
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(bases_, [](const auto& entry) {
            return entry.second.use_count() == 1 && entry.second->model.expired();
        });
        auto& slot = bases_[model.shared_weights];
        if (!slot)
            slot = std::make_shared<shared_base>();
        shared = slot;
    }
    const std::lock_guard lock(shared->loading);
    if (auto resident = shared->model.lock())
        return resident;
    auto loaded = load_base(model.spec, context);
    if (loaded) {
        const std::lock_guard for_who_looks_for_the_expired(mutex_);
        shared->model = *loaded;
    }
    return loaded;
}

result<std::shared_ptr<base_model>> hf_models::load_base(const model_spec& spec,
                                                         load_context& context)
{
    if (const auto index = checkpoint::unused_index(spec.base))
        context.warnings.push_back(index->native() +
                                   " is not read: there is a model.safetensors beside it");
    auto loaded = load_base_model(spec.base, format_for(spec), engine_.steps->gate(), kv_, context);
    if (!loaded)
        return loaded;
    const auto kept = std::make_shared<kept_base>(std::move(*loaded), engine_);
    std::shared_ptr<base_model> base(kept, kept->model.get());
    hf_backend alone(base, {}, engine_);
    auto sound = preflight(alone, {{.what = view::mode::base}},
                           preflight_prompt(base->words, base->weights.config));
    alone.close();
    if (!sound)
        return sound.error();
    return base;
}

/// Whether ft, scaled and that null view can give nothing but finite logits, whatever the prompt.
bool is_surely_finite(const base_weights& base, const lora_weights& adapter, const view& null,
                      thread_team& team)
{
    return adapter.is_plain() && logit_bound(base, gains_of(base.config, adapter, team)) &&
           logit_bound(base, gains_of(base.config, adapter, null, team));
}

result<std::unique_ptr<backend>> hf_models::read(const resolved_model& model, load_context& context)
{
    const model_spec& spec = model.spec;
    if (!spec.adapter) {
        auto base = base_of(model, context);
        if (!base)
            return base.error();
        return std::unique_ptr<backend>(std::make_unique<hf_backend>(
            std::move(*base), std::nullopt, engine_, std::move(context.worker),
            templates_of(spec, false, context.rules)));
    }
    const auto config = read_model_config(spec.base, context.rules);
    if (!config)
        return config.error();
    auto adapter =
        load_adapter(spec, *config, format_for(spec), engine_.steps->gate(), context.rules,
                     context.warnings); // before the base, which takes longer
    if (!adapter)
        return adapter.error();
    if (auto other = named_otherwise(*spec.adapter, spec.base, context.rules))
        context.warnings.push_back(std::move(*other));
    auto base = base_of(model, context);
    if (!base)
        return base.error();
    const view null{.what = view::mode::null};
    const bool proven =
        is_surely_finite((*base)->weights, adapter->weights, null, engine_.steps->gate().team());
    const std::vector<token_id> prompt = preflight_prompt((*base)->words, *config);
    auto chats = templates_of(spec, adapter->words.has_value(), context.rules);
    auto loaded = std::make_unique<hf_backend>(std::move(*base), std::move(*adapter), engine_,
                                               std::move(context.worker), std::move(chats));
    if (proven)
        return std::unique_ptr<backend>(std::move(loaded));
    const std::vector<view> views{
        {.what = view::mode::ft}, {.what = view::mode::scaled, .scale = 0.5}, null};
    if (auto sound = preflight(*loaded, views, prompt); !sound) {
        loaded->close();
        return sound.error();
    }
    return std::unique_ptr<backend>(std::move(loaded));
}

/// What was read of files that changed meanwhile, sound or broken, is neither the old model nor the
/// new one.
result<std::unique_ptr<backend>> hf_models::load(const resolved_model& model, load_context& context)
{
    auto loaded = read(model, context);
    if (fingerprint(files_of(model.spec, context.rules)) != model.files)
        return failure{.code = errc::load_failed,
                       .detail = model.spec.base +
                                 (model.spec.adapter ? " or " + *model.spec.adapter : "") +
                                 ": the model's files changed while they were being loaded",
                       .retry_after_seconds = 0.0};
    return loaded;
}

} // namespace

loader hf_loader(logger say, hf_options how)
{
    const auto models = std::make_shared<hf_models>(std::move(say), std::move(how));
    return loader{[models](const model_spec& asked, const file_rules& rules) {
                      return models->resolve(asked, rules);
                  },
                  [models](const resolved_model& model, load_context& context) {
                      return models->load(model, context);
                  }};
}

} // namespace warmd::hf

#include "hf/model/adapter.hpp"

#include "hf/compute/kernels.hpp"

#include <warmd/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

namespace warmd::hf {

namespace {

constexpr const char *peft_file = "adapter_model.safetensors", *mlx_file = "adapters.safetensors";

failure broken(const checkpoint& file, std::string_view what)
{
    return failure{errc::load_failed, file.path().native() + ": " + std::string(what)};
}

} // namespace

/// Finds the module of every tensor of a file; stops at the first that fits none.
class adapter_opener {
public:
    adapter_opener(const adapter_config& config, checkpoint file)
        : config_(config), made_(std::move(file))
    {
    }

    result<adapter> open(const std::vector<base_module>& base)
    {
        if (auto found = collect(); !found)
            return found.error();
        for (const base_module& module : base)
            if (auto taken = take(module); !taken)
                return taken.error();
        if (!tensors_.empty())
            return broken("it acts on module " + shortened(tensors_.begin()->first) +
                          ", which the base does not have");
        if (made_.factors_.empty() && made_.replaced_.empty() && !made_.untouched_.empty())
            return broken("it has no tensors, and " + config_.file() + " targets " +
                          std::to_string(made_.untouched_.size()) + " modules");
        if (auto sound = check_vocabulary(); !sound)
            return sound.error();
        return std::move(made_);
    }

private:
    /// A module's tensors by role; empty where absent.
    using tensors = std::array<std::string, adapter_roles>;
    static std::string& of(tensors& all, adapter_role role)
    {
        return all[static_cast<std::size_t>(role)];
    }

    failure broken(std::string_view what) const { return hf::broken(made_.file_, what); }
    failure unsupported(const std::string& tensor, const std::string& why) const
    {
        return failure{errc::unsupported, made_.file_.path().native() + ": tensor " +
                                              shortened(tensor) + " is not supported: " + why};
    }

    result<void> collect()
    {
        for (const std::string& tensor : made_.file_.names()) {
            const auto parsed = config_.is_mlx() ? parse_mlx_tensor(tensor)
                                                 : parse_adapter_tensor(tensor, made_.passed_over_);
            if (!parsed)
                return broken("tensor " + shortened(tensor) + " is not a LoRA factor (" +
                              (config_.is_mlx()
                                   ? "<module>.lora_a or .lora_b)"
                                   : "base_model.model.<module>.lora_A.weight or .lora_B.weight), "
                                     "nor a parameter of a module"));
            std::string& slot = of(tensors_[parsed->module], parsed->role);
            if (!slot.empty())
                return broken("tensors " + shortened(slot) + " and " + shortened(tensor) +
                              " are the same of a module");
            slot = tensor;
        }
        return {};
    }

    result<void> take(const base_module& module)
    {
        auto found = tensors_.find(module.path);
        bool targeted = config_.targets(module.path, module.what),
             saved = config_.saves(module.path);
        for (const std::string& path : module.also) {
            found = found == tensors_.end() ? tensors_.find(path) : found;
            targeted = targeted || config_.targets(path, module.what);
            saved = saved || config_.saves(path);
        }
        if (config_.is_mlx())
            targeted = found != tensors_.end();
        const bool is_head = module.what == base_module::kind::output; // may be the embedding
        if (!config_.trained_tokens(module.path, module.what).empty() && !is_head &&
            (found == tensors_.end() || of(found->second, adapter_role::token_rows).empty()))
            return broken("module " + module.path + " lacks the rows of its trained tokens");
        if (found == tensors_.end()) {
            if (targeted)
                made_.untouched_.push_back(module.path);
            return {};
        }
        const std::string path = found->first;
        tensors all = std::move(found->second);
        tensors_.erase(found);
        if (auto sound = take_factors(module, path, targeted, all); !sound)
            return sound;
        return take_replacements(module, path, saved, all);
    }

    result<void> take_factors(const base_module& module, const std::string& path, bool targeted,
                              tensors& all)
    {
        const std::string &a = of(all, adapter_role::lora_a), &b = of(all, adapter_role::lora_b),
                          &bias = of(all, adapter_role::lora_b_bias),
                          &magnitude = of(all, adapter_role::magnitude);
        if (a.empty() && b.empty() && bias.empty() && magnitude.empty()) {
            if (targeted)
                made_.untouched_.push_back(module.path);
            return {};
        }
        if (!targeted)
            return broken("module " + module.path + " has tensors but is not targeted by " +
                          config_.file());
        if (!magnitude.empty() && module.what == base_module::kind::embedding)
            return unsupported(magnitude, "DoRA of an embedding");
        if (config_.is_mlx() && module.what == base_module::kind::embedding)
            return unsupported(a, "mlx-lm's LoRA of an embedding, which acts on a tied head too");
        if (magnitude.empty() == config_.has_magnitudes() &&
            module.what != base_module::kind::embedding)
            return broken("module " + module.path + " has " +
                          (magnitude.empty() ? "no magnitudes" : "magnitudes") + ", and " +
                          config_.file() + " says use_dora is " +
                          (magnitude.empty() ? "true" : "false"));
        if (!bias.empty() && !config_.has_lora_biases())
            return broken("tensor " + shortened(bias) + " is there, and " + config_.file() +
                          " says lora_bias is false");
        auto matched = match(module, path, a, b);
        if (!matched)
            return matched.error();
        for (const std::string* const each : {&bias, &magnitude})
            if (!each->empty())
                if (auto sound =
                        made_.file_.require(*each, std::array<std::uint64_t, 1>{module.out});
                    !sound)
                    return sound;
        matched->b_bias_name = bias;
        matched->magnitude_name = magnitude;
        made_.factors_.push_back(std::move(*matched));
        return {};
    }

    /// Checks one module's factors against the base and the configuration, which knows it by
    /// `path`.
    result<lora_factors> match(const base_module& module, const std::string& path,
                               const std::string& a_name, const std::string& b_name) const
    {
        const checkpoint& file = made_.file_;
        if (a_name.empty() || b_name.empty())
            return broken("module " + module.path + " lacks its " +
                          (a_name.empty() ? "lora_A" : "lora_B") + " tensor");
        const std::uint64_t rank = config_.rank(path);
        const tensor_info &a = *file.find(a_name), &b = *file.find(b_name);
        const bool matrices = a.shape.size() == 2 && b.shape.size() == 2, turned = config_.is_mlx();
        const std::uint64_t of_a = matrices ? a.shape[turned ? 1 : 0] : rank,
                            of_b = matrices ? b.shape[turned ? 0 : 1] : rank;
        if (of_a != rank || of_b != rank)
            return broken("tensor " + shortened(of_a != rank ? a_name : b_name) + " of module " +
                          module.path + " has rank " + std::to_string(of_a != rank ? of_a : of_b) +
                          ", " + config_.file() + " says rank " + std::to_string(rank) +
                          " (shapes " + shape_text(a.shape) + " and " + shape_text(b.shape) + ")");
        std::array<std::uint64_t, 2> shape_a{rank, module.in}, shape_b{module.out, rank};
        if (turned) {
            std::ranges::reverse(shape_a);
            std::ranges::reverse(shape_b);
        }
        if (auto sound = file.require(a_name, shape_a); !sound)
            return sound.error();
        if (auto sound = file.require(b_name, shape_b); !sound)
            return sound.error();
        return lora_factors{.module = module,
                            .rank = static_cast<std::size_t>(rank),
                            .scaling = config_.scaling(path),
                            .a_name = a_name,
                            .b_name = b_name,
                            .transposed = turned};
    }

    result<void> take_replacements(const base_module& module, const std::string& path, bool saved,
                                   tensors& all)
    {
        using kind = base_module::kind;
        const std::string &weight = of(all, adapter_role::weight),
                          &bias = of(all, adapter_role::bias),
                          &rows = of(all, adapter_role::token_rows),
                          &of_base = of(all, adapter_role::base_weight);
        const bool of_tokens = module.what == kind::embedding || module.what == kind::output;
        if (!of_base.empty()) // PEFT repeats it beside an embedding's factors
            if (auto sound = made_.file_.require(of_base, shape_of(module)); !sound)
                return sound;
        if (!of(all, adapter_role::lora_a).empty() && !(weight + rows).empty())
            return unsupported(weight + rows, "beside factors of the same module");
        if (!weight.empty()) {
            // PEFT writes embeddings and heads also where it takes their size to be another.
            if (!saved && !of_tokens)
                return broken("tensor " + shortened(weight) + " is not named by " + config_.file() +
                              "'s modules_to_save");
            if (module.what == kind::linear)
                return unsupported(weight, "modules_to_save of a layer's projections");
            if (auto good = replace(module, adapter_role::weight, weight, shape_of(module)); !good)
                return good;
        }
        if (!bias.empty()) {
            if (!module.bias)
                return broken("tensor " + shortened(bias) + " is a bias that the base has not");
            if (!saved && !config_.has_biases())
                return broken("tensor " + shortened(bias) + " is there, and " + config_.file() +
                              " says bias is none");
            if (auto good = replace(module, adapter_role::bias, bias, {module.out}); !good)
                return good;
        }
        if (rows.empty())
            return {};
        const std::vector<token_id> tokens = config_.trained_tokens(path, module.what);
        if (!of_tokens || tokens.empty())
            return broken("tensor " + shortened(rows) +
                          " is not named by trainable_token_indices of " + config_.file());
        if (!weight.empty())
            return unsupported(rows, "rows of a module that is trained whole");
        const std::size_t vocab = module.what == kind::embedding ? module.in : module.out,
                          width = module.what == kind::embedding ? module.out : module.in;
        for (const token_id each : tokens)
            if (static_cast<std::size_t>(each) >= vocab)
                return broken("trainable_token_indices has token " + std::to_string(each) +
                              ", the base's vocabulary ends at " + std::to_string(vocab));
        if (auto good = replace(module, adapter_role::token_rows, rows, {tokens.size(), width});
            !good)
            return good;
        made_.replaced_.back().tokens = tokens;
        return {};
    }

    static std::vector<std::uint64_t> shape_of(const base_module& module)
    {
        switch (module.what) {
        case base_module::kind::embedding: return {module.in, module.out};
        case base_module::kind::norm: return {module.out};
        default: return {module.out, module.in};
        }
    }

    result<void> replace(const base_module& module, adapter_role role, const std::string& tensor,
                         const std::vector<std::uint64_t>& shape)
    {
        const tensor_info& found = *made_.file_.find(tensor);
        std::vector<std::uint64_t> wanted = shape;
        if (wanted.size() == 2 && found.shape.size() == 2 && role == adapter_role::weight &&
            found.shape[0] != 0 && found.shape[0] <= most_tokens)
            wanted[0] = found.shape[0];
        if (wanted != shape)
            resized_.push_back({tensor, static_cast<std::size_t>(shape[0]), module.bias});
        if (auto sound = made_.file_.require(tensor, wanted); !sound)
            return sound;
        made_.replaced_.push_back({module, role, tensor});
        return {};
    }

    /// Both ends of the model have the same tokens.
    result<void> check_vocabulary()
    {
        if (resized_.empty())
            return {};
        const auto rows = [&](const resized& each) {
            return static_cast<std::size_t>(made_.file_.find(each.tensor)->shape[0]);
        };
        const bool both = resized_.size() == 2 && rows(resized_[0]) == rows(resized_[1]),
                   biased = std::ranges::any_of(resized_, &resized::biased);
        if (!both || biased)
            return unsupported(resized_[0].tensor,
                               "it has " + std::to_string(rows(resized_[0])) +
                                   " tokens, the base " + std::to_string(resized_[0].of_base) +
                                   (both ? ", whose projection has a bias"
                                         : ", and not both embedding and projection have so many"));
        made_.vocabulary_ = rows(resized_[0]);
        return {};
    }

    struct resized {
        std::string tensor;
        std::size_t of_base; // tokens
        bool biased;
    };
    static constexpr std::uint64_t most_tokens = 1 << 28;

    const adapter_config& config_;
    adapter made_;
    std::vector<resized> resized_;
    std::map<std::string, tensors> tensors_; // by module
};

result<adapter> adapter::open(const std::filesystem::path& directory,
                              const std::vector<base_module>& base, const file_rules& rules)
{
    const auto config = adapter_config::read(directory, rules);
    if (!config)
        return config.error();
    auto file = checkpoint::open_file(directory / (config->is_mlx() ? mlx_file : peft_file), rules);
    if (!file)
        return file.error();
    return adapter_opener(*config, std::move(*file)).open(base);
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
    return {directory / "adapter_config.json", directory / peft_file, directory / mlx_file,
            directory / "tokenizer.json", directory / "tokenizer_config.json"};
}

} // namespace warmd::hf

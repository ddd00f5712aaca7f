#include "hf/files/json_place.hpp"
#include "hf/model/adapter.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace warmd::hf {

namespace {

constexpr std::int64_t largest_rank = 1 << 20;

/// `text` with the characters that mean something in a regular expression escaped.
std::string literal(std::string_view text)
{
    std::string escaped;
    for (const char c : text) {
        if (std::string_view("\\^$.|?*+()[]{}-#").find(c) != std::string_view::npos)
            escaped += '\\';
        escaped += c;
    }
    return escaped;
}

/// Whether a member asks for anything at all: present, not false, not zero, not empty.
bool asks_for_something(const json::value& value)
{
    switch (value.kind()) {
    case json::kind::null: return false;
    case json::kind::bool_: return value.get_bool();
    case json::kind::string: return !value.get_string().empty();
    case json::kind::array: return !value.get_array().empty();
    case json::kind::object: return !value.get_object().empty();
    default: return value.to_number<double>() != 0;
    }
}

/// The N of "...layers.N...", the first number between dots; without a layers_pattern PEFT takes
/// the last, an expert's where there is one.
std::optional<std::uint64_t> layer_of(std::string_view path, bool last)
{
    std::optional<std::uint64_t> found;
    std::size_t at = path.find('.');
    while (at != std::string_view::npos) {
        const std::size_t end = path.find('.', at + 1);
        const std::string_view part =
            path.substr(at + 1, end == std::string_view::npos ? end : end - at - 1);
        if (!part.empty() && part.size() < 10 &&
            part.find_first_not_of("0123456789") == std::string_view::npos)
            found = std::stoull(std::string(part));
        if (found && !last)
            break;
        at = end;
    }
    return found;
}

} // namespace

/// Fills an adapter_config from the members of its file.
class adapter_config_reader {
public:
    adapter_config_reader(const json_place& fields, const std::filesystem::path& file)
        : fields_(fields)
    {
        made_.file_ = file.native();
    }

    result<adapter_config> read()
    {
        if (fields_.find("fine_tune_type") || fields_.find("lora_parameters"))
            return read_mlx();
        refuse_what_is_refuse();
        made_.rank_ = static_cast<std::size_t>(fields_.integer_or("r", 8, 1, largest_rank));
        made_.alpha_ = read_alpha();
        made_.rslora_ = fields_.flag("use_rslora", false);
        made_.magnitudes_ = fields_.flag("use_dora", false);
        made_.lora_biases_ = fields_.flag("lora_bias", false);
        read_bias();
        read_targets();
        read_saved();
        read_tokens();
        read_layers();
        read_overrides("rank_pattern", made_.rank_pattern_,
                       [](const json_place& ranks, std::string_view key) {
                           return static_cast<std::size_t>(ranks.integer(key, 1, largest_rank));
                       });
        read_overrides(
            "alpha_pattern", made_.alpha_pattern_,
            [](const json_place& alphas, std::string_view key) { return alphas.positive(key); });
        if (fields_.wrong())
            return fields_.wrong().first();
        return std::move(made_);
    }

private:
    result<adapter_config> read_mlx()
    {
        const std::string_view type = fields_.text_or("fine_tune_type", "lora");
        if (type != "lora" && type != "dora")
            fields_.refuse("fine_tune_type", shortened(type));
        made_.mlx_ = true;
        made_.magnitudes_ = type == "dora";
        const json_place parameters = fields_.object("lora_parameters");
        made_.rank_ = static_cast<std::size_t>(parameters.integer("rank", 1, largest_rank));
        made_.alpha_ = parameters.positive("scale") * static_cast<double>(made_.rank_);
        if (fields_.wrong())
            return fields_.wrong().first();
        return std::move(made_);
    }

    void refuse_what_is_refuse()
    {
        const std::string_view type = fields_.text_or("peft_type", "");
        if (type.empty())
            fields_.ill_typed("peft_type", "LORA");
        else if (type != "LORA")
            fields_.refuse("peft_type", shortened(type));
        static constexpr std::array unsupported{"layer_replication", "use_qalora",
                                                "alora_invocation_tokens", "target_parameters",
                                                "arrow_config"};
        for (const char* const name : unsupported)
            if (const json::value* const found = fields_.find(name);
                found && asks_for_something(*found))
                fields_.refuse(name, shortened(json::serialize(*found)));
        // These initialisations (PiSSA, OLoRA, ...) change the base's own weights, which we never
        // touch.
        const json::value* const init = fields_.find("init_lora_weights");
        if (init && !init->is_bool() &&
            !(init->is_string() &&
              (init->get_string() == "gaussian" || init->get_string() == "eva" ||
               init->get_string() == "orthogonal")))
            fields_.refuse("init_lora_weights", shortened(json::serialize(*init)));
    }

    /// 0 makes the adapter the base.
    double read_alpha() const
    {
        const json::value* const found = fields_.find("lora_alpha");
        return found && found->is_number() && found->to_number<double>() == 0
                   ? 0
                   : fields_.positive_or("lora_alpha", 8);
    }

    void read_bias()
    {
        const std::string_view bias = fields_.text_or("bias", "none");
        made_.biases_ = bias != "none";
        if (made_.biases_ && bias != "all" && bias != "lora_only")
            fields_.refuse("bias", shortened(bias));
    }

    void read_saved()
    {
        const json::value* const found = fields_.find("modules_to_save");
        if (!found)
            return;
        const auto wrong = [&] { fields_.ill_typed("modules_to_save", "a list of names"); };
        if (!found->is_array())
            return wrong();
        for (const json::value& name : found->get_array()) {
            if (!name.is_string())
                return wrong();
            made_.saved_.emplace_back(name.get_string());
        }
    }

    /// A list is of the input embedding; an object names embeddings.
    void read_tokens()
    {
        const json::value* const found = fields_.find("trainable_token_indices");
        if (!found)
            return;
        if (!found->is_object())
            return read_tokens("", *found);
        for (const auto& [name, list] : found->get_object())
            read_tokens(std::string(name), list);
    }
    void read_tokens(const std::string& module, const json::value& list)
    {
        std::vector<token_id> tokens;
        bool good = list.is_array();
        if (good)
            for (const json::value& id : list.get_array()) {
                good = good && id.is_int64() && id.get_int64() >= 0 &&
                       id.get_int64() <= std::numeric_limits<token_id>::max();
                if (good)
                    tokens.push_back(static_cast<token_id>(id.get_int64()));
            }
        std::vector<token_id> sorted = tokens;
        std::ranges::sort(sorted);
        if (!good || std::ranges::adjacent_find(sorted) != sorted.end())
            return fields_.ill_typed("trainable_token_indices",
                                     "a list of token ids, each once, or an object of such");
        if (!tokens.empty())
            made_.tokens_.emplace_back(module, std::move(tokens));
    }

    void add(std::vector<module_pattern>& to, const std::string& expression)
    {
        auto compiled = module_pattern::compile(expression);
        if (compiled)
            to.push_back(std::move(*compiled));
        else
            fields_.wrong().add(compiled.error().code, compiled.error().detail);
    }

    /// One regular expression for the whole path, or a list of names that the path is or ends in.
    void read_names(const char* member, std::vector<module_pattern>& to)
    {
        const json::value* const found = fields_.find(member);
        if (!found)
            return;
        if (found->is_string())
            return add(to, std::string(found->get_string()));
        if (!found->is_array())
            return fields_.ill_typed(member, "a list of names or a regular expression");
        std::string any;
        for (const json::value& name : found->get_array()) {
            if (!name.is_string())
                return fields_.ill_typed(member, "a list of names or a regular expression");
            any += (any.empty() ? "" : "|") + literal(name.get_string());
        }
        if (!any.empty())
            add(to, "(.*\\.)?(" + any + ")");
    }

    void read_targets()
    {
        const json::value* const found = fields_.find("target_modules");
        made_.all_linear_ = found && found->is_string() && found->get_string() == "all-linear";
        if (!made_.all_linear_)
            read_names("target_modules", made_.targets_);
        if (!found)
            fields_.ill_typed("target_modules", "a list of names or a regular expression");
        read_names("exclude_modules", made_.excluded_);
    }

    void read_layers()
    {
        const json::value* const found = fields_.find("layers_to_transform");
        if (!found)
            return;
        json::array one;
        if (found->is_int64())
            one.push_back(*found);
        const json::array& list = found->is_array() ? found->get_array() : one;
        std::vector<std::uint64_t> layers;
        for (const json::value& layer : list) {
            if (!layer.is_int64() || layer.get_int64() < 0)
                return fields_.ill_typed("layers_to_transform",
                                         "a layer's number or a list of them");
            layers.push_back(static_cast<std::uint64_t>(layer.get_int64()));
        }
        if (!found->is_array() && !found->is_int64())
            return fields_.ill_typed("layers_to_transform", "a layer's number or a list of them");
        if (layers.empty())
            return; // PEFT: an empty list restricts nothing
        const json::value* const pattern = fields_.find("layers_pattern");
        if (pattern && asks_for_something(*pattern) && !is_layers(*pattern))
            return fields_.refuse("layers_pattern", shortened(json::serialize(*pattern)));
        made_.by_pattern_ = pattern && asks_for_something(*pattern);
        made_.layers_ = std::move(layers);
    }

    /// The models here have one list of layers, named "layers".
    static bool is_layers(const json::value& pattern)
    {
        const json::value name("layers");
        return pattern == name || (pattern.is_array() && pattern.get_array().size() == 1 &&
                                   pattern.get_array()[0] == name);
    }

    template <class T, class Read>
    void read_overrides(const char* member, std::vector<std::pair<module_pattern, T>>& to,
                        Read read_one)
    {
        const auto overrides = fields_.object_if(member);
        if (!overrides)
            return;
        for (const auto& [key, value] : overrides->members()) {
            std::vector<module_pattern> compiled;
            add(compiled, "(.*\\.)?(" + std::string(key) + ")");
            const T read = read_one(*overrides, key);
            if (!compiled.empty())
                to.emplace_back(std::move(compiled[0]), read);
        }
    }

    const json_place fields_;
    adapter_config made_;
};

result<adapter_config> adapter_config::read(const std::filesystem::path& directory,
                                            const file_rules& rules)
{
    const std::filesystem::path file = directory / "adapter_config.json";
    const auto document = read_json(file, rules);
    if (!document)
        return document.error();
    complaint wrong(file);
    return adapter_config_reader(json_place(*document, "", wrong), file).read();
}

bool adapter_config::targets(std::string_view path, base_module::kind what) const
{
    using kind = base_module::kind;
    if (what == kind::norm || (all_linear_ && what != kind::linear))
        return false;
    const auto matches = [&](const module_pattern& pattern) { return pattern.matches(path); };
    if (std::any_of(excluded_.begin(), excluded_.end(), matches))
        return false;
    if (!all_linear_ && std::none_of(targets_.begin(), targets_.end(), matches))
        return false;
    if (!layers_)
        return true;
    const auto layer = layer_of(path, !by_pattern_);
    return layer && std::find(layers_->begin(), layers_->end(), *layer) != layers_->end();
}

bool adapter_config::saves(std::string_view path) const
{
    return std::ranges::any_of(saved_,
                               [&](const std::string& name) { return path.ends_with(name); });
}

std::vector<token_id> adapter_config::trained_tokens(std::string_view path,
                                                     base_module::kind what) const
{
    const bool of_input = what == base_module::kind::embedding;
    for (const auto& [name, tokens] : tokens_)
        if (name.empty() ? of_input : path.ends_with(name))
            return tokens;
    return {};
}

std::size_t adapter_config::rank(std::string_view path) const
{
    const auto own = std::find_if(rank_pattern_.begin(), rank_pattern_.end(),
                                  [&](const auto& entry) { return entry.first.matches(path); });
    return own == rank_pattern_.end() ? rank_ : own->second;
}

double adapter_config::scaling(std::string_view path) const
{
    const auto own = std::find_if(alpha_pattern_.begin(), alpha_pattern_.end(),
                                  [&](const auto& entry) { return entry.first.matches(path); });
    const double alpha = own == alpha_pattern_.end() ? alpha_ : own->second;
    const auto r = static_cast<double>(rank(path));
    return alpha / (rslora_ ? std::sqrt(r) : r);
}

} // namespace warmd::hf

#include "hf/files/json_place.hpp"
#include "hf/model/adapter.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>

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
        refuse_what_is_refuse();
        made_.rank_ = static_cast<std::size_t>(fields_.integer_or("r", 8, 1, largest_rank));
        made_.alpha_ = fields_.positive_or("lora_alpha", 8);
        made_.rslora_ = fields_.flag("use_rslora", false);
        read_targets();
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
    void refuse_what_is_refuse()
    {
        const std::string_view type = fields_.text_or("peft_type", "");
        if (type.empty())
            fields_.ill_typed("peft_type", "LORA");
        else if (type != "LORA")
            fields_.refuse("peft_type", shortened(type));
        if (const std::string_view bias = fields_.text_or("bias", "none"); bias != "none")
            fields_.refuse("bias", shortened(bias));
        static constexpr std::array unsupported{"use_dora",
                                                "modules_to_save",
                                                "lora_bias",
                                                "layer_replication",
                                                "use_qalora",
                                                "alora_invocation_tokens",
                                                "trainable_token_indices",
                                                "target_parameters",
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

bool adapter_config::targets(std::string_view path) const
{
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

#include "hf/model/model_config.hpp"

#include "hf/files/json_fields.hpp"
#include "hf/model/families/family.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace warmd::hf {

namespace {

constexpr std::uint64_t largest_size =
    1 << 28; // of any dimension: products of two stay far from overflow

/// The model's family; of one that is refused, the first.
const family& family_of(json_fields& fields)
{
    const json::value* const list = fields.find("architectures");
    const json::array* const names = list ? list->if_array() : nullptr;
    if (!names || names->size() != 1 || !(*names)[0].is_string()) {
        fields.complain("architectures", "be a list of one name");
        return *families[0];
    }
    const std::string_view name = (*names)[0].get_string();
    const family* const found = find_family(name);
    if (!found) {
        fields.not_implemented("architectures",
                               shortened(name) + " (none of " + known_architectures() + ")");
        return *families[0];
    }
    const std::string type = fields.text("model_type", found->model_type);
    if (type != found->model_type)
        fields.not_implemented("model_type", shortened(type));
    return *found;
}

bool has(family::has what, json_fields& fields, const char* asked_by)
{
    const bool asked = fields.boolean(asked_by, false);
    return what == family::has::always || (what == family::has::if_asked && asked);
}

/// How far a token can look back, 0 for all the way. MistralConfig has a window unless it is null.
std::size_t read_window(json_fields& fields, const json::object& object, const family& model)
{
    constexpr std::uint64_t otherwise = 4096;
    if (!has(model.window, fields, "use_sliding_window") ||
        (object.contains("sliding_window") && !fields.find("sliding_window")))
        return 0;
    return static_cast<std::size_t>(fields.integer("sliding_window", otherwise, 1, largest_size));
}

/// Members that would change the numbers if they were not at their usual value.
void check_variants(json_fields& fields)
{
    const std::string activation = fields.text("hidden_act", "silu");
    if (activation != "silu" && activation != "swish")
        fields.not_implemented("hidden_act", shortened(activation));
    if (fields.boolean("rope_interleaved", false))
        fields.not_implemented("rope_interleaved", "true");
    if (fields.positive("partial_rotary_factor", 1) != 1)
        fields.not_implemented("partial_rotary_factor", "other than 1");
    for (const char* const foreign : {"quantization_config", "compression_config"})
        if (fields.find(foreign))
            fields.not_implemented(foreign, "(quantized weights)");
}

rope_config read_scaling(json_fields& fields, double theta, std::size_t max_positions)
{
    rope_config rope{.theta = fields.positive("rope_theta", theta)};
    const std::string type =
        fields.text(fields.find("rope_type") ? "rope_type" : "type", "default");
    if (fields.positive("partial_rotary_factor", 1) != 1)
        fields.not_implemented("partial_rotary_factor", "other than 1");
    if (type == "default")
        return rope;
    if (type != "linear" && type != "llama3") {
        fields.not_implemented("rope_type", "'" + shortened(type) + "'");
        return rope;
    }
    const auto needed = [&](const char* name) {
        if (!fields.find(name))
            fields.complain(name, "be given for rope_type " + type);
        return fields.positive(name, 1);
    };
    rope.factor = needed("factor");
    if (type == "linear") {
        rope.scaling = rope_config::type::linear;
        return rope;
    }
    rope.scaling = rope_config::type::llama3;
    rope.low_freq_factor = needed("low_freq_factor");
    rope.high_freq_factor = needed("high_freq_factor");
    if (rope.high_freq_factor <= rope.low_freq_factor)
        fields.complain("high_freq_factor", "be above low_freq_factor");
    rope.original_max_position =
        fields.positive("original_max_position_embeddings", static_cast<double>(max_positions));
    return rope;
}

/// rope_scaling if it says anything, else rope_parameters, as Transformers 5 has it. An object for
/// each type of layer is refused: no model of these families reads one.
rope_config read_rope(json_fields& fields, std::size_t max_positions)
{
    const double theta = fields.positive("rope_theta", 10000);
    for (const char* const name : {"rope_scaling", "rope_parameters"}) {
        const json::object* const object = fields.object(name);
        if (!object || object->empty())
            continue;
        json_fields nested(*object, fields.where() + ": " + name);
        for (const auto& [member, value] : *object)
            if (value.is_object())
                nested.not_implemented(shortened(member), "(an object for a type of layer)");
        const rope_config rope = read_scaling(nested, theta, max_positions);
        fields.adopt(nested);
        return rope;
    }
    return rope_config{.theta = theta};
}

/// `eos_token_id`: a number or a list of them.
std::vector<token_id> read_eos(json_fields& fields)
{
    std::vector<token_id> eos;
    const json::value* const found = fields.find("eos_token_id");
    const auto take = [&](const json::value& id) {
        if (id.is_int64() && id.get_int64() >= 0 &&
            id.get_int64() <= std::numeric_limits<token_id>::max())
            eos.push_back(static_cast<token_id>(id.get_int64()));
        else if (!id.is_int64() || id.get_int64() != -1) // -1: none
            fields.complain("eos_token_id", "be a token id or a list of them");
    };
    if (found && found->is_array())
        for (const json::value& id : found->get_array())
            take(id);
    else if (found)
        take(*found);
    return eos;
}

/// `bos_token_id`. Files say all kinds of things where there is none.
std::optional<token_id> read_bos(const json::object& object, std::size_t vocab_size)
{
    const json::value* const found = object.if_contains("bos_token_id");
    const std::int64_t id = found && found->is_int64() ? found->get_int64() : -1;
    return id >= 0 && id < static_cast<std::int64_t>(vocab_size)
               ? std::optional(static_cast<token_id>(id))
               : std::nullopt;
}

/// The eos of generation_config.json, where there is such a file and member.
result<void> read_generation_config(const std::filesystem::path& file, const file_rules& rules,
                                    model_config& config)
{
    std::error_code ec;
    if (!std::filesystem::exists(file, ec))
        return {};
    const auto object = read_json_object(file, rules);
    if (!object)
        return object.error();
    json_fields fields(*object, file);
    if (fields.find("eos_token_id"))
        config.eos = read_eos(fields);
    if (fields.trouble())
        return *fields.trouble();
    return {};
}

} // namespace

result<model_config> read_model_config(const std::filesystem::path& directory,
                                       const file_rules& rules)
{
    const std::filesystem::path file = directory / "config.json";
    const auto object = read_json_object(file, rules);
    if (!object)
        return object.error();
    json_fields fields(*object, file);
    const family& model = family_of(fields);
    check_variants(fields);
    const auto size = [&](const char* name, std::uint64_t otherwise) {
        return static_cast<std::size_t>(fields.integer(name, otherwise, 1, largest_size));
    };
    model_config config;
    config.vocab_size = size("vocab_size", model.vocab_size);
    config.hidden_size = size("hidden_size", 4096);
    config.intermediate_size = size("intermediate_size", model.intermediate_size);
    config.layers = size("num_hidden_layers", 32);
    config.heads = size("num_attention_heads", 32);
    config.kv_heads =
        size("num_key_value_heads", model.kv_heads != 0 ? model.kv_heads : config.heads);
    const bool own_head_dim = model.head_dim != 0 || fields.find("head_dim");
    const std::size_t share = std::max<std::size_t>(config.hidden_size / config.heads, 1);
    config.head_dim = size("head_dim", model.head_dim != 0 ? model.head_dim : share);
    config.max_positions = size("max_position_embeddings", model.max_positions);
    config.window = read_window(fields, *object, model);
    config.rms_norm_eps = static_cast<float>(fields.positive("rms_norm_eps", 1e-6));
    config.tied_embeddings = fields.boolean("tie_word_embeddings", false);
    config.qkv_bias = has(model.qkv_bias, fields, "attention_bias");
    config.output_bias = has(model.output_bias, fields, "attention_bias");
    config.mlp_bias = has(model.mlp_bias, fields, "mlp_bias");
    config.qk_norm = model.qk_norm;
    config.rope = read_rope(fields, config.max_positions);
    config.eos = read_eos(fields);
    config.bos = read_bos(*object, config.vocab_size);
    if (config.heads % config.kv_heads != 0)
        fields.complain("num_key_value_heads",
                        "divide num_attention_heads, which is " + std::to_string(config.heads));
    if (!own_head_dim && config.hidden_size % config.heads != 0)
        fields.complain("num_attention_heads",
                        "divide hidden_size, which is " + std::to_string(config.hidden_size));
    if (config.head_dim % 2 != 0)
        fields.complain("head_dim", "be even");
    if (fields.trouble())
        return *fields.trouble();
    if (auto read = read_generation_config(directory / "generation_config.json", rules, config);
        !read)
        return read.error();
    return config;
}

std::vector<float> rope_frequencies(const rope_config& rope, std::size_t head_dim)
{
    std::vector<float> frequencies(head_dim / 2);
    for (std::size_t i = 0; i != frequencies.size(); ++i) {
        double frequency =
            std::pow(rope.theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
        if (rope.scaling == rope_config::type::linear)
            frequency /= rope.factor;
        if (rope.scaling == rope_config::type::llama3) { // Llama 3.1: slow rotations are slowed
                                                         // further, fast ones kept
            const double turns = rope.original_max_position * frequency / (2 * std::numbers::pi);
            const double kept =
                (turns - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
            frequency = std::lerp(frequency / rope.factor, frequency, std::clamp(kept, 0.0, 1.0));
        }
        frequencies[i] = static_cast<float>(frequency);
    }
    return frequencies;
}

} // namespace warmd::hf

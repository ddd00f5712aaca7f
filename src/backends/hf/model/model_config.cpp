#include "hf/model/model_config.hpp"

#include "hf/files/json_place.hpp"
#include "hf/model/families/family.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace warmd::hf {

namespace {

constexpr std::int64_t largest_size =
    1 << 28; // of any dimension: products of two stay far from overflow
constexpr std::int64_t most_layers = 4096;

/// Models with a text_config: only that part of them is run.
constexpr std::array<std::string_view, 1> wrappers{"gemma3"};

/// The model's family; of one that is refused, the first.
const family& family_of(const json_place& fields)
{
    const json::value* const list = fields.find("architectures");
    const json::array* const names = list ? list->if_array() : nullptr;
    const std::string_view type = fields.text_or("model_type", ""),
                           architecture = names && names->size() == 1 && (*names)[0].is_string()
                                              ? std::string_view((*names)[0].get_string())
                                              : "";
    if (const family* const found = find_family(type, architecture))
        return *found;
    const std::string known = " (known are " + known_families() + ")";
    if (!type.empty())
        fields.refuse("model_type", shortened(type) + known);
    else if (!architecture.empty())
        fields.refuse("architectures", shortened(architecture) + known);
    else
        fields.ill_typed("model_type", "a string");
    return *families[0];
}

bool has(family::has what, const json_place& fields, const char* asked_by)
{
    const bool asked = fields.flag(asked_by, false);
    return what == family::has::always || (what == family::has::if_asked && asked);
}

bool is_null(const json_place& fields, const char* name)
{
    return fields.members().contains(name) && !fields.find(name);
}

/// How many positions layers with a window see, 0 if there is none.
std::size_t read_window(const json_place& fields, const family& model)
{
    if (!has(model.window, fields, "use_sliding_window") || is_null(fields, "sliding_window"))
        return 0;
    return static_cast<std::size_t>(
        fields.integer_or("sliding_window", model.window_size, 1, largest_size));
}

/// Whether each layer has the model's window: layer_types says it, or the family's pattern.
std::vector<bool> read_windowed(const json_place& fields, const family& model, std::size_t layers)
{
    std::vector<bool> windowed(layers, true);
    const json::value* const types = model.full_every != 0 || model.window == family::has::if_asked
                                         ? fields.find("layer_types")
                                         : nullptr;
    if (types && (!types->is_array() || types->get_array().size() != layers)) {
        fields.ill_typed("layer_types", "a list of a type for each layer");
        return windowed;
    }
    const std::int64_t every =
        model.full_every == 0 || types
            ? 0
            : fields.integer_or("sliding_window_pattern", model.full_every, 1, most_layers);
    // Qwen's windows begin at a layer.
    const auto first =
        static_cast<std::size_t>(model.window == family::has::if_asked
                                     ? fields.integer_or("max_window_layers", 28, 0, largest_size)
                                     : 0);
    for (std::size_t layer = 0; layer != layers; ++layer) {
        windowed[layer] =
            every == 0 ? layer >= first : (layer + 1) % static_cast<std::size_t>(every) != 0;
        if (!types)
            continue;
        const json::value& type = types->get_array()[layer];
        windowed[layer] = type == json::value("sliding_attention");
        if (!windowed[layer] && type != json::value("full_attention"))
            fields.refuse("layer_types", in_short(type));
    }
    return windowed;
}

activation_kind read_activation(const json_place& fields, const family& model)
{
    static constexpr std::array<std::pair<std::string_view, activation_kind>, 5> kinds{
        {{"gelu", activation_kind::gelu},
         {"silu", activation_kind::silu},
         {"swish", activation_kind::silu},
         {"gelu_pytorch_tanh", activation_kind::gelu_tanh},
         {"gelu_new", activation_kind::gelu_tanh}}};
    const std::string_view name = fields.text_or(model.activation_member, model.activation);
    for (const auto& [known, kind] : kinds)
        if (name == known)
            return kind;
    fields.refuse(model.activation_member, shortened(name));
    return activation_kind::silu;
}

/// Members that would change the numbers if they were not at their usual value.
void check_variants(const json_place& fields)
{
    if (fields.flag("rope_interleaved", false))
        fields.refuse("rope_interleaved", "true");
    for (const char* const foreign : {"quantization_config", "compression_config"})
        if (fields.find(foreign))
            fields.refuse(foreign, "(quantized weights)");
}

/// What rope_scaling says if it says anything, else rope_parameters, as Transformers 5 has it.
std::optional<json_place> rotation_fields(const json_place& fields)
{
    for (const char* const name : {"rope_scaling", "rope_parameters"})
        if (auto found = fields.object_if(name); found && !found->members().empty())
            return found;
    return {};
}

/// The rotation of the layers without a window, and that of the others if they may differ. An
/// object for each type of layer is read only where the family has such.
std::vector<rope_config> read_rotations(const json_place& fields, const family& model,
                                        std::size_t max_positions)
{
    rope_config plain{.theta = fields.positive_or(model.theta_member, model.theta),
                      .partial = fields.positive_or(model.partial_member, model.partial_rotary),
                      .neighbours = model.rotates_neighbours};
    rope_config local = plain;
    local.theta = fields.positive_or("rope_local_base_freq", 10000);
    if (fields.find("original_max_position_embeddings"))
        plain.original_max_position = fields.positive("original_max_position_embeddings");
    const auto said = rotation_fields(fields);
    bool by_type = false;
    if (said)
        for (const auto& [member, value] : said->members()) {
            by_type = by_type || value.is_object();
            if (value.is_object() && !model.rotates_by_type)
                said->refuse(member, "(an object for a type of layer)");
        }
    const auto read = [&](std::optional<json_place> from, const rope_config& otherwise) {
        return from ? read_rope(*from, otherwise, max_positions) : otherwise;
    };
    if (!model.rotates_by_type)
        return {read(said, plain)};
    if (!by_type)
        return {read(said, plain), local};
    return {read(said->object_if("full_attention"), plain),
            read(said->object_if("sliding_attention"), local)};
}

void check_rotation(const json_place& fields, const rope_config& rope, std::size_t head_dim)
{
    const std::size_t rotated = rope.partial <= 1 ? rope.rotated(head_dim) : 0;
    if (rotated == 0 || rotated % 2 != 0)
        fields.ill_typed("partial_rotary_factor", "a share of head_dim, which is " +
                                                      std::to_string(head_dim) +
                                                      ", that is even and not 0");
    const bool by_pair = rope.scaling == rope_config::type::longrope;
    for (const std::vector<double>* factors : {&rope.short_factors, &rope.long_factors})
        if (by_pair && factors->size() != rotated / 2)
            fields.refuse("rope_type", "longrope with " + std::to_string(factors->size()) +
                                           " factors for " + std::to_string(rotated / 2) +
                                           " pairs");
}

/// With these scalings a configuration may say the context that there was before.
std::size_t stretched(std::size_t max_positions, const rope_config& rope)
{
    using type = rope_config::type;
    if (rope.scaling != type::yarn && rope.scaling != type::dynamic)
        return max_positions;
    const double all = rope.original_max_position * rope.factor;
    return std::max(max_positions,
                    static_cast<std::size_t>(std::min(all, static_cast<double>(largest_size))));
}

/// `eos_token_id`: a number or a list of them.
std::vector<token_id> read_eos(const json_place& fields)
{
    std::vector<token_id> eos;
    const json::value* const found = fields.find("eos_token_id");
    const auto take = [&](const json::value& id) {
        if (id.is_int64() && id.get_int64() >= 0 &&
            id.get_int64() <= std::numeric_limits<token_id>::max())
            eos.push_back(static_cast<token_id>(id.get_int64()));
        else if (!id.is_int64() || id.get_int64() != -1) // -1: none
            fields.ill_typed("eos_token_id", "a token id or a list of them");
    };
    if (found && found->is_array())
        for (const json::value& id : found->get_array())
            take(id);
    else if (found)
        take(*found);
    return eos;
}

/// `bos_token_id`. Files say all kinds of things where there is none.
std::optional<token_id> read_bos(const json_place& fields, std::size_t vocab_size)
{
    const json::value* const found = fields.find("bos_token_id");
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
    const auto document = read_json(file, rules);
    if (!document)
        return document.error();
    complaint wrong(file);
    const json_place fields(*document, "", wrong);
    if (fields.find("eos_token_id"))
        config.eos = read_eos(fields);
    if (wrong)
        return wrong.first();
    return {};
}

/// Sizes, and what the layers are made of.
model_config read_architecture(const json_place& fields, const family& model)
{
    const auto size = [&](std::string_view name, std::int64_t otherwise,
                          std::int64_t most = largest_size) {
        for (const auto& [usual, own] : model.spellings)
            name = usual == name ? own : name;
        return static_cast<std::size_t>(fields.integer_or(name, otherwise, 1, most));
    };
    model_config config;
    config.vocab_size = size("vocab_size", model.vocab_size);
    config.hidden_size = size("hidden_size", model.hidden_size);
    config.intermediate_size =
        size("intermediate_size", model.intermediate_size != 0
                                      ? model.intermediate_size
                                      : static_cast<std::int64_t>(4 * config.hidden_size));
    config.layers = size("num_hidden_layers", model.layers, most_layers);
    config.heads = size("num_attention_heads", model.heads);
    config.kv_heads =
        size("num_key_value_heads",
             model.kv_heads != 0 ? model.kv_heads : static_cast<std::int64_t>(config.heads));
    const bool own_head_dim = model.head_dim != 0 || fields.find("head_dim");
    const std::size_t share = std::max<std::size_t>(config.hidden_size / config.heads, 1);
    config.head_dim =
        size("head_dim", model.head_dim != 0 ? model.head_dim : static_cast<std::int64_t>(share));
    config.max_positions = size("max_position_embeddings", model.max_positions);
    config.norm_eps = static_cast<float>(fields.positive_or(model.norm_eps_member, model.norm_eps));
    if (config.heads % config.kv_heads != 0)
        fields.ill_typed("num_key_value_heads", "a divisor of num_attention_heads, which is " +
                                                    std::to_string(config.heads));
    if (!own_head_dim && config.hidden_size % config.heads != 0)
        fields.ill_typed("num_attention_heads", "a divisor of hidden_size, which is " +
                                                    std::to_string(config.hidden_size));
    if (config.head_dim % 2 != 0)
        fields.ill_typed("head_dim", "even");

    config.rotations = read_rotations(fields, model, config.max_positions);
    for (const rope_config& each : config.rotations) {
        check_rotation(fields, each, config.head_dim);
        config.max_positions = stretched(config.max_positions, each);
    }
    layer_plan layer =
        llama_layer(config, {.qkv = has(model.qkv_bias, fields, "attention_bias"),
                             .output = has(model.output_bias, fields, "attention_bias"),
                             .mlp = has(model.mlp_bias, fields, "mlp_bias")});
    layer.activation = read_activation(fields, model);
    config.plan.assign(config.layers, layer);
    const std::size_t window = read_window(fields, model);
    const std::vector<bool> windowed = read_windowed(fields, model, config.layers);
    for (std::size_t i = 0; i != config.layers; ++i) {
        config.plan[i].window = windowed[i] ? window : 0;
        config.plan[i].rotation = windowed[i] ? config.rotations.size() - 1 : 0;
    }
    config.head = {{config.hidden_size, {{"lm_head", config.vocab_size}}}};
    if (model.adapt)
        model.adapt(fields, config);
    return config;
}

} // namespace

float model_config::query_scale_at(std::size_t position) const
{
    if (query_growth == 0)
        return query_scale;
    const double periods = std::floor(static_cast<double>(position) / growth_period);
    return query_scale * static_cast<float>(1 + query_growth * std::log(1 + periods));
}

std::size_t model_config::length_class(std::size_t length) const
{
    std::size_t found = 0; // the largest says which the others are
    for (const rope_config& each : rotations)
        found = std::max(found, each.length_class(length));
    return found;
}

result<model_config> read_model_config(const std::filesystem::path& directory,
                                       const file_rules& rules)
{
    const std::filesystem::path file = directory / "config.json";
    const auto document = read_json(file, rules);
    if (!document)
        return document.error();
    complaint wrong(file);
    const json_place all(*document, "", wrong);
    const bool wrapped = std::ranges::count(wrappers, all.text_or("model_type", "")) != 0;
    const json_place fields = wrapped ? all.object("text_config") : all;
    check_variants(all);
    check_variants(fields);
    const family& model = family_of(fields);
    if (wrong)
        return wrong.first();
    model_config config = read_architecture(fields, model);
    config.wrapped = wrapped;
    config.tied_embeddings =
        fields.flag("tie_word_embeddings", all.flag("tie_word_embeddings", model.tied));
    config.eos = read_eos(all.find("eos_token_id") ? all : fields);
    config.bos = read_bos(fields, config.vocab_size);
    if (wrong)
        return wrong.first();
    if (auto read = read_generation_config(directory / "generation_config.json", rules, config);
        !read)
        return read.error();
    return config;
}

} // namespace warmd::hf

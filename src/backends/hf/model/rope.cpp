#include "hf/model/rope.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

namespace warmd::hf {

namespace {

using type = rope_config::type;

/// "rope_type", or as it was called before, "type"; longrope had two names as well.
type type_of(const json_place& fields)
{
    static constexpr std::array<std::pair<std::string_view, type>, 7> types{
        {{"default", type::unscaled},
         {"linear", type::linear},
         {"dynamic", type::dynamic},
         {"llama3", type::llama3},
         {"yarn", type::yarn},
         {"longrope", type::longrope},
         {"su", type::longrope}}};
    const std::string_view name =
        fields.text_or(fields.find("rope_type") ? "rope_type" : "type", "default");
    for (const auto& [known, meant] : types)
        if (name == known)
            return meant;
    fields.refuse("rope_type", "'" + shortened(name) + "'");
    return type::unscaled;
}

/// 0.1 m ln(s) + 1 (Peng et al. 2023, eq. 22).
double yarn_magnitude(double factor, double m)
{
    return factor <= 1 ? 1 : 0.1 * m * std::log(factor) + 1;
}

void read_yarn(const json_place& fields, rope_config& rope)
{
    rope.fast_turns = fields.positive_or("beta_fast", 32);
    rope.slow_turns = fields.positive_or("beta_slow", 1);
    rope.whole_pairs = fields.flag("truncate", true);
    const auto number = [&](const char* name) { // 0 is as good as none
        const json::value* const found = fields.find(name);
        return found && found->is_number() ? found->to_number<double>() : 0;
    };
    const double m = number("mscale"), all = number("mscale_all_dim");
    rope.magnitude = m != 0 && all != 0
                         ? yarn_magnitude(rope.factor, m) / yarn_magnitude(rope.factor, all)
                         : yarn_magnitude(rope.factor, 1);
}

std::vector<double> read_factors(const json_place& fields, const char* name)
{
    std::vector<double> factors;
    const json::value* const found = fields.find(name);
    bool good = found && found->is_array();
    if (good)
        for (const json::value& each : found->get_array()) {
            const double factor = each.is_number() ? each.to_number<double>() : 0;
            good = good && std::isfinite(factor) && factor > 0;
            factors.push_back(factor);
        }
    if (!good)
        fields.ill_typed(name, "a list of numbers above 0, one for each pair that turns");
    return factors;
}

void read_longrope(const json_place& fields, rope_config& rope)
{
    rope.short_factors = read_factors(fields, "short_factor");
    rope.long_factors = read_factors(fields, "long_factor");
    rope.magnitude =
        rope.factor <= 1
            ? 1
            : std::sqrt(1 + std::log(rope.factor) / std::log(rope.original_max_position));
}

/// How much of a pair's slowing is left off: 1 where it turns as it did.
double kept_by_yarn(const rope_config& rope, std::size_t rotated, std::size_t pair)
{
    const auto dims = static_cast<double>(rotated);
    const auto pair_of = [&](double turns) {
        return dims * std::log(rope.original_max_position / (turns * 2 * std::numbers::pi)) /
               (2 * std::log(rope.theta));
    };
    double first = pair_of(rope.fast_turns), last = pair_of(rope.slow_turns);
    if (rope.whole_pairs) {
        first = std::floor(first);
        last = std::ceil(last);
    }
    first = std::max(first, 0.0);
    last = std::min(last, dims - 1);
    const double width = first == last ? 0.001 : last - first;
    return 1 - std::clamp((static_cast<double>(pair) - first) / width, 0.0, 1.0);
}

} // namespace

std::size_t rope_config::length_class(std::size_t length) const
{
    const bool beyond = static_cast<double>(length) > original_max_position;
    switch (scaling) {
    case type::dynamic: return beyond ? length : 0;
    case type::longrope: return beyond ? static_cast<std::size_t>(original_max_position) + 1 : 0;
    default: return 0;
    }
}

rope_config read_rope(const json_place& fields, const rope_config& defaults,
                      std::size_t max_positions)
{
    rope_config rope = defaults;
    rope.theta = fields.positive_or("rope_theta", defaults.theta);
    rope.partial = fields.positive_or("partial_rotary_factor", defaults.partial);
    rope.scaling = type_of(fields);
    if (rope.scaling == type::unscaled)
        return rope;
    const double original = defaults.original_max_position != 0
                                ? defaults.original_max_position
                                : static_cast<double>(max_positions);
    rope.original_max_position = fields.positive_or("original_max_position_embeddings", original);
    const double stretched = static_cast<double>(max_positions) / rope.original_max_position;
    rope.factor = rope.scaling == type::longrope ? fields.positive_or("factor", stretched)
                                                 : fields.positive("factor");
    switch (rope.scaling) {
    case type::llama3:
        rope.low_freq_factor = fields.positive("low_freq_factor");
        rope.high_freq_factor = fields.positive("high_freq_factor");
        if (rope.high_freq_factor <= rope.low_freq_factor)
            fields.ill_typed("high_freq_factor", "above low_freq_factor");
        break;
    case type::dynamic: rope.original_max_position = static_cast<double>(max_positions); break;
    case type::yarn: read_yarn(fields, rope); break;
    case type::longrope: read_longrope(fields, rope); break;
    default: break;
    }
    rope.magnitude = fields.positive_or("attention_factor", rope.magnitude);
    return rope;
}

std::vector<float> rope_frequencies(const rope_config& rope, std::size_t rotated,
                                    std::size_t length_class)
{
    const auto dims = static_cast<double>(rotated);
    double theta = rope.theta;
    if (rope.scaling == type::dynamic && length_class != 0)
        theta *=
            std::pow(rope.factor * static_cast<double>(length_class) / rope.original_max_position -
                         (rope.factor - 1),
                     dims / (dims - 2));
    std::vector<float> frequencies(rotated / 2);
    for (std::size_t i = 0; i != frequencies.size(); ++i) {
        double frequency = std::pow(theta, -2.0 * static_cast<double>(i) / dims);
        switch (rope.scaling) {
        case type::linear: frequency /= rope.factor; break;
        case type::llama3: {
            const double turns = rope.original_max_position * frequency / (2 * std::numbers::pi);
            const double kept =
                (turns - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
            frequency = std::lerp(frequency / rope.factor, frequency, std::clamp(kept, 0.0, 1.0));
            break;
        }
        case type::yarn:
            frequency =
                std::lerp(frequency / rope.factor, frequency, kept_by_yarn(rope, rotated, i));
            break;
        case type::longrope:
            frequency /= (length_class == 0 ? rope.short_factors : rope.long_factors)[i];
            break;
        default: break;
        }
        frequencies[i] = static_cast<float>(frequency);
    }
    return frequencies;
}

} // namespace warmd::hf

#include "hf/model/finiteness.hpp"

#include "hf/compute/kernels.hpp"
#include "hf/compute/norm.hpp"
#include "hf/compute/threads.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace warmd::hf {

namespace {

/// Of any vector on the way. The product of two such is in reach of no rounding from fp32's largest
/// number, 3.4e38.
constexpr double largest = 1e18;
/// What rounding may add to one step: summing up n products in fp32, at most n 2^-24 of their
/// absolute sum (Higham 2002, §3.1), once for a product and twice with LoRA, and rounding weights
/// and inputs to bf16, 2^-8 each.
constexpr double rounding = 1.25;
constexpr std::size_t longest_sum = 1 << 20;
/// Below, the square of a number whose inverse would be too large might vanish beside it.
constexpr float least_eps = 1e-30F;
/// draw_normal(): sqrt(-2 ln(2^-24)) = 5.77.
constexpr double largest_draw = 6;

double largest_of(const std::vector<float>& values)
{
    if (!all_finite(values))
        return std::numeric_limits<double>::infinity();
    float most = 0;
    for (const float each : values)
        most = std::max(most, std::abs(each));
    return static_cast<double>(most);
}

/// The gain of one module, from the norms of its factors: of x A^T, of that times B^T, and of that
/// times its scaling.
double gain_of(const lora_linear::part& part, double a, double b)
{
    if (part.rank > longest_sum)
        return std::numeric_limits<double>::infinity();
    return a + a * b +
           a * b * std::abs(static_cast<double>(part.scaling)); // a sum, which a NaN cannot hide in
}

/// gain(part, in) summed up over each product's parts.
template <class Gain>
adapter_gains sum_of_parts(const model_config& config, const lora_weights& adapter,
                           thread_team& team, const Gain& gain)
{
    adapter_gains sums(adapter.layers.size());
    team.for_each(sums.size(), adapter.bytes() / sizeof(float), [&](std::size_t layer) {
        sums[layer].resize(adapter.layers[layer].size());
        for (std::size_t which = 0; which != sums[layer].size(); ++which)
            for (const lora_linear::part& part : adapter.layers[layer][which].parts)
                sums[layer][which] +=
                    gain(adapter.layers[layer][which], part, linears_of(config, layer)[which].in);
    });
    return sums;
}

/// Follows a forward pass; remembers whether a bound was ever too large.
class bounded_pass {
public:
    bounded_pass(const base_weights& base, const adapter_gains& adapter)
        : base_(base), adapter_(adapter)
    {
        for (const rope_config& each : base.config.rotations)
            turning_ = std::max(turning_, each.magnitude);
    }

    std::optional<double> run()
    {
        const model_config& config = base_.config;
        double read = 0, x = 0; // by the last branch, before and after its norm
        double stream = kept(base_.embedding.rows().norm * scale(config.embedding_scale) +
                             base_.positions.rows().norm);
        for (std::size_t layer = 0; layer != base_.layers.size(); ++layer)
            for (const branch_plan& branch : config.plan[layer].branches) {
                if (!branch.beside)
                    read = stream;
                if (!branch.beside || !base_.layers[layer][branch.before].weight.empty())
                    x = normalise(base_.layers[layer][branch.before], read);
                const double made = normalise(
                    base_.layers[layer][branch.after],
                    branch.what == branch_plan::part::experts
                        ? run_experts(layer, x)
                        : multiply(layer, branch.out,
                                   run(branch.what, layer, multiply(layer, branch.in, x))));
                stream = kept(stream + made * scale(config.branch_scale));
            }
        const double logits =
            multiply(base_.layers.size(), std::size_t{0}, normalise(base_.final_norm, stream));
        const double scaled = kept(logits * scale(config.logit_scale));
        return all_kept_ ? std::optional(std::max(logits, scaled)) : std::nullopt;
    }

private:
    double kept(double bound)
    {
        all_kept_ = all_kept_ && bound <= largest; // which NaN is not
        return bound;
    }
    static double scale(float by) { return std::abs(static_cast<double>(by)); }
    /// Of x, if there is such a norm.
    double normalise(const norm_weights& by, double x)
    {
        if (by.weight.empty())
            return x;
        const double gain =
            std::sqrt(static_cast<double>(by.weight.size())) * largest_of(by.weight);
        return kept((gain + norm(by.bias)) * rounding);
    }
    double attend(std::size_t layer, double qkv)
    {
        const double q = normalise(base_.layers[layer][norm_place::of_queries], qkv),
                     k = normalise(base_.layers[layer][norm_place::of_keys], qkv);
        kept(q * turning_ * scale(base_.config.query_scale_at(base_.config.max_positions)));
        kept(k * turning_);
        kept(qkv * turning_); // where they are turned first
        return kept(std::sqrt(static_cast<double>(base_.config.heads)) * qkv * rounding);
    }
    double run(branch_plan::part what, std::size_t layer, double in)
    {
        switch (what) {
        case branch_plan::part::attention: return attend(layer, in);
        case branch_plan::part::gated_mlp: return gate(in);
        default: return in; // no activation makes anything larger
        }
    }
    double run_experts(std::size_t layer, double x)
    {
        const layer_plan& plan = base_.config.plan[layer];
        multiply(layer, plan.router(), x);
        double most = 0;
        for (std::size_t expert = 0; expert != plan.routing.experts; ++expert) {
            const double inner = gate(multiply(layer, linear_of(expert, linear_kind::mlp_in), x));
            most = std::max(most, multiply(layer, linear_of(expert, linear_kind::mlp_out), inner));
        }
        return kept(most * rounding);
    }
    double gate(double gate_up) { return kept(gate_up * gate_up * rounding); }
    double multiply(std::size_t layer, linear_kind kind, double x)
    {
        return multiply(layer, static_cast<std::size_t>(kind), x);
    }
    double multiply(std::size_t layer, std::size_t which, double x)
    {
        const linear& by = base_.at(layer, which);
        const double gain = by.norm + (adapter_.empty() ? 0 : adapter_[layer][which]);
        return kept((gain * x + norm(by.bias)) * rounding);
    }

    const base_weights& base_;
    const adapter_gains& adapter_;
    double turning_ = 1; // what rotations may lengthen queries and keys by
    bool all_kept_ = true;
};

/// What the inequalities leave out: sums of a length that rounding is known for, a norm that never
/// divides by nothing, angles.
bool is_ordinary(const model_config& config)
{
    std::size_t longest = std::max(config.hidden_size, config.max_positions);
    for (const layer_plan& layer : config.plan)
        for (const linear_shape& each : layer.linears)
            longest = std::max(longest, each.in);
    const bool turns = std::ranges::all_of(config.rotations, [&](const rope_config& rope) {
        const std::size_t dims = rope.rotated(config.head_dim),
                          longest_class = rope.length_class(config.max_positions);
        return std::ranges::all_of(std::array{std::size_t{0}, longest_class}, [&](std::size_t of) {
            return std::ranges::all_of(rope_frequencies(rope, dims, of), [&](float each) {
                return std::isfinite(each * static_cast<float>(config.max_positions));
            });
        });
    });
    return longest <= longest_sum && config.norm_eps >= least_eps && turns;
}

} // namespace

adapter_gains gains_of(const model_config& config, const lora_weights& adapter, thread_team& team)
{
    return sum_of_parts(
        config, adapter, team,
        [](const lora_linear& linear, const lora_linear::part& part, std::size_t in) {
            return gain_of(part, norm(std::span(linear.a + part.first_rank * in, part.rank * in)),
                           norm(std::span(part.b, part.rank * part.out)));
        });
}

adapter_gains gains_of(const model_config& config, const lora_weights& adapter, const view& null,
                       thread_team& team)
{
    const double most = largest_draw * null.init_scale * std::sqrt(null.rank_scale);
    return sum_of_parts(config, adapter, team,
                        [most](const lora_linear&, const lora_linear::part& part, std::size_t in) {
                            const auto root = [&](std::size_t width) {
                                return std::sqrt(static_cast<double>(part.rank * width));
                            };
                            return gain_of(part, most * root(in), most * root(part.out));
                        });
}

std::optional<double> logit_bound(const base_weights& base, const adapter_gains& adapter)
{
    return is_ordinary(base.config) ? bounded_pass(base, adapter).run() : std::nullopt;
}

} // namespace warmd::hf

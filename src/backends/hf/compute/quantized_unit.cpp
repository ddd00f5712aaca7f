#include "hf/compute/quantized_unit.hpp"

#include "hf/compute/kernels.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace warmd::hf {

namespace {

constexpr float largest_fp16 = 65504;

float widened(std::uint16_t bits)
{
    float wide = 0;
    widen_fp16(&bits, &wide, 1);
    return wide;
}

/// Rounded to the nearest, ties to even (IEEE 754-2008 §4.3.1); what is beyond the largest, to it.
std::uint16_t narrowed(float x)
{
    constexpr float least_normal = 0x1p-14f, subnormal_step = 0x1p-24f;
    constexpr int dropped = 13;                   // bits of fp32's significand
    constexpr std::uint32_t exponents = 127 - 15; // by so much they differ
    const std::uint32_t sign = std::bit_cast<std::uint32_t>(x) >> 16 & 0x8000U;
    const float size = std::min(std::abs(x), largest_fp16);
    if (size < least_normal)
        return static_cast<std::uint16_t>(
            sign | static_cast<std::uint32_t>(std::nearbyint(size / subnormal_step)));
    std::uint32_t bits = std::bit_cast<std::uint32_t>(size);
    bits += (1U << (dropped - 1)) - 1 + (bits >> dropped & 1U);
    return static_cast<std::uint16_t>(sign | ((bits >> dropped) - (exponents << 10)));
}

/// The least in fp16 that is not smaller: with a smaller step the ends would be out of reach.
std::uint16_t narrowed_up(float x)
{
    const std::uint16_t nearest = narrowed(x);
    const bool may_grow = widened(nearest) < largest_fp16;
    return widened(nearest) < x && may_grow ? static_cast<std::uint16_t>(nearest + 1) : nearest;
}

/// Weights that are no numbers are not hidden: the unit is none either.
constexpr std::uint16_t no_number = 0x7e00;
bool are_finite(std::span<const float> weights)
{
    return std::ranges::all_of(weights, [](float w) { return std::isfinite(w); });
}

/// The whole number of steps that is nearest, within bounds.
float steps(float x, float step, float least, float most)
{
    return step > 0 ? std::clamp(std::nearbyint(x / step), least, most) : 0;
}

} // namespace

void quantize(std::span<const float> weights, int8_unit& to)
{
    constexpr float most = 127;
    to = {.scale = no_number};
    if (!are_finite(weights))
        return to.q.fill(1);
    float largest = 0;
    for (const float w : weights)
        largest = std::max(largest, std::abs(w));
    to = {.scale = narrowed_up(largest / most)};
    const float step = widened(to.scale);
    for (std::size_t i = 0; i != weights.size(); ++i)
        to.q[i] = static_cast<std::int8_t>(steps(weights[i], step, -most, most));
}

void quantize(std::span<const float> weights, int4_unit& to)
{
    constexpr float most = 15;
    to = {.scale = no_number};
    if (!are_finite(weights))
        return;
    const auto [least, largest] = std::ranges::minmax(weights);
    to = {.minimum = narrowed(least)};
    const float from = widened(to.minimum);
    to.scale = narrowed_up((largest - from) / most);
    const float step = widened(to.scale);
    for (std::size_t i = 0; i != weights.size(); ++i)
        to.q[i / 2] |= static_cast<std::uint8_t>(
            static_cast<unsigned>(steps(weights[i] - from, step, 0, most)) << i % 2 * 4);
}

void widen(const int8_unit& from, std::span<float> to)
{
    const float step = widened(from.scale);
    for (std::size_t i = 0; i != to.size(); ++i)
        to[i] = step * from.q[i];
}

void widen(const int4_unit& from, std::span<float> to)
{
    const float step = widened(from.scale), least = widened(from.minimum);
    for (std::size_t i = 0; i != to.size(); ++i)
        to[i] = std::fma(step, static_cast<float>(from.q[i / 2] >> i % 2 * 4 & 15), least);
}

double int8_norm_at_most(double norm, std::size_t weights)
{
    return 1.05 * norm + 0x1p-23 * std::sqrt(static_cast<double>(weights));
}

double int4_norm_at_most(double norm, std::size_t weights)
{
    return 1.5 * norm + 0x1p-23 * std::sqrt(static_cast<double>(weights));
}

} // namespace warmd::hf

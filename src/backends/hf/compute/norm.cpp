#include "hf/compute/norm.hpp"

#include "hf/compute/kernels.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace warmd::hf {

namespace {

/// 16 numbers: as many sums that do not wait for each other.
constexpr std::size_t lanes = 16;
using floats = float __attribute__((vector_size(lanes * sizeof(float))));
using words = std::uint32_t __attribute__((vector_size(lanes * sizeof(std::uint32_t))));

/// Elements whose squares are summed in fp32; such sums are summed in fp64.
constexpr std::size_t piece = 8192;

double sum_of(const floats& of)
{
    double sum = 0;
    for (std::size_t i = 0; i != lanes; ++i)
        sum += static_cast<double>(of[i]);
    return sum;
}

/// At most `piece` of them.
double squares(const float* x, std::size_t count)
{
    floats sums{};
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        floats values;
        std::memcpy(&values, x + i, sizeof values);
        sums += values * values;
    }
    double sum = sum_of(sums);
    for (; i != count; ++i)
        sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    return sum;
}

/// The same; two neighbours at once, one the lower half of a word and one the upper: in which order
/// does not matter.
double squares_bf16(const std::uint16_t* x, std::size_t count)
{
    floats lower{}, upper{};
    std::size_t i = 0;
    for (; i + 2 * lanes <= count; i += 2 * lanes) {
        words both;
        std::memcpy(&both, x + i, sizeof both);
        const words low = both << 16, high = both & 0xffff0000u;
        floats values;
        std::memcpy(&values, &low, sizeof values);
        lower += values * values;
        std::memcpy(&values, &high, sizeof values);
        upper += values * values;
    }
    std::array<float, 2 * lanes> rest{};
    widen_bf16(x + i, rest.data(), count - i);
    return sum_of(lower) + sum_of(upper) + squares(rest.data(), count - i);
}

double squares_fp16(const std::uint16_t* x, std::size_t count)
{
    std::array<float, piece> widened;
    widen_fp16(x, widened.data(), count);
    return squares(widened.data(), count);
}

double squares(const std::byte* weights, stored_as type, std::size_t count)
{
    switch (type) {
    case stored_as::fp32: return squares(reinterpret_cast<const float*>(weights), count);
    case stored_as::bf16:
        return squares_bf16(reinterpret_cast<const std::uint16_t*>(weights), count);
    case stored_as::fp16: break;
    }
    return squares_fp16(reinterpret_cast<const std::uint16_t*>(weights), count);
}

} // namespace

double sum_of_squares(std::span<const std::byte> weights, stored_as type)
{
    constexpr double underflow =
        0x1p-126; // what a square that is too small for fp32 may be short of
    const std::size_t count = weights.size() / size_of(type);
    double sum = static_cast<double>(count) * underflow;
    for (std::size_t first = 0; first < count; first += piece)
        sum +=
            squares(weights.data() + first * size_of(type), type, std::min(piece, count - first));
    return sum;
}

double norm(std::span<const float> weights)
{
    return std::sqrt(sum_of_squares(std::as_bytes(weights), stored_as::fp32));
}

} // namespace warmd::hf

#include "hf/compute/quantized_rows.hpp"

#include "hf/compute/stored_numbers.hpp"
#include "hf/compute/threads.hpp"

#include <algorithm>
#include <cstring>

namespace warmd::hf {

namespace {

std::uint64_t units_of(std::uint64_t width)
{
    return (width + quantized_inputs - 1) / quantized_inputs;
}

template <class Unit>
std::vector<Unit> quantized(std::span<const std::byte> rows, stored_as type, std::size_t width,
                            thread_team& team)
{
    const std::size_t row_bytes = width * size_of(type), height = rows.size() / row_bytes,
                      units = units_of(width);
    std::vector<Unit> made(height * units);
    team.for_each(height, rows.size(), [&](std::size_t r) {
        thread_local std::vector<float> room;
        const std::span row(in_fp32(rows.data() + r * row_bytes, type, width, room), width);
        for (std::size_t u = 0; u != units; ++u) {
            const std::size_t first = u * quantized_inputs;
            quantize(row.subspan(first, std::min(quantized_inputs, width - first)),
                     made[r * units + u]);
        }
    });
    return made;
}

} // namespace

quantized_rows::quantized_rows(std::span<const std::byte> rows, stored_as type, std::size_t width,
                               bool to_4, thread_team& team)
{
    if (to_4)
        units_ = quantized<int4_unit>(rows, type, width, team);
    else
        units_ = quantized<int8_unit>(rows, type, width, team);
}

std::uint64_t quantized_rows::bytes(std::uint64_t height, std::uint64_t width, bool to_4)
{
    return height * units_of(width) * (to_4 ? sizeof(int4_unit) : sizeof(int8_unit));
}

std::uint64_t quantized_rows::bytes() const
{
    return std::visit([](const auto& units) { return units.size() * sizeof units[0]; }, units_);
}

void quantized_rows::look_up(std::size_t r, std::span<float> to) const
{
    std::visit(
        [&](const auto& units) {
            const std::size_t first = r * units_of(to.size());
            for (std::size_t at = 0; at < to.size(); at += quantized_inputs)
                widen(units[first + at / quantized_inputs],
                      to.subspan(at, std::min(quantized_inputs, to.size() - at)));
        },
        units_);
}

} // namespace warmd::hf

#include "hf/compute/amx.hpp"
#include "hf/compute/avx512.hpp"
#include "hf/compute/threads.hpp"
#include "hf/model/lora_amx.hpp"
#include "hf/model/lora_amx_layout.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#if defined(__x86_64__)

namespace warmd::hf {

using namespace amx;
using namespace lora_layout;
using avx512::widened;

namespace {

/// Each number as a pair of it and itself.
WARMD_AMX [[gnu::always_inline]] inline __m512i twice(__m256i bf16)
{
    const __m512i numbers = _mm512_cvtepu16_epi32(bf16);
    return _mm512_or_si512(numbers, _mm512_slli_epi32(numbers, 16));
}

/// One column of B: numbers of one step, a pair to each row.
WARMD_AMX void put_column(__m512bh numbers, std::byte* to)
{
    alignas(64) std::array<std::uint32_t, register_rows> pairs;
    _mm512_store_ps(pairs.data(), reinterpret_cast<__m512>(numbers));
    for (std::size_t i = 0; i != pairs.size(); ++i)
        std::memcpy(to + i * row_bytes, &pairs[i], sizeof pairs[i]);
}

/// One rank of A [in] to its column, upper halves, and the one 8 beside it, lower halves.
WARMD_AMX void put_rank(const float* a, std::size_t in, std::size_t eights, std::size_t which,
                        std::size_t column, std::byte* to)
{
    for (std::size_t s = 0; s != steps_of(in); ++s) {
        alignas(64) std::array<float, step> rest{};
        std::copy_n(a + s * step, std::min(step, in - s * step), rest.begin());
        const __m512bh upper = narrow(rest.data(), step);
        const auto halves = reinterpret_cast<__m512i>(upper);
        _mm512_store_ps(rest.data(),
                        _mm512_load_ps(rest.data()) - widened(_mm512_castsi512_si256(halves)));
        _mm512_store_ps(rest.data() + register_rows,
                        _mm512_load_ps(rest.data() + register_rows) -
                            widened(_mm512_extracti64x4_epi64(halves, 1)));
        std::byte* const place =
            to + a_place(eights, which, steps_of(in), s) + column * sizeof(std::uint32_t);
        put_column(upper, place);
        put_column(narrow(rest.data(), step), place + eight * sizeof(std::uint32_t));
    }
}

/// One rank of B [out] to its two rows of pairs.
WARMD_AMX void put_rows(const float* b, std::size_t out, std::uint32_t* upper_row,
                        std::uint32_t* lower_row)
{
    for (std::size_t first = 0; first < out; first += register_rows) {
        const auto some = static_cast<__mmask16>(
            _bzhi_u32(~0u, static_cast<std::uint32_t>(std::min(out - first, register_rows))));
        const __m512 values = _mm512_maskz_loadu_ps(some, b + first);
        const auto upper = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(values));
        const auto lower = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(values - widened(upper)));
        _mm512_storeu_si512(upper_row + first, twice(upper));
        _mm512_storeu_si512(lower_row + first, twice(lower));
    }
}

/// All of one product's tiles.
void fill(const lora_linear& by, std::size_t in)
{
    if (by.parts.empty())
        return;
    std::memset(by.a_tiles, 0, by.eights * steps_of(in) * register_bytes);
    for (const lora_linear::part& part : by.parts) {
        auto* const rows = reinterpret_cast<std::uint32_t*>(part.b_tiles);
        const std::size_t row = padded(part.out);
        std::memset(rows, 0, b_bytes(part.rank, part.out));
        for (std::size_t r = 0; r != part.rank; ++r) {
            const std::size_t which = part.first_eight + r / eight;
            put_rank(by.a + (part.first_rank + r) * in, in, by.eights, which, r % eight,
                     by.a_tiles);
            std::uint32_t* const upper = rows + (r / eight * register_rows + r % eight) * row;
            put_rows(part.b + r * part.out, part.out, upper, upper + eight * row);
        }
    }
}

} // namespace

std::uint64_t lora_tile_bytes(const std::vector<lora_factors>& factors, const weight_format& format)
{
    std::uint64_t bytes = 0;
    for (const lora_factors& each : factors)
        if (each.module.what != base_module::kind::embedding)
            bytes += a_bytes(each.rank, each.module.in) + b_bytes(each.rank, each.module.out);
    return format.uses_tiles() ? memory_block::rounded(bytes) : 0;
}

void make_lora_tiles(const model_config& config, const weight_format& format, lora_weights& weights,
                     thread_team& team)
{
    if (!format.uses_tiles())
        return;
    const auto in_of = [&](std::size_t layer, std::size_t which) {
        return linears_of(config, layer)[which].in;
    };
    std::uint64_t bytes = 0;
    for (std::size_t layer = 0; layer != weights.layers.size(); ++layer)
        for (std::size_t which = 0; which != weights.layers[layer].size(); ++which)
            for (const lora_linear::part& part : weights.layers[layer][which].parts)
                bytes += a_bytes(part.rank, in_of(layer, which)) + b_bytes(part.rank, part.out);
    weights.tiles = memory_block(bytes);
    std::byte* place = weights.tiles.data();
    for (std::size_t layer = 0; layer != weights.layers.size(); ++layer)
        for (std::size_t which = 0; which != weights.layers[layer].size(); ++which) {
            lora_linear& by = weights.layers[layer][which];
            by.a_tiles = by.parts.empty() ? nullptr : place;
            for (lora_linear::part& part : by.parts) {
                part.first_eight = by.eights;
                by.eights += eights_of(part.rank);
                place += a_bytes(part.rank, in_of(layer, which));
            }
            for (lora_linear::part& part : by.parts) {
                part.b_tiles = place;
                place += b_bytes(part.rank, part.out);
            }
        }
    team.for_each(weights.layers.size(), bytes, [&](std::size_t layer) {
        for (std::size_t which = 0; which != weights.layers[layer].size(); ++which)
            fill(weights.layers[layer][which], in_of(layer, which));
    });
}

} // namespace warmd::hf

#else

namespace warmd::hf {

std::uint64_t lora_tile_bytes(const std::vector<lora_factors>&, const weight_format&) { return 0; }
void make_lora_tiles(const model_config&, const weight_format&, lora_weights&, thread_team&) {}

} // namespace warmd::hf

#endif

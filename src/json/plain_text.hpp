#pragma once
// The bytes of a JSON string that stand for themselves: what is read and written fastest.

#include <bit>
#include <cstddef>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace warmd {

/// How many bytes at the front of `text` need no escape: neither below 0x20 nor '"' nor '\\', and
/// with `ascii` none above 0x7F.
template <bool ascii>
[[gnu::always_inline]] inline std::size_t plain_run(std::string_view text) noexcept
{
    std::size_t at = 0;
#ifdef __SSE2__
    for (; text.size() - at >= sizeof(__m128i); at += sizeof(__m128i)) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
        const __m128i quotes = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                            _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
        const __m128i low =
            ascii ? _mm_cmplt_epi8(bytes,
                                   _mm_set1_epi8(0x20)) // signed: what is above 0x7F is below 0
                  : _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
        if (const int special = _mm_movemask_epi8(_mm_or_si128(quotes, low)); special != 0)
            return at + static_cast<std::size_t>(std::countr_zero(static_cast<unsigned>(special)));
    }
#endif
    const auto stands_for_itself = [](unsigned char c) {
        return c >= 0x20 && c != '"' && c != '\\' && (!ascii || c < 0x80);
    };
    while (at != text.size() && stands_for_itself(static_cast<unsigned char>(text[at])))
        ++at;
    return at;
}

} // namespace warmd

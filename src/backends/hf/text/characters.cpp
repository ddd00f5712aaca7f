#include "hf/text/characters.hpp"

#include "hf/text/utf8.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>

namespace warmd::hf {

namespace {

struct range {
    char32_t first;
    char32_t last;
};
struct lower_case {
    char32_t first;
    char32_t last;
    char32_t step; ///< between those of the range that change
    std::int32_t adds;
};
struct script_range {
    char32_t first;
    char32_t last;
    int script;
};

constexpr range punctuation[] = {
#include "unicode/punctuation.inc"
};
constexpr range numeric[] = {
#include "unicode/numeric.inc"
};
constexpr range word[] = {
#include "unicode/word.inc"
};
constexpr range control[] = {
#include "unicode/control.inc"
};
constexpr range mark[] = {
#include "unicode/mark.inc"
};
constexpr range nonspacing_mark[] = {
#include "unicode/nonspacing_mark.inc"
};
constexpr range assigned[] = {
#include "unicode/assigned.inc"
};
constexpr range grapheme_extend[] = {
#include "unicode/grapheme_extend.inc"
};
constexpr lower_case lower[] = {
#include "unicode/lower.inc"
};
constexpr script_range scripts[] = {
#include "unicode/script.inc"
};

// The blocks, as BERT's authors list them.
constexpr range ideographs[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                                {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
                                {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};

/// The range that holds `c`, or nullptr. REQUIRES: `ranges` ascend.
template <class Range>
const Range* find(std::span<const Range> ranges, char32_t c) noexcept
{
    const auto after = std::ranges::upper_bound(ranges, c, {}, &Range::first);
    if (after == ranges.begin())
        return nullptr;
    const Range& before = *std::prev(after);
    return c <= before.last ? &before : nullptr;
}

bool holds(std::span<const range> ranges, char32_t c) noexcept { return find(ranges, c); }

} // namespace

bool is_white_space(char32_t c) noexcept
{
    return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

bool is_punctuation(char32_t c) noexcept { return holds(punctuation, c); }
bool is_numeric(char32_t c) noexcept { return holds(numeric, c); }
bool is_word(char32_t c) noexcept { return holds(word, c); }
bool is_control(char32_t c) noexcept { return holds(control, c); }
bool is_mark(char32_t c) noexcept { return holds(mark, c); }
bool is_nonspacing_mark(char32_t c) noexcept { return holds(nonspacing_mark, c); }
bool is_in_unicode_9(char32_t c) noexcept { return holds(assigned, c); }
bool is_ideograph(char32_t c) noexcept { return holds(ideographs, c); }
bool extends_grapheme(char32_t c) noexcept { return holds(grapheme_extend, c); }

void append_lower_case(std::string& out, char32_t c)
{
    if (c == 0x130) { // the one that becomes two
        out += "i\xCC\x87";
        return;
    }
    const lower_case* const rule = find<lower_case>(lower, c);
    const bool changes = rule && (c - rule->first) % rule->step == 0;
    append_code_point(out, changes ? c + static_cast<char32_t>(rule->adds) : c);
}

int script_of(char32_t c) noexcept
{
    const script_range* const found = find<script_range>(scripts, c);
    return found ? found->script : no_script;
}

} // namespace warmd::hf

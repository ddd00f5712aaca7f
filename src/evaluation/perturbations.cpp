// How the prefix of a recital is disturbed (text_measures.hpp).

#include "evaluation/characters.hpp"
#include "evaluation/text_measures.hpp"

#include <algorithm>

namespace warmd::evaluation {

namespace {

bool is_letter(char32_t c) { return to_lower(c) != c || to_upper(c) != c; }
bool is_ascii_letter(char32_t c) { return c < 0x80 && is_letter(c); }

std::u32string typo(std::u32string text)
{
    if (text.size() >= 2)
        std::swap(text[0], text[1]);
    return text;
}

std::u32string case_flip(std::u32string text)
{
    const auto first = std::ranges::find_if(text, is_letter);
    if (first != text.end())
        *first = is_upper(*first) ? to_lower(*first) : to_upper(*first);
    return text;
}

std::u32string drop_punct(std::u32string text)
{
    constexpr std::u32string_view dropped = U".,;:!?-\u2014";
    std::erase_if(text, [&](char32_t c) { return dropped.find(c) != dropped.npos; });
    return text;
}

/// The first word of ASCII letters that has one.
std::u32string synonym_swap(const std::u32string& text, const synonym_table& synonyms)
{
    for (std::size_t i = 0; i < text.size();) {
        std::size_t end = i;
        while (end < text.size() && is_word_character(text[end]))
            ++end;
        const auto word = std::u32string_view(text).substr(i, end - i);
        if (!word.empty() && std::ranges::all_of(word, is_ascii_letter)) {
            std::u32string lower(word);
            std::ranges::transform(lower, lower.begin(), to_lower);
            const auto found = synonyms.find(utf8_of(lower));
            if (found != synonyms.end()) {
                std::u32string other = characters_of(found->second);
                if (is_upper(word[0]) && !other.empty())
                    other[0] = to_upper(other[0]);
                return text.substr(0, i) + other + text.substr(end);
            }
        }
        i = std::max(end, i + 1);
    }
    return text;
}

std::u32string clause_reverse(const std::u32string& text)
{
    for (const std::u32string_view between : {U", ", U" and ", U" but ", U" or "}) {
        const std::size_t at = text.find(between);
        if (at == text.npos || at == 0)
            continue;
        std::u32string right = text.substr(at + between.size());
        const std::size_t last = right.find_last_not_of(U".!?");
        right.erase(last == right.npos ? 0 : last + 1);
        return right + std::u32string(between) + text.substr(0, at);
    }
    return text;
}

std::u32string prefix_inject(std::u32string text)
{
    if (!text.empty())
        text[0] = to_lower(text[0]);
    return U"I think that " + text;
}

std::u32string register_shift(std::u32string text)
{
    const auto last =
        text.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(30, text.size()));
    const bool lower = std::any_of(text.begin(), last, is_upper);
    std::transform(text.begin(), last, text.begin(), lower ? to_lower : to_upper);
    return text;
}

std::u32string disturbed_characters(std::u32string text, perturbation how,
                                    const synonym_table& synonyms)
{
    switch (how) {
    case perturbation::typo: return typo(std::move(text));
    case perturbation::case_flip: return case_flip(std::move(text));
    case perturbation::drop_punct: return drop_punct(std::move(text));
    case perturbation::synonym_swap: return synonym_swap(text, synonyms);
    case perturbation::clause_reverse: return clause_reverse(text);
    case perturbation::prefix_inject: return prefix_inject(std::move(text));
    case perturbation::register_shift: return register_shift(std::move(text));
    }
    return text;
}

} // namespace

std::string disturbed(std::string_view text, perturbation how, const synonym_table& synonyms)
{
    return utf8_of(disturbed_characters(characters_of(text), how, synonyms));
}

} // namespace warmd::evaluation

#include "evaluation/text_measures.hpp"

#include "evaluation/characters.hpp"
#include "evaluation/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace warmd::evaluation {

namespace {

// -- recall ------------------------------------------------------------------------------------

/// Finds the matching blocks of two texts.
class block_matcher {
public:
    block_matcher(std::u32string_view a, std::u32string_view b, bool autojunk)
        : a_(a), b_(b), popular_(b.size())
    {
        constexpr std::size_t long_text = 200;
        if (!autojunk || b.size() < long_text)
            return;
        std::map<char32_t, std::size_t> times;
        for (const char32_t c : b)
            ++times[c];
        for (std::size_t j = 0; j != b.size(); ++j)
            popular_[j] = times[b[j]] > b.size() / 100 + 1;
    }

    /// Characters in all blocks. Each divides what is left and right of it.
    std::size_t matched() const
    {
        struct part {
            std::size_t a_first, a_last, b_first, b_last;
        };
        std::vector<part> open{{0, a_.size(), 0, b_.size()}};
        std::size_t sum = 0;
        while (!open.empty()) {
            const part p = open.back();
            open.pop_back();
            const block found = longest(p.a_first, p.a_last, p.b_first, p.b_last);
            if (found.size == 0)
                continue;
            sum += found.size;
            open.push_back({p.a_first, found.a, p.b_first, found.b});
            open.push_back({found.a + found.size, p.a_last, found.b + found.size, p.b_last});
        }
        return sum;
    }

private:
    struct block {
        std::size_t a, b, size;
    };

    /// Of equals the earliest in a, then in b. No popular character counts, until the block is
    /// extended.
    block longest(std::size_t a_first, std::size_t a_last, std::size_t b_first,
                  std::size_t b_last) const
    {
        block best{a_first, b_first, 0};
        std::vector<std::size_t> before(b_.size() + 1), here(b_.size() + 1); // by the end in b
        for (std::size_t i = a_first; i != a_last; ++i) {
            for (std::size_t j = b_first; j != b_last; ++j) {
                const bool same = a_[i] == b_[j] && !popular_[j];
                const std::size_t run = same ? (j == b_first ? 0 : before[j]) + 1 : 0;
                here[j + 1] = run;
                if (run > best.size)
                    best = {i + 1 - run, j + 1 - run, run};
            }
            std::swap(before, here);
        }
        while (best.a > a_first && best.b > b_first && a_[best.a - 1] == b_[best.b - 1])
            best = {best.a - 1, best.b - 1, best.size + 1};
        while (best.a + best.size < a_last && best.b + best.size < b_last &&
               a_[best.a + best.size] == b_[best.b + best.size])
            ++best.size;
        return best;
    }

    std::u32string_view a_, b_;
    std::vector<bool> popular_; // by the place in b
};

// -- words and style ---------------------------------------------------------------------------

bool is_english_letter(char32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// \b[A-Za-z][A-Za-z'-]*\b
std::vector<std::u32string_view> words_in(std::u32string_view text)
{
    std::vector<std::u32string_view> found;
    const auto is_boundary = [&](std::size_t at) {
        const bool left = at > 0 && is_word_character(text[at - 1]);
        const bool right = at < text.size() && is_word_character(text[at]);
        return left != right;
    };
    for (std::size_t i = 0; i < text.size();) {
        std::size_t end = i;
        if (is_english_letter(text[i]) && is_boundary(i))
            for (++end; end < text.size() &&
                        (is_english_letter(text[end]) || text[end] == '\'' || text[end] == '-');)
                ++end;
        while (end > i && !is_boundary(end))
            --end;
        if (end > i)
            found.push_back(text.substr(i, end - i));
        i = std::max(end, i + 1);
    }
    return found;
}

std::string lowered(std::u32string_view text)
{
    std::u32string made(text);
    std::ranges::transform(made, made.begin(), to_lower);
    return utf8_of(made);
}

/// Split at white space after an end of a sentence.
std::vector<std::u32string_view> sentences_in(std::u32string_view text)
{
    std::vector<std::u32string_view> found;
    std::size_t first = 0;
    for (std::size_t i = 1; i < text.size(); ++i) {
        const char32_t before = text[i - 1];
        if (!is_space(text[i]) || (before != '.' && before != '!' && before != '?'))
            continue;
        found.push_back(text.substr(first, i - first));
        while (i < text.size() && is_space(text[i]))
            ++i;
        first = i;
    }
    found.push_back(text.substr(std::min(first, text.size())));
    return found;
}

/// Split at line ends with nothing but white space between them; those that are not blank.
std::vector<std::u32string_view> paragraphs_in(std::u32string_view text)
{
    std::vector<std::u32string_view> found;
    const auto keep = [&](std::size_t first, std::size_t last) {
        const auto piece = text.substr(first, last - first);
        if (!std::ranges::all_of(piece, is_space))
            found.push_back(piece);
    };
    std::size_t first = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\n')
            continue;
        std::size_t end = i + 1, last_line_end = i;
        for (; end < text.size() && is_space(text[end]); ++end)
            if (text[end] == '\n')
                last_line_end = end;
        if (last_line_end == i)
            continue;
        keep(first, i);
        first = last_line_end + 1;
        i = last_line_end;
    }
    keep(std::min(first, text.size()), text.size());
    return found;
}

double words_per_paragraph(std::u32string_view text)
{
    std::vector<double> counts;
    for (const std::u32string_view each : paragraphs_in(text))
        counts.push_back(static_cast<double>(words_in(each).size()));
    return mean(counts);
}

} // namespace

double recall(std::string_view generated, std::string_view truth, bool autojunk)
{
    const std::u32string a = characters_of(generated), b = characters_of(truth);
    if (a.empty() || b.empty())
        return 0;
    return 2 * static_cast<double>(block_matcher(a, b, autojunk).matched()) /
           static_cast<double>(a.size() + b.size());
}

std::vector<std::string> words_of(std::string_view text)
{
    const std::u32string characters = characters_of(text);
    std::vector<std::string> made;
    for (const std::u32string_view each : words_in(characters))
        made.push_back(lowered(each));
    return made;
}

double word_f1(std::string_view a, std::string_view b)
{
    std::vector<std::string> of_a = words_of(a), of_b = words_of(b), shared;
    std::ranges::sort(of_a);
    std::ranges::sort(of_b);
    std::ranges::set_intersection(of_a, of_b, std::back_inserter(shared));
    const auto all = static_cast<double>(of_a.size() + of_b.size());
    return shared.empty() ? 0 : 2 * static_cast<double>(shared.size()) / all;
}

fingerprint fingerprint_of(std::string_view text)
{
    constexpr std::u32string_view punctuation = U".,:;!?-\u2014()[]\"'/";
    const std::u32string all = characters_of(text);
    const std::vector<std::string> words = words_of(text);
    if (words.empty())
        return {};
    std::vector<double> lengths; // of sentences, in words
    for (const std::u32string_view each : sentences_in(all))
        if (const std::size_t count = words_in(each).size())
            lengths.push_back(static_cast<double>(count));
    const auto count = static_cast<double>(words.size());
    double letters = 0;
    for (const std::string& each : words)
        letters += static_cast<double>(each.size());
    const auto marks = static_cast<double>(std::ranges::count_if(
        all, [&](char32_t c) { return punctuation.find(c) != punctuation.npos; }));
    return {mean(lengths) / 30,
            std::sqrt(population_variance(lengths)) / 30,
            static_cast<double>(std::set(words.begin(), words.end()).size()) / count,
            letters / count / 10,
            marks / static_cast<double>(all.size()) * 10,
            30 / std::max(1.0, words_per_paragraph(all))};
}

} // namespace warmd::evaluation

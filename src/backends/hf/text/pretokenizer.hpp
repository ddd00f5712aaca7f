#pragma once
// The pre-tokenizer of a tokenizer.json: how normalized text is cut into the words that the model
// does not cross.

#include "hf/text/component.hpp"
#include "hf/text/pattern.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace warmd::hf {

/// A text cut into pieces that lie end to end, none of them empty.
struct pieces {
    std::string text;
    std::vector<std::size_t> ends; ///< where each piece ends in `text`, ascending
    bool at_start = false;         ///< whether the first piece begins the whole input

    std::string_view piece(std::size_t i) const
    {
        const std::size_t begin = i == 0 ? 0 : ends[i - 1];
        return std::string_view(text).substr(begin, ends[i] - begin);
    }
    /// Adds a piece unless it is empty.
    void add(std::string_view piece);
};

/// Every pre-tokenizer of tokenizers 0.23: BertPreTokenizer, ByteLevel, CharDelimiterSplit, Digits,
/// FixedLength, Metaspace, Punctuation, Split, UnicodeScripts, Whitespace, WhitespaceSplit, and
/// Sequences of them, in order. Anything else is `unsupported`, by name.
class pretokenizer {
public:
    /// Reads the member `pre_tokenizer` of the document, which may be absent or null: then a text
    /// is one piece.
    explicit pretokenizer(const json_place& document);

    /// The pieces of `text`, which begins the whole input if `at_start`. REQUIRES and throws as
    /// text_search; std::length_error above max_text_bytes.
    pieces operator()(std::string text, bool at_start, match_budget& budget) const;

private:
    /// What becomes of the matches of a Split.
    enum class behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };
    struct split {
        text_pattern pattern;
        behavior matches;
        bool invert; ///< what lies between the matches is taken for the matches
    };
    struct prepend_space {}; ///< to each piece that does not begin with one
    struct spell_bytes {};   ///< each byte by its character (byte_alphabet.hpp)
    struct fixed_length {
        std::size_t characters; ///< of each piece but the last
    };
    /// Cuts where the kind of the characters changes; what is of kind `none` goes.
    struct runs {
        static constexpr int none = -1;
        int (*kind)(char32_t c);
    };
    struct by_script {
    }; ///< cuts where another script begins; what has none goes with what is before
    using step =
        std::variant<split, prepend_space, spell_bytes, metaspace, fixed_length, runs, by_script>;

    void read(const json_place& fields);
    void read_byte_level(const json_place& fields);
    static behavior read_behavior(const json_place& fields, std::string_view name);
    void add_split(text_pattern pattern, behavior matches)
    {
        steps_.emplace_back(split{std::move(pattern), matches, false});
    }

    struct part;
    static std::vector<part> arrange(const std::vector<part>& parts, behavior matches);
    static pieces apply(const split& rule, const pieces& in, match_budget& budget);
    static pieces apply(prepend_space, const pieces& in, match_budget& budget);
    static pieces apply(spell_bytes, const pieces& in, match_budget& budget);
    static pieces apply(const metaspace& rule, const pieces& in, match_budget& budget);
    static pieces apply(fixed_length rule, const pieces& in, match_budget& budget);
    static pieces apply(runs rule, const pieces& in, match_budget& budget);
    static pieces apply(by_script, const pieces& in, match_budget& budget);
    static void keep(pieces& out, const pieces& in, std::size_t i, text_range where);

    std::vector<step> steps_;
};

} // namespace warmd::hf

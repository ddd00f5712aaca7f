#pragma once
// The added tokens of a tokenizer.json: found in the text as they are, before the model sees what
// is left between them.

#include "hf/text/byte_trie.hpp"
#include "hf/text/normalizer.hpp"
#include "hf/text/pattern.hpp"
#include "hf/text/vocabulary.hpp"

#include <warmd/divergence.hpp>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warmd::hf {

class added_tokens {
public:
    /// Reads the member `added_tokens` of the document, which may be absent or null. A token that
    /// is also in the model's vocabulary has its id there.
    added_tokens(const json_place& document, const vocabulary& words, const normalizer& normalize);

    /// A stretch of text, or the added token that was found there.
    struct segment {
        text_range where;
        token_id id = -1; ///< -1: text
    };
    /// Which tokens are looked for: those that match the text as given, or those that match it
    /// after normalization.
    enum class stage { raw, normalized };

    /// `text` cut into added tokens and non-empty stretches between them. At each place the longest
    /// token counts; the white space that a token with lstrip or rstrip swallows belongs to it.
    /// REQUIRES: valid UTF-8.
    std::vector<segment> split(std::string_view text, stage which) const;

    const std::string* text_of(token_id id) const; ///< nullptr if no added token has `id`
    /// What a decoder is given for it: the text, normalized if `normalized` is set.
    const std::string* decoded_text_of(token_id id) const;
    std::optional<token_id> id_of(std::string_view text) const;
    bool is_special(std::string_view text) const { return special_.contains(text); }
    token_id max_id() const noexcept { return max_id_; }

private:
    struct token {
        std::string text;
        std::string normal; ///< that, normalized if it is looked for in normalized text
        token_id id = -1;
        bool single_word = false; ///< only where no word goes on at either side
        bool lstrip = false;      ///< swallows white space before it
        bool rstrip = false;      ///< and after it
        bool normalized = false;
        bool special = false;
    };
    token read(const json_place& fields, const vocabulary& words) const;
    static bool stands_alone(std::string_view text, const text_range& where);

    std::vector<token> tokens_;
    boost::unordered_flat_map<token_id, std::uint32_t> by_id_;
    boost::unordered_flat_map<std::string_view, token_id> by_text_; ///< into tokens_
    boost::unordered_flat_set<std::string_view> special_;           ///< into tokens_
    byte_trie raw_;
    byte_trie normalized_;
    token_id max_id_ = -1;
};

} // namespace warmd::hf

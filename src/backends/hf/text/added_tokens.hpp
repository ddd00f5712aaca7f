#pragma once
// The added tokens of a tokenizer.json: found in the text as they are, before the model sees what
// is left between them.

#include "hf/text/bpe.hpp"
#include "hf/text/normalizer.hpp"
#include "hf/text/pattern.hpp"

#include <warmd/divergence.hpp>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include <bitset>
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
    added_tokens(const json_place& document, const bpe& model, const normalizer& normalize);

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
    std::optional<token_id> id_of(std::string_view text) const;
    bool is_special(std::string_view text) const { return special_.contains(text); }
    token_id max_id() const noexcept { return max_id_; }

private:
    struct token {
        std::string text;
        token_id id = -1;
        bool single_word = false; ///< only where no word goes on at either side
        bool lstrip = false;      ///< swallows white space before it
        bool rstrip = false;      ///< and after it
        bool normalized = false;
        bool special = false;
    };
    /// The tokens of one stage, by their bytes.
    class trie {
    public:
        void add(std::string_view text, std::uint32_t token);
        struct match {
            std::uint32_t token;
            std::size_t length;
        };
        /// The longest of its texts that `text` begins with.
        std::optional<match> longest_prefix(std::string_view text) const;

    private:
        boost::unordered_flat_map<std::uint64_t, std::uint32_t> children_; ///< by node, byte
        boost::unordered_flat_map<std::uint32_t, std::uint32_t> tokens_;   ///< by node
        std::bitset<256> first_bytes_;
        std::uint32_t nodes_ = 1;
    };

    token read(const json_place& fields, const bpe& model) const;
    bool stands_alone(std::string_view text, const text_range& where) const;

    std::vector<token> tokens_;
    boost::unordered_flat_map<token_id, std::uint32_t> by_id_;
    boost::unordered_flat_map<std::string_view, token_id> by_text_; ///< into tokens_
    boost::unordered_flat_set<std::string_view> special_;           ///< into tokens_
    trie raw_;
    trie normalized_;
    regex word_; ///< one character of a word
    token_id max_id_ = -1;
};

} // namespace warmd::hf

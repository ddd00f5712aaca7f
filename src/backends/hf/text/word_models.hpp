#pragma once
// Models that look a word up: whole (WordLevel), or in pieces (WordPiece).

#include "hf/text/byte_trie.hpp"
#include "hf/text/pattern.hpp"
#include "hf/text/vocabulary.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

namespace warmd::hf {

/// A word is a token, or the unknown token.
class word_level {
public:
    word_level(const json_place& model, const vocabulary& words);
    void encode(std::string_view word, const vocabulary& words, std::vector<token_id>& ids) const;

private:
    token_id unknown_;
};

/// The longest token that the word begins with, then the longest that its rest begins with, those
/// being spelled with a prefix ("##"). A word that cannot be cut so, or is too long, is the unknown
/// token (Wu et al. 2016, §4.1, as BERT has it).
class word_piece {
public:
    word_piece(const json_place& model, const vocabulary& words);
    /// Throws as match_budget::spend.
    void encode(std::string_view word, match_budget& budget, std::vector<token_id>& ids) const;

private:
    byte_trie first_;     ///< tokens as they are
    byte_trie following_; ///< those with the prefix, without it
    std::size_t max_characters_;
    token_id unknown_;
};

} // namespace warmd::hf

#pragma once
// The unigram language model (Kudo 2018, §3.2) with the scores of a tokenizer.json.

#include "hf/text/byte_trie.hpp"
#include "hf/text/pattern.hpp"
#include "hf/text/vocabulary.hpp"

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace warmd::hf {

class unigram {
public:
    /// Reads the member `vocab` of the model, a list of tokens and their scores, into `words`; a
    /// token's id is its place.
    unigram(const json_place& model, vocabulary& words);

    /// Appends the tokens of the cut of `word` with the greatest sum of scores. A character without
    /// a token of its own may be the unknown token, 10 below the least score; a run of those is
    /// one, or its bytes. Throws as match_budget::spend; std::runtime_error if there is no unknown
    /// token for it.
    void encode(std::string_view word, const vocabulary& words, match_budget& budget,
                std::vector<token_id>& ids) const;

private:
    struct node;
    std::vector<node> best_cut(std::string_view word, match_budget& budget) const;
    void append(std::string_view piece, const vocabulary& words, std::vector<token_id>& ids) const;

    byte_trie tokens_;
    std::vector<double> scores_; ///< by id
    double unknown_score_ = 0;
    std::optional<token_id> unknown_;
    bool byte_fallback_ = false;
};

} // namespace warmd::hf

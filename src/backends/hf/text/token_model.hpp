#pragma once
// The model of a tokenizer.json: how one word becomes tokens.

#include "hf/text/bpe.hpp"
#include "hf/text/pattern.hpp"
#include "hf/text/unigram.hpp"
#include "hf/text/vocabulary.hpp"
#include "hf/text/word_models.hpp"

#include <string_view>
#include <variant>
#include <vector>

namespace warmd::hf {

class token_model {
public:
    /// Reads the member `model` of the document. Another type of model is `unsupported`.
    explicit token_model(const json_place& document);

    /// Appends the tokens of one word (valid UTF-8, not empty). Throws as match_budget::spend, and
    /// std::runtime_error where the word has what no token covers and the model knows no other way.
    void encode(std::string_view word, match_budget& budget, std::vector<token_id>& ids) const;

    const vocabulary& words() const noexcept { return words_; }

private:
    vocabulary words_;
    std::variant<std::monostate, bpe, word_piece, word_level, unigram> how_; ///< none: a complaint
};

} // namespace warmd::hf

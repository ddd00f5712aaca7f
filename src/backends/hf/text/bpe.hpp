#pragma once
// Byte-pair encoding (Sennrich et al. 2016, §3.2) with the merges of a tokenizer.json.

#include "hf/files/json_place.hpp"
#include "hf/text/vocabulary.hpp"

#include <warmd/divergence.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warmd::hf {

class bpe {
public:
    /// Reads what the model says beside its vocabulary. Dropout is `unsupported`.
    bpe(const json_place& model, const vocabulary& words);

    /// Appends the tokens of one word: its characters (where the vocabulary lacks one, its bytes or
    /// the unknown token), then merged in the order of the merges. O(n log n).
    void encode(std::string_view word, const vocabulary& words, std::vector<token_id>& ids) const;

private:
    struct merge {
        std::uint32_t rank; ///< lower first
        token_id into;
    };
    struct symbol;
    struct candidate;

    void read_merges(const json_place& model, const vocabulary& words);
    bool read_merge(const json::value& entry, const vocabulary& words, std::uint32_t rank,
                    std::string& problem);

    const merge* find_merge(token_id left, token_id right) const;
    std::vector<symbol> characters(std::string_view word, const vocabulary& words) const;
    bool append_fallback_bytes(std::string_view character, std::vector<symbol>& word) const;
    void merge_all(std::vector<symbol>& word) const;

    boost::unordered_flat_map<std::uint64_t, merge> merges_; ///< by left id, right id
    std::string prefix_; ///< of tokens that go on with a word: "##"
    std::string suffix_; ///< of those that end one: "</w>"
    std::array<token_id, 256>
        fallback_bytes_{}; ///< "<0x41>"; -1 for none, or without byte_fallback
    std::optional<token_id> unknown_;
    bool fuse_unknown_ = false;
    bool ignore_merges_ = false; ///< a word that is in the vocabulary is one token
};

} // namespace warmd::hf

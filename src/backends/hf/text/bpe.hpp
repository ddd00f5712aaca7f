#pragma once
// Byte-pair encoding (Sennrich et al. 2016, §3.2) with the vocabulary and merges of a
// tokenizer.json.

#include "hf/files/json_place.hpp"

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
    /// Reads the member `model` of the document. Another type of model, dropout, and affixes are
    /// `unsupported`.
    explicit bpe(const json_place& document);
    bpe(const bpe&) = delete; // by_text_ and by_id_ look into texts_
    bpe& operator=(const bpe&) = delete;

    /// Appends the tokens of one word: its characters (where the vocabulary lacks one, its bytes or
    /// the unknown token), then merged in the order of the merges. O(n log n).
    void encode(std::string_view word, std::vector<token_id>& ids) const;

    std::optional<token_id> id_of(std::string_view text) const;
    const std::string* text_of(token_id id) const;       ///< nullptr if no token has `id`
    token_id max_id() const noexcept { return max_id_; } ///< -1 for an empty vocabulary

private:
    struct merge {
        std::uint32_t rank; ///< lower first
        token_id into;
    };
    struct symbol;
    struct candidate;

    void read_vocabulary(const json_place& model);
    void read_merges(const json_place& model);
    bool read_merge(const json::value& entry, std::uint32_t rank, std::string& problem);
    void read_unknown(const json_place& model);
    void read_fallback_bytes(const json_place& model);

    const merge* find_merge(token_id left, token_id right) const;
    std::vector<symbol> characters(std::string_view word) const;
    bool append_fallback_bytes(std::string_view character, std::vector<symbol>& word) const;
    void merge_all(std::vector<symbol>& word) const;

    std::vector<std::string> texts_;
    boost::unordered_flat_map<std::string_view, token_id> by_text_;
    boost::unordered_flat_map<token_id, const std::string*> by_id_;
    boost::unordered_flat_map<std::uint64_t, merge> merges_; ///< by left id, right id
    std::array<token_id, 256>
        fallback_bytes_{}; ///< "<0x41>"; -1 for none, or without byte_fallback
    std::optional<token_id> unknown_;
    bool fuse_unknown_ = false;
    bool ignore_merges_ = false; ///< a word that is in the vocabulary is one token
    token_id max_id_ = -1;
};

} // namespace warmd::hf

#pragma once
// The rules of a Precompiled normalizer: SentencePiece's, as its trainer compiled them.

#include "hf/files/json_place.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warmd::hf {

class precompiled {
public:
    /// Reads the member `precompiled_charsmap`: base64 of the size of a trie in bytes (32 bits,
    /// little-endian), the trie, and the replacements, in UTF-8, each ended by a zero byte.
    explicit precompiled(const json_place& fields);

    /// Replaces each grapheme cluster of less than six bytes that begins with a text of the trie,
    /// whole, and each character of other clusters that does; of several such texts the shortest
    /// counts (what tokenizers does). REQUIRES: valid UTF-8. Throws std::length_error above
    /// max_text_bytes.
    std::string operator()(std::string_view text) const;

private:
    std::optional<std::string_view> replacement(std::string_view part) const;

    std::vector<std::uint32_t> trie_; ///< a double array, as Darts-clone lays it out
    std::string replacements_;
};

} // namespace warmd::hf

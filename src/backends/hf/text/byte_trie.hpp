#pragma once
// Texts by their bytes, for finding which of them another text begins with.

#include <boost/unordered/unordered_flat_map.hpp>

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace warmd::hf {

class byte_trie {
public:
    /// Adds `text` with a value; of equal texts the last counts. The empty text is never found.
    void add(std::string_view text, std::uint32_t value);

    struct match {
        std::uint32_t value;
        std::size_t length;
    };
    /// Calls `found` with each of its texts that `text` begins with, the shortest first.
    template <class Found>
    void each_prefix(std::string_view text, Found found) const;

    /// The longest of its texts that `text` begins with.
    std::optional<match> longest_prefix(std::string_view text) const;

private:
    boost::unordered_flat_map<std::uint64_t, std::uint32_t> children_; ///< by node, byte
    boost::unordered_flat_map<std::uint32_t, std::uint32_t> values_;   ///< by node
    std::bitset<256> first_bytes_;
    std::uint32_t nodes_ = 1;
};

template <class Found>
void byte_trie::each_prefix(std::string_view text, Found found) const
{
    if (text.empty() || !first_bytes_.test(static_cast<unsigned char>(text[0])))
        return;
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto child =
            children_.find(std::uint64_t{node} << 8 | static_cast<unsigned char>(text[i]));
        if (child == children_.end())
            return;
        node = child->second;
        if (const auto value = values_.find(node); value != values_.end())
            found(match{value->second, i + 1});
    }
}

} // namespace warmd::hf

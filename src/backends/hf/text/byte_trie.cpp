#include "hf/text/byte_trie.hpp"

namespace warmd::hf {

void byte_trie::add(std::string_view text, std::uint32_t value)
{
    if (text.empty())
        return;
    first_bytes_.set(static_cast<unsigned char>(text[0]));
    std::uint32_t node = 0;
    for (const char byte : text) {
        const auto [child, added] = children_.try_emplace(
            std::uint64_t{node} << 8 | static_cast<unsigned char>(byte), nodes_);
        nodes_ += added;
        node = child->second;
    }
    values_.insert_or_assign(node, value);
}

std::optional<byte_trie::match> byte_trie::longest_prefix(std::string_view text) const
{
    std::optional<match> longest;
    each_prefix(text, [&](match found) { longest = found; });
    return longest;
}

} // namespace warmd::hf

#include "hf/text/added_tokens.hpp"

#include "hf/text/utf8.hpp"

#include <algorithm>
#include <limits>

namespace warmd::hf {

namespace {

constexpr std::size_t max_added_tokens = 1'000'000;
constexpr std::size_t max_token_bytes =
    1024; // finding them costs text size times token size at worst

/// Unicode White_Space.
bool is_white_space(char32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

} // namespace

void added_tokens::trie::add(std::string_view text, std::uint32_t token)
{
    if (text.empty())
        return;
    first_bytes_.set(static_cast<unsigned char>(text[0]));
    std::uint32_t node = 0;
    for (char byte : text) {
        const auto [child, added] = children_.try_emplace(
            std::uint64_t{node} << 8 | static_cast<unsigned char>(byte), nodes_);
        nodes_ += added;
        node = child->second;
    }
    tokens_.try_emplace(node, token);
}

std::optional<added_tokens::trie::match> added_tokens::trie::longest_prefix(
    std::string_view text) const
{
    std::optional<match> longest;
    if (text.empty() || !first_bytes_.test(static_cast<unsigned char>(text[0])))
        return longest;
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto child =
            children_.find(std::uint64_t{node} << 8 | static_cast<unsigned char>(text[i]));
        if (child == children_.end())
            break;
        node = child->second;
        if (const auto token = tokens_.find(node); token != tokens_.end())
            longest = match{token->second, i + 1};
    }
    return longest;
}

// UTS #18's word characters, with the joiners: what Rust's \w matches.
added_tokens::added_tokens(const json_place& document, const bpe& model,
                           const normalizer& normalize)
    : word_(regex::from_pcre2("[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200C}\\x{200D}]").value())
{
    if (!document.find("added_tokens"))
        return;
    const std::vector<json_place> entries = document.objects("added_tokens", max_added_tokens);
    tokens_.reserve(entries.size()); // by_text_ and special_ look into it
    match_budget budget;
    for (const json_place& fields : entries) {
        token next = read(fields, model);
        if (document.wrong())
            return;
        if (next.text.empty())
            continue; // as the reference
        max_id_ = std::max(max_id_, next.id);
        const auto index = static_cast<std::uint32_t>(tokens_.size());
        tokens_.push_back(std::move(next));
        const token& added = tokens_.back();
        by_id_.insert_or_assign(added.id, index);
        by_text_.insert_or_assign(added.text, added.id);
        if (added.special)
            special_.insert(added.text);
        if (added.normalized)
            normalized_.add(normalize(added.text, budget), index);
        else
            raw_.add(added.text, index);
    }
}

added_tokens::token added_tokens::read(const json_place& fields, const bpe& model) const
{
    token read{
        .text = std::string(fields.text("content")),
        .id = static_cast<token_id>(fields.integer("id", 0, std::numeric_limits<token_id>::max())),
        .single_word = fields.flag("single_word", false),
        .lstrip = fields.flag("lstrip", false),
        .rstrip = fields.flag("rstrip", false),
        .normalized = fields.flag("normalized", true),
        .special = fields.flag("special", false)};
    if (read.text.size() > max_token_bytes)
        fields.wrong().add(errc::unsupported,
                           fields.place_of("content") + " has " + std::to_string(read.text.size()) +
                               " bytes, the limit is " + std::to_string(max_token_bytes));
    read.id = model.id_of(read.text).value_or(read.id);
    return read;
}

const std::string* added_tokens::text_of(token_id id) const
{
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : &tokens_[found->second].text;
}

std::optional<token_id> added_tokens::id_of(std::string_view text) const
{
    const auto found = by_text_.find(text);
    return found == by_text_.end() ? std::nullopt : std::optional(found->second);
}

bool added_tokens::stands_alone(std::string_view text, const text_range& where) const
{
    return (where.begin == 0 || !word_.matches_at(text, previous_character(text, where.begin))) &&
           (where.end == text.size() || !word_.matches_at(text, where.end));
}

std::vector<added_tokens::segment> added_tokens::split(std::string_view text, stage which) const
{
    const trie& candidates = which == stage::raw ? raw_ : normalized_;
    std::vector<segment> segments;
    std::size_t covered = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::optional<trie::match> match = candidates.longest_prefix(text.substr(at));
        if (!match) {
            ++at;
            continue;
        }
        const token& found = tokens_[match->token];
        text_range where{at, at + match->length};
        at = where.end; // even where it is not taken, or swallows more
        if (found.single_word && !stands_alone(text, where))
            continue;
        if (found.lstrip)
            while (where.begin > covered && is_white_space(first_code_point(text.substr(
                                                previous_character(text, where.begin)))))
                where.begin = previous_character(text, where.begin);
        if (found.rstrip)
            while (where.end < text.size() &&
                   is_white_space(first_code_point(text.substr(where.end))))
                where.end += utf8_length(text[where.end]);
        if (covered < where.begin)
            segments.push_back({{covered, where.begin}});
        segments.push_back({where, found.id});
        covered = where.end;
    }
    if (covered < text.size())
        segments.push_back({{covered, text.size()}});
    return segments;
}

} // namespace warmd::hf

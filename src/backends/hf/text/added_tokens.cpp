#include "hf/text/added_tokens.hpp"

#include "hf/text/characters.hpp"
#include "hf/text/utf8.hpp"

#include <algorithm>
#include <limits>

namespace warmd::hf {

namespace {

constexpr std::size_t max_added_tokens = 1'000'000;
constexpr std::size_t max_token_bytes =
    1024; // finding them costs text size times token size at worst

} // namespace

added_tokens::added_tokens(const json_place& document, const vocabulary& words,
                           const normalizer& normalize)
{
    if (!document.find("added_tokens"))
        return;
    const std::vector<json_place> entries = document.objects("added_tokens", max_added_tokens);
    tokens_.reserve(entries.size()); // by_text_ and special_ look into it
    match_budget budget;
    for (const json_place& fields : entries) {
        token next = read(fields, words);
        if (document.wrong())
            return;
        if (next.text.empty())
            continue; // as the reference
        max_id_ = std::max(max_id_, next.id);
        const auto index = static_cast<std::uint32_t>(tokens_.size());
        next.normal = next.normalized ? normalize(next.text, budget).text : next.text;
        tokens_.push_back(std::move(next));
        const token& added = tokens_.back();
        by_id_.insert_or_assign(added.id, index);
        by_text_.insert_or_assign(added.text, added.id);
        if (added.special)
            special_.insert(added.text);
        (added.normalized ? normalized_ : raw_).add(added.normal, index);
    }
}

added_tokens::token added_tokens::read(const json_place& fields, const vocabulary& words) const
{
    token read{
        .text = std::string(fields.text("content")),
        .normal = {},
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
    read.id = words.id_of(read.text).value_or(read.id);
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

const std::string* added_tokens::decoded_text_of(token_id id) const
{
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : &tokens_[found->second].normal;
}

bool added_tokens::stands_alone(std::string_view text, const text_range& where)
{
    const auto is_word_at = [&](std::size_t at) {
        return is_word(first_code_point(text.substr(at)));
    };
    return (where.begin == 0 || !is_word_at(previous_character(text, where.begin))) &&
           (where.end == text.size() || !is_word_at(where.end));
}

std::vector<added_tokens::segment> added_tokens::split(std::string_view text, stage which) const
{
    const byte_trie& candidates = which == stage::raw ? raw_ : normalized_;
    std::vector<segment> segments;
    std::size_t covered = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::optional<byte_trie::match> match = candidates.longest_prefix(text.substr(at));
        if (!match) {
            ++at;
            continue;
        }
        const token& found = tokens_[match->value];
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

#include "hf/text/bpe.hpp"

#include "hf/text/utf8.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <queue>

namespace warmd::hf {

namespace {

constexpr std::uint64_t pair_key(token_id left, token_id right)
{
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
           static_cast<std::uint32_t>(right);
}

/// The two tokens of a merge: ["a", "b"], or "a b" as older files have it.
std::optional<std::pair<std::string_view, std::string_view>> merged_pair(const json::value& entry)
{
    if (const json::array* pair = entry.if_array())
        if (pair->size() == 2 && (*pair)[0].is_string() && (*pair)[1].is_string())
            return std::pair<std::string_view, std::string_view>((*pair)[0].get_string(),
                                                                 (*pair)[1].get_string());
    if (const json::string* text = entry.if_string()) {
        const std::string_view line = *text;
        const std::size_t space = line.find(' ');
        if (space != std::string_view::npos && line.find(' ', space + 1) == std::string_view::npos)
            return std::pair(line.substr(0, space), line.substr(space + 1));
    }
    return {};
}

} // namespace

// -- reading ------------------------------------------------------------

bpe::bpe(const json_place& model, const vocabulary& words)
    : prefix_(model.text_or("continuing_subword_prefix", "")),
      suffix_(model.text_or("end_of_word_suffix", "")),
      fuse_unknown_(model.flag("fuse_unk", false)),
      ignore_merges_(model.flag("ignore_merges", false))
{
    fallback_bytes_.fill(-1);
    const json::value* const dropout = model.find("dropout");
    if (dropout && !(dropout->is_number() && dropout->to_number<double>() == 0))
        model.wrong().add(errc::unsupported, model.place_of("dropout") + " is not supported");
    read_merges(model, words);
    if (model.find("unk_token"))
        unknown_ = words.must_have(model, "unk_token");
    if (model.flag("byte_fallback", false))
        for (unsigned byte = 0; byte < 256; ++byte)
            fallback_bytes_[byte] =
                words.id_of(fallback_name(static_cast<unsigned char>(byte))).value_or(-1);
}

void bpe::read_merges(const json_place& model, const vocabulary& words)
{
    const json::value* found = model.find("merges");
    const json::array* merges = found ? found->if_array() : nullptr;
    if (!merges)
        return model.wrong().add(errc::load_failed,
                                 model.place_of("merges") + " must be an array of pairs of tokens");
    if (model.wrong())
        return; // a merge names tokens: an incomplete vocabulary would be blamed on it
    merges_.reserve(merges->size());
    std::string problem;
    for (std::size_t rank = 0; rank < merges->size(); ++rank)
        if (!read_merge((*merges)[rank], words, static_cast<std::uint32_t>(rank), problem))
            return model.wrong().add(errc::load_failed,
                                     model.place_of("merges") + ": merge " + std::to_string(rank) +
                                         " (" + json::serialize((*merges)[rank]).substr(0, 120) +
                                         ") " + problem);
}

bool bpe::read_merge(const json::value& entry, const vocabulary& words, std::uint32_t rank,
                     std::string& problem)
{
    const auto pair = merged_pair(entry);
    if (!pair) {
        problem = "must be a pair of tokens";
        return false;
    }
    const auto lookup = [&](std::string_view token) {
        const std::optional<token_id> id = words.id_of(token);
        if (!id)
            problem = "names the token " + in_short(json::string(token)) +
                      ", which is not in the vocabulary";
        return id;
    };
    const auto& [first, second] = *pair;
    const std::optional<token_id> left = lookup(first);
    const std::optional<token_id> right = left ? lookup(second) : left;
    if (right && second.size() < prefix_.size()) {
        problem = "has a second token that is shorter than the prefix of tokens that go on";
        return false;
    }
    const std::optional<token_id> into =
        right ? lookup(std::string(first).append(second.substr(prefix_.size()))) : right;
    if (into)
        merges_.insert_or_assign(pair_key(*left, *right), merge{rank, *into});
    return into.has_value();
}

// -- encoding ------------------------------------------------------------

/// A token of the word under way; `before` and `after` are positions of its living neighbours.
struct bpe::symbol {
    token_id id;
    std::int32_t before;
    std::int32_t after;
    bool alive;
};
constexpr std::int32_t none = -1;

/// A merge that was possible when it was found: of the symbol at `position` with its right
/// neighbour.
struct bpe::candidate {
    std::uint32_t rank;
    std::int32_t position;
    token_id into;
    /// For std::priority_queue, which serves the greatest first: the lowest rank, then the
    /// leftmost.
    bool operator<(const candidate& other) const
    {
        return rank != other.rank ? rank > other.rank : position > other.position;
    }
};

const bpe::merge* bpe::find_merge(token_id left, token_id right) const
{
    const auto found = merges_.find(pair_key(left, right));
    return found == merges_.end() ? nullptr : &found->second;
}

void bpe::encode(std::string_view word, const vocabulary& words, std::vector<token_id>& ids) const
{
    if (ignore_merges_)
        if (const std::optional<token_id> whole = words.id_of(word)) {
            ids.push_back(*whole);
            return;
        }
    std::vector<symbol> symbols = characters(word, words);
    merge_all(symbols);
    for (const symbol& s : symbols)
        if (s.alive)
            ids.push_back(s.id);
}

/// The word's characters as tokens, linked. A character that has neither token nor bytes becomes
/// the unknown token; a run of them becomes one with fuse_unk; without an unknown token they
/// vanish. The unknown token comes before the next character's, but after its bytes.
std::vector<bpe::symbol> bpe::characters(std::string_view word, const vocabulary& words) const
{
    std::vector<symbol> symbols;
    symbols.reserve(word.size());
    bool unknown_waits = false;
    const auto place_unknown = [&] {
        if (unknown_waits)
            symbols.push_back({*unknown_, none, none, true});
        unknown_waits = false;
    };
    std::size_t length = 0;
    std::string affixed;
    for (std::size_t at = 0; at < word.size(); at += length) {
        length = utf8_length(word[at]);
        std::string_view character = word.substr(at, length);
        const std::string_view before = at > 0 ? prefix_ : std::string_view();
        const std::string_view after = at + length == word.size() ? suffix_ : std::string_view();
        if (!before.empty() || !after.empty())
            character = affixed.assign(before).append(character).append(after);
        if (const std::optional<token_id> known = words.id_of(character)) {
            place_unknown();
            symbols.push_back({*known, none, none, true});
        } else if (!append_fallback_bytes(character, symbols) && unknown_) {
            if (!fuse_unknown_)
                place_unknown();
            unknown_waits = true;
        }
    }
    place_unknown();
    const auto count = static_cast<std::int32_t>(symbols.size()); // max_text_bytes fits
    for (std::int32_t i = 0; i < count; ++i) {
        symbols[static_cast<std::size_t>(i)].before = i - 1;
        symbols[static_cast<std::size_t>(i)].after = i + 1 < count ? i + 1 : none;
    }
    return symbols;
}

bool bpe::append_fallback_bytes(std::string_view character, std::vector<symbol>& word) const
{
    const auto token = [&](char byte) { return fallback_bytes_[static_cast<unsigned char>(byte)]; };
    if (std::ranges::any_of(character, [&](char byte) { return token(byte) < 0; }))
        return false;
    for (char byte : character)
        word.push_back({token(byte), none, none, true});
    return true;
}

void bpe::merge_all(std::vector<symbol>& word) const
{
    std::vector<candidate> found;
    const auto at = [&](std::int32_t position) -> symbol& {
        return word[static_cast<std::size_t>(position)];
    };
    const auto examine = [&](std::int32_t left) -> std::optional<candidate> {
        const merge* m = left == none || at(left).after == none
                             ? nullptr
                             : find_merge(at(left).id, at(at(left).after).id);
        return m ? std::optional(candidate{m->rank, left, m->into}) : std::nullopt;
    };
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(word.size()); ++i)
        if (const auto c = examine(i))
            found.push_back(*c);
    std::priority_queue<candidate> queue({}, std::move(found));
    while (!queue.empty()) {
        const candidate next = queue.top();
        queue.pop();
        symbol& left = at(next.position);
        if (!left.alive || left.after == none)
            continue;
        symbol& right = at(left.after);
        // The neighbours may have changed since; another pair that gives the same token is merged
        // all the same.
        const merge* m = find_merge(left.id, right.id);
        if (!m || m->into != next.into)
            continue;
        left.id = next.into;
        left.after = right.after;
        right.alive = false;
        if (left.after != none)
            at(left.after).before = next.position;
        for (std::int32_t position : {left.before, next.position})
            if (const auto c = examine(position))
                queue.push(*c);
    }
}

} // namespace warmd::hf

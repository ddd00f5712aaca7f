#include "hf/text/unigram.hpp"

#include "hf/text/utf8.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace warmd::hf {

namespace {

constexpr double unknown_penalty = 10;

} // namespace

unigram::unigram(const json_place& model, vocabulary& words)
{
    const json::value* const found = model.find("vocab");
    const json::array* const listed = found ? found->if_array() : nullptr;
    if (!listed) {
        model.wrong().add(errc::load_failed,
                          model.place_of("vocab") + " must be a list of tokens with their scores");
        return;
    }
    double least = std::numeric_limits<double>::infinity();
    for (const json::value& entry : *listed) {
        const json::array* const pair = entry.if_array();
        if (!pair || pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_number()) {
            model.wrong().add(errc::load_failed,
                              model.place_of("vocab") + "[" + std::to_string(scores_.size()) +
                                  "] must be a token and its score, found " + in_short(entry));
            return;
        }
        const auto id = static_cast<token_id>(scores_.size());
        const std::string_view text = (*pair)[0].get_string();
        words.add(text, id);
        tokens_.add(text, static_cast<std::uint32_t>(id));
        scores_.push_back((*pair)[1].to_number<double>());
        least = std::min(least, scores_.back());
    }
    unknown_score_ = least - unknown_penalty;
    byte_fallback_ = model.flag("byte_fallback", false);
    if (model.find("unk_id"))
        unknown_ = static_cast<token_id>(
            model.integer("unk_id", 0, static_cast<std::int64_t>(scores_.size()) - 1));
}

/// The best cut of the word up to a byte.
struct unigram::node {
    double score = 0;        ///< of all pieces
    std::uint32_t begin = 0; ///< where the last piece begins: max_text_bytes fits
    token_id last = -1;      ///< its token; -1: no cut ends here
};

/// By where the cut ends, at each byte of the word and its end. Of equal scores the one that was
/// found first counts: with the longest last piece.
std::vector<unigram::node> unigram::best_cut(std::string_view word, match_budget& budget) const
{
    std::vector<node> best(word.size() + 1);
    for (std::size_t at = 0; at < word.size();) {
        budget.spend();
        const std::size_t character = utf8_length(word[at]);
        const double so_far = best[at].score;
        const auto offer = [&](std::size_t length, token_id id, double score) {
            node& end = best[at + length];
            if (end.last >= 0 && score <= end.score)
                return;
            if (id < 0)
                throw std::runtime_error(
                    "the text has a character that no token of tokenizer.json covers");
            end = {score, static_cast<std::uint32_t>(at), id};
        };
        bool has_own = false;
        tokens_.each_prefix(word.substr(at), [&](byte_trie::match token) {
            offer(token.length, static_cast<token_id>(token.value), scores_[token.value] + so_far);
            has_own = has_own || token.length == character;
        });
        if (!has_own)
            offer(character, unknown_.value_or(-1), unknown_score_ + so_far);
        at += character;
    }
    return best;
}

void unigram::encode(std::string_view word, const vocabulary& words, match_budget& budget,
                     std::vector<token_id>& ids) const
{
    const std::vector<node> best = best_cut(word, budget);
    std::vector<std::string_view> pieces; // from the last to the first
    bool after_unknown = false;
    for (std::size_t end = word.size(); end > 0; end = best[end].begin) {
        const node& piece = best[end];
        const bool is_unknown = piece.last == unknown_;
        const std::string_view text = word.substr(piece.begin, end - piece.begin);
        if (is_unknown && after_unknown)
            pieces.back() = {text.data(), text.size() + pieces.back().size()};
        else
            pieces.push_back(text);
        after_unknown = is_unknown;
    }
    for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece)
        append(*piece, words, ids);
}

void unigram::append(std::string_view piece, const vocabulary& words,
                     std::vector<token_id>& ids) const
{
    if (const std::optional<token_id> token = words.id_of(piece))
        return ids.push_back(*token);
    const std::size_t before = ids.size();
    for (const char byte : byte_fallback_ ? piece : std::string_view()) {
        const auto token = words.id_of(fallback_name(static_cast<unsigned char>(byte)));
        if (!token) {
            ids.resize(before);
            break;
        }
        ids.push_back(*token);
    }
    if (ids.size() == before)
        ids.push_back(unknown_.value()); // only unknown pieces are no tokens
}

} // namespace warmd::hf

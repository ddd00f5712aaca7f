#include "hf/text/word_models.hpp"

#include "hf/text/utf8.hpp"

#include <boost/json.hpp>

#include <limits>
#include <optional>

namespace warmd::hf {

word_level::word_level(const json_place& model, const vocabulary& words)
    : unknown_(words.must_have(model, "unk_token"))
{
}

void word_level::encode(std::string_view word, const vocabulary& words,
                        std::vector<token_id>& ids) const
{
    ids.push_back(words.id_of(word).value_or(unknown_));
}

word_piece::word_piece(const json_place& model, const vocabulary& words)
    : max_characters_(static_cast<std::size_t>(
          model.integer("max_input_chars_per_word", 0, std::numeric_limits<std::int32_t>::max()))),
      unknown_(words.must_have(model, "unk_token"))
{
    const std::string_view prefix = model.text("continuing_subword_prefix");
    for (const auto& [text, id] : words) {
        first_.add(text, static_cast<std::uint32_t>(id));
        if (text.starts_with(prefix))
            following_.add(text.substr(prefix.size()), static_cast<std::uint32_t>(id));
    }
}

void word_piece::encode(std::string_view word, match_budget& budget,
                        std::vector<token_id>& ids) const
{
    const std::size_t before = ids.size();
    if (code_points(word) > max_characters_)
        return ids.push_back(unknown_);
    for (std::size_t at = 0; at < word.size();) {
        budget.spend();
        const auto piece = (at == 0 ? first_ : following_).longest_prefix(word.substr(at));
        if (!piece) {
            ids.resize(before);
            return ids.push_back(unknown_);
        }
        ids.push_back(static_cast<token_id>(piece->value));
        at += piece->length;
    }
}

} // namespace warmd::hf

#include "hf/text/vocabulary.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace warmd::hf {

vocabulary::vocabulary(const json_place& model)
{
    const json::value* const found = model.find("vocab");
    const json::object* const listed = found ? found->if_object() : nullptr;
    if (!listed) {
        model.wrong().add(errc::load_failed,
                          model.place_of("vocab") + " must be an object of tokens and their ids");
        return;
    }
    by_text_.reserve(listed->size());
    by_id_.reserve(listed->size());
    for (const json::key_value_pair& entry : *listed) {
        const std::int64_t* const id = entry.value().if_int64();
        constexpr std::int64_t largest = std::numeric_limits<token_id>::max();
        if (!id || *id < 0 || *id > largest) {
            model.wrong().add(errc::load_failed, model.place_of("vocab") + ": the id of token " +
                                                     in_short(json::string(entry.key())) +
                                                     " must be an integer from 0 to " +
                                                     std::to_string(largest) + ", found " +
                                                     in_short(entry.value()));
            return;
        }
        add(entry.key(), static_cast<token_id>(*id));
    }
}

void vocabulary::add(std::string_view text, token_id id)
{
    texts_.emplace_back(text);
    by_text_.insert_or_assign(texts_.back(), id);
    by_id_.insert_or_assign(id, &texts_.back());
    max_id_ = std::max(max_id_, id);
}

std::optional<token_id> vocabulary::id_of(std::string_view text) const
{
    const auto found = by_text_.find(text);
    return found == by_text_.end() ? std::nullopt : std::optional(found->second);
}

const std::string* vocabulary::text_of(token_id id) const
{
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
}

token_id vocabulary::must_have(const json_place& model, std::string_view name) const
{
    const std::string_view text = model.text(name);
    const std::optional<token_id> id = id_of(text);
    if (!id)
        model.wrong().add(errc::load_failed, model.place_of(name) + " is " +
                                                 in_short(json::string(text)) +
                                                 ", which is not in the vocabulary");
    return id.value_or(-1);
}

std::string fallback_name(unsigned char byte)
{
    constexpr std::string_view digits = "0123456789ABCDEF";
    return {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
}

} // namespace warmd::hf

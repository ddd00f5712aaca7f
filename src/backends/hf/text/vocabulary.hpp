#pragma once
// The tokens of a tokenizer.json's model and their ids.

#include "hf/files/json_place.hpp"

#include <warmd/divergence.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace warmd::hf {

class vocabulary {
public:
    vocabulary() = default;
    /// Reads the member `vocab` of a model: an object of tokens and their ids.
    explicit vocabulary(const json_place& model);

    /// Of equal texts, and of equal ids, the last counts.
    void add(std::string_view text, token_id id);

    std::optional<token_id> id_of(std::string_view text) const;
    const std::string* text_of(token_id id) const;       ///< nullptr if no token has `id`
    token_id max_id() const noexcept { return max_id_; } ///< -1 if it is empty

    /// Over pairs of a text and its id, each text once, in no order.
    auto begin() const { return by_text_.begin(); }
    auto end() const { return by_text_.end(); }

    /// The id of what the member `name` of a model must name: one of these tokens.
    token_id must_have(const json_place& model, std::string_view name) const;

private:
    std::deque<std::string> texts_; ///< stay where they are: the others look into it
    boost::unordered_flat_map<std::string_view, token_id> by_text_;
    boost::unordered_flat_map<token_id, const std::string*> by_id_;
    token_id max_id_ = -1;
};

/// "<0x41>": how vocabularies spell the byte that no character's token covers.
std::string fallback_name(unsigned char byte);

} // namespace warmd::hf

#pragma once
// What the readers of a tokenizer.json's components (normalizer, pre_tokenizer, post_processor,
// decoder) share.

#include "hf/files/json_place.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace warmd::hf {

/// Longest chain of one kind of component: real ones have five or so, and each is a pass over the
/// text.
inline constexpr std::size_t max_components = 32;

/// Complains (`unsupported`) that there are more than max_components.
void limit_components(const json_place& fields, std::size_t count);

/// Complains (`unsupported`) of a `type` that is not implemented, by its name.
void refuse_component(const json_place& fields, std::string_view kind, std::string_view type);

/// The member `content` of a Replace, which is put in as it is: with a regular expression, a
/// content with $ is refused, because the versions of the reference differ on what it means.
std::string read_replacement(const json_place& fields);

/// The string member `name`, which must be one character.
std::string read_character(const json_place& fields, std::string_view name,
                           std::string_view otherwise);

/// The members of a Metaspace, which is both a pre-tokenizer and a decoder.
struct metaspace {
    enum class prepend { always, first, never };
    std::string replacement; ///< one character, "▁"
    prepend scheme = prepend::always;
    bool split = true;

    static metaspace read(const json_place& fields);
};

} // namespace warmd::hf

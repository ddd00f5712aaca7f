#pragma once
// The normalizer of a tokenizer.json: how text is rewritten before anything else looks at it.

#include "hf/text/component.hpp"
#include "hf/text/pattern.hpp"
#include "hf/text/precompiled.hpp"
#include "hf/text/unicode_form.hpp"

#include <string>
#include <variant>
#include <vector>

namespace warmd::hf {

struct normal_text {
    std::string text;
    bool from_start = true; ///< its first character comes of the first that was given
};

/// Every normalizer of tokenizers 0.23: BertNormalizer, ByteLevel, Lowercase, NFC, NFD, NFKC, NFKD,
/// Nmt, Precompiled, Prepend, Replace, Strip, StripAccents, and Sequences of them, in order.
/// Anything else is `unsupported`, by name.
class normalizer {
public:
    /// Reads the member `normalizer` of the document, which may be absent or null.
    explicit normalizer(const json_place& document);

    /// REQUIRES: valid UTF-8. Throws as text_search::replace_all.
    normal_text operator()(std::string text, match_budget& budget) const;

private:
    /// Each character by itself: what becomes of it is appended.
    struct each_character {
        void (*append)(std::string& out, char32_t c);
    };
    struct prepend {
        std::string what;
    };
    struct replace {
        text_pattern pattern;
        std::string by;
    };
    struct strip {
        bool left; ///< whether the white space there goes
        bool right;
    };
    struct spell_bytes {}; ///< each byte by its character (byte_alphabet.hpp)
    using step = std::variant<unicode_form, each_character, prepend, replace, strip, spell_bytes,
                              precompiled>;

    void read(const json_place& fields);
    void read_bert(const json_place& fields);
    static void apply(unicode_form form, normal_text& of, match_budget& budget);
    static void apply(each_character rule, normal_text& of, match_budget& budget);
    static void apply(const prepend& rule, normal_text& of, match_budget& budget);
    static void apply(const replace& rule, normal_text& of, match_budget& budget);
    static void apply(strip sides, normal_text& of, match_budget& budget);
    static void apply(spell_bytes, normal_text& of, match_budget& budget);
    static void apply(const precompiled& rules, normal_text& of, match_budget& budget);

    std::vector<step> steps_;
};

} // namespace warmd::hf

#pragma once
// The normalizer of a tokenizer.json: how text is rewritten before anything else looks at it.

#include "hf/text/component.hpp"
#include "hf/text/pattern.hpp"

#include <string>
#include <variant>
#include <vector>

namespace warmd::hf {

/// NFC, NFKC, Prepend, Replace, and Sequences of them, in order. Anything else is `unsupported`, by
/// name.
class normalizer {
public:
    /// Reads the member `normalizer` of the document, which may be absent or null.
    explicit normalizer(const json_place& document);

    /// REQUIRES: valid UTF-8. Throws as text_search::replace_all.
    std::string operator()(std::string text, match_budget& budget) const;

private:
    enum class unicode_form { nfc, nfkc };
    struct prepend {
        std::string what;
    };
    struct replace {
        text_pattern pattern;
        std::string by;
    };
    using step = std::variant<unicode_form, prepend, replace>;

    void read(const json_place& fields);
    static std::string apply(unicode_form form, std::string text, match_budget& budget);
    static std::string apply(const prepend& rule, std::string text, match_budget& budget);
    static std::string apply(const replace& rule, std::string text, match_budget& budget);

    std::vector<step> steps_;
};

} // namespace warmd::hf

#pragma once
// What Replace and Split look for: a string, or a regular expression.

#include "hf/files/json_place.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

struct pcre2_real_code_8;

namespace warmd::hf {

/// A part of a text, in bytes.
struct text_range {
    std::size_t begin = 0;
    std::size_t end = 0;
};

/// A compiled regular expression. Immutable, so safe to use from several threads at once.
class regex {
public:
    /// Compiles a pattern in Oniguruma's dialect (onig_syntax.hpp).
    static result<regex> from_oniguruma(std::string_view pattern);
    /// Compiles a pattern in PCRE2's.
    static result<regex> from_pcre2(std::string_view pattern);

private:
    friend class text_search;
    struct free_code {
        void operator()(pcre2_real_code_8* code) const noexcept;
    };
    explicit regex(pcre2_real_code_8* code) : code_(code) {}
    std::unique_ptr<pcre2_real_code_8, free_code> code_;
};

/// The processor time that the rules of a tokenizer.json may take on one text, however many pieces
/// it is cut into.
class match_budget {
public:
    explicit match_budget(double seconds = 10);
    /// To be called before each match of a pattern, and each search for a token. Throws
    /// std::runtime_error when the time is used up.
    void spend();

private:
    double deadline_; ///< of this thread's processor time
    unsigned calls_ = 0;
};

/// Either of {"String": "..."} and {"Regex": "..."}, or each character of some kind.
class text_pattern {
public:
    using character_set = bool (*)(char32_t) noexcept;
    explicit text_pattern(std::string needle) : what_(std::move(needle)) {}
    explicit text_pattern(regex expression) : what_(std::move(expression)) {}
    explicit text_pattern(character_set members) : what_(members) {}
    /// Reads the member `name` of `fields`.
    static text_pattern read(const json_place& fields, std::string_view name);

private:
    friend class text_search;
    std::variant<std::string, regex, character_set> what_;
};

/// A pattern at work on the pieces of one text. The pattern and the budget must outlive it.
class text_search {
public:
    text_search(const text_pattern& pattern, match_budget& budget);
    ~text_search();
    text_search(const text_search&) = delete;
    text_search& operator=(const text_search&) = delete;

    /// All matches in `piece` from left to right, without overlap; an empty match directly after
    /// another match is not one. Valid until the next call. REQUIRES: valid UTF-8. Throws
    /// std::runtime_error where matching costs too much: at PCRE2's limits, or when the budget is
    /// used up.
    const std::vector<text_range>& find_all(std::string_view piece);

    /// `piece` with every match replaced. As find_all, and throws std::length_error above
    /// max_text_bytes.
    std::string replace_all(std::string_view piece, std::string_view by);

private:
    class matcher;
    friend class regex;
    void find_characters(std::string_view piece, text_pattern::character_set members);
    void find_string(std::string_view piece, std::string_view needle);
    void find_regex(std::string_view piece);

    const text_pattern& pattern_;
    match_budget& budget_;
    std::unique_ptr<matcher> matcher_; ///< for a regular expression
    std::vector<text_range> found_;
};

/// `text` with each of `matches` (in order, without overlap) replaced. Throws std::length_error
/// above max_text_bytes.
std::string replaced(std::string_view text, const std::vector<text_range>& matches,
                     std::string_view by);

/// A text may not outgrow this while the rules of a tokenizer.json rewrite it: they can multiply,
/// and nobody vouches for them.
inline constexpr std::size_t max_text_bytes = std::size_t{64} << 20;

/// Throws std::length_error if `bytes` is above max_text_bytes.
void check_text_size(std::size_t bytes);

} // namespace warmd::hf

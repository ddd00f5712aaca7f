#pragma once
// What Replace and Split look for: a string, or a regular expression.

#include "json_place.hpp"

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

    /// Whether a match begins at byte `at`. REQUIRES: valid UTF-8. Throws std::runtime_error at PCRE2's limits.
    bool matches_at(std::string_view text, std::size_t at) const;

private:
    friend class text_search;
    struct free_code {
        void operator()(pcre2_real_code_8* code) const noexcept;
    };
    explicit regex(pcre2_real_code_8* code) : code_(code) {}
    std::unique_ptr<pcre2_real_code_8, free_code> code_;
};

/// Either of {"String": "..."} and {"Regex": "..."}.
class text_pattern {
public:
    explicit text_pattern(std::string needle) : what_(std::move(needle)) {}
    explicit text_pattern(regex expression) : what_(std::move(expression)) {}
    /// Reads the member `name` of `fields`.
    static text_pattern read(const json_place& fields, std::string_view name);

    bool is_regex() const noexcept { return std::holds_alternative<regex>(what_); }

    /// `text` with every match replaced. REQUIRES and throws as text_search; std::length_error above max_text_bytes.
    std::string replace_all(std::string_view text, std::string_view by) const;

private:
    friend class text_search;
    std::variant<std::string, regex> what_;
};

/// A pattern at work on the pieces of one text. The pattern must outlive it.
class text_search {
public:
    explicit text_search(const text_pattern& pattern);
    ~text_search();
    text_search(const text_search&) = delete;
    text_search& operator=(const text_search&) = delete;

    /// All matches in `piece` from left to right, without overlap; an empty match directly after another match is not one.
    /// Valid until the next call. REQUIRES: valid UTF-8.
    /// Throws std::runtime_error where matching costs too much: at PCRE2's limits, or after 10 s of processor time in all.
    const std::vector<text_range>& find_all(std::string_view piece);

private:
    class matcher;
    friend class regex;
    void find_string(std::string_view piece, std::string_view needle);
    void find_regex(std::string_view piece);

    const text_pattern& pattern_;
    std::unique_ptr<matcher> matcher_; ///< for a regular expression
    std::vector<text_range> found_;
};

/// A text may not outgrow this while the rules of a tokenizer.json rewrite it: they can multiply, and nobody vouches for them.
inline constexpr std::size_t max_text_bytes = std::size_t{64} << 20;

/// Throws std::length_error if `bytes` is above max_text_bytes.
void check_text_size(std::size_t bytes);

} // namespace warmd::hf

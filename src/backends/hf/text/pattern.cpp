#include "hf/text/pattern.hpp"

#include "hf/text/onig_syntax.hpp"
#include "hf/text/utf8.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <ctime>
#include <stdexcept>

namespace warmd::hf {

namespace {

constexpr std::size_t max_pattern_bytes = 64 << 10;
constexpr std::uint32_t match_limit = 10'000'000; // steps for one match; Oniguruma's own limit
constexpr std::uint32_t heap_limit = 64 << 10;    // KiB for one match

std::string pcre2_message(int code)
{
    PCRE2_UCHAR text[256];
    return pcre2_get_error_message(code, text, sizeof text) < 0
               ? "error " + std::to_string(code)
               : std::string(reinterpret_cast<const char*>(text));
}

template <auto Free>
struct freed_by {
    template <class T>
    void operator()(T* object) const noexcept
    {
        Free(object);
    }
};

double thread_seconds()
{
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

} // namespace

/// One expression with the buffers PCRE2 wants, and the limits.
class text_search::matcher {
public:
    explicit matcher(const pcre2_code* code)
        : code_(code), data_(pcre2_match_data_create(1, nullptr)),
          context_(pcre2_match_context_create(nullptr))
    {
        if (!data_ || !context_)
            throw std::bad_alloc();
        pcre2_set_match_limit(context_.get(), match_limit);
        pcre2_set_heap_limit(context_.get(), heap_limit);
    }

    /// The match that begins its search exactly at `at`. Expressions are compiled anchored: one
    /// call cannot scan a whole text.
    std::optional<text_range> match_at(std::string_view text, std::size_t at)
    {
        int found = run(text, at, 0);
        if (found == PCRE2_ERROR_JIT_STACKLIMIT) // the interpreter keeps its stack on the heap
            found = run(text, at, PCRE2_NO_JIT);
        if (found == PCRE2_ERROR_NOMATCH)
            return {};
        if (found < 0)
            throw std::runtime_error("a regular expression of tokenizer.json fails on this text: " +
                                     pcre2_message(found));
        const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data_.get());
        if (ends[0] < at || ends[1] < ends[0]) // \K can do that
            return {};
        return text_range{ends[0], ends[1]};
    }

private:
    int run(std::string_view text, std::size_t at, std::uint32_t options)
    {
        return pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                           options | PCRE2_NO_UTF_CHECK, data_.get(), context_.get());
    }

    const pcre2_code* code_;
    std::unique_ptr<pcre2_match_data, freed_by<pcre2_match_data_free>> data_;
    std::unique_ptr<pcre2_match_context, freed_by<pcre2_match_context_free>> context_;
};

match_budget::match_budget(double seconds) : deadline_(thread_seconds() + seconds) {}

void match_budget::spend()
{
    constexpr unsigned calls_between_looks = 16; // a look costs as much as a short match
    if (++calls_ % calls_between_looks == 0 && thread_seconds() > deadline_)
        throw std::runtime_error("the rules of tokenizer.json take too long on this text");
}

text_search::text_search(const text_pattern& pattern, match_budget& budget)
    : pattern_(pattern), budget_(budget)
{
    if (const regex* expression = std::get_if<regex>(&pattern.what_))
        matcher_ = std::make_unique<matcher>(expression->code_.get());
}

text_search::~text_search() = default;

const std::vector<text_range>& text_search::find_all(std::string_view piece)
{
    found_.clear();
    if (matcher_)
        find_regex(piece);
    else if (const std::string* const needle = std::get_if<std::string>(&pattern_.what_))
        find_string(piece, *needle);
    else
        find_characters(piece, std::get<text_pattern::character_set>(pattern_.what_));
    return found_;
}

void text_search::find_characters(std::string_view piece, text_pattern::character_set members)
{
    std::size_t length = 0;
    for (std::size_t at = 0; at < piece.size(); at += length) {
        length = utf8_length(piece[at]);
        if (members(first_code_point(piece.substr(at))))
            found_.push_back({at, at + length});
    }
}

void text_search::find_string(std::string_view piece, std::string_view needle)
{
    for (std::size_t at = piece.find(needle); at != std::string_view::npos;
         at = piece.find(needle, at + needle.size()))
        found_.push_back({at, at + needle.size()});
}

void text_search::find_regex(std::string_view piece)
{
    for (std::size_t at = 0; at <= piece.size();) {
        budget_.spend();
        const std::optional<text_range> match = matcher_->match_at(piece, at);
        const bool empty = match && match->begin == match->end;
        if (match && !(empty && !found_.empty() && found_.back().end == match->end))
            found_.push_back(*match);
        if (match && !empty)
            at = match->end;
        else
            at += at < piece.size() ? utf8_length(piece[at]) : 1;
    }
}

void regex::free_code::operator()(pcre2_real_code_8* code) const noexcept { pcre2_code_free(code); }

result<regex> regex::from_oniguruma(std::string_view pattern)
{
    const result<std::string> translated =
        pcre2_from_oniguruma(pattern.substr(0, max_pattern_bytes + 1));
    if (!translated)
        return translated.error();
    result<regex> compiled = from_pcre2(*translated);
    if (compiled)
        return compiled;
    return failure{errc::unsupported,
                   compiled.error().detail + ", translated from " + shortened(pattern)};
}

result<regex> regex::from_pcre2(std::string_view pattern)
{
    if (pattern.size() > max_pattern_bytes)
        return failure{errc::unsupported, "a regular expression is longer than " +
                                              std::to_string(max_pattern_bytes) + " bytes"};
    const std::unique_ptr<pcre2_compile_context, freed_by<pcre2_compile_context_free>> context(
        pcre2_compile_context_create(nullptr));
    if (!context)
        throw std::bad_alloc();
    pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
    int error = 0;
    PCRE2_SIZE at = 0;
    pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_ANCHORED |
                                         PCRE2_NEVER_BACKSLASH_C,
                                     &error, &at, context.get());
    if (!code)
        return failure{errc::unsupported, "the regular expression " + shortened(pattern) +
                                              " does not compile: " + pcre2_message(error) +
                                              " at byte " + std::to_string(at)};
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); // where that fails, pcre2_match interprets
    return regex(code);
}

text_pattern text_pattern::read(const json_place& fields, std::string_view name)
{
    const json_place pattern = fields.object(name);
    if (!pattern.find("Regex")) {
        const std::string_view needle = pattern.text("String");
        if (needle.empty())
            fields.wrong().add(errc::load_failed,
                               pattern.path() + " is an empty string, which is found everywhere");
        return text_pattern(std::string(needle));
    }
    result<regex> compiled = regex::from_oniguruma(pattern.text("Regex"));
    if (compiled)
        return text_pattern(std::move(*compiled));
    fields.wrong().add(compiled.error().code, pattern.path() + ": " + compiled.error().detail);
    return text_pattern(std::string());
}

std::string text_search::replace_all(std::string_view piece, std::string_view by)
{
    return replaced(piece, find_all(piece), by);
}

std::string replaced(std::string_view text, const std::vector<text_range>& matches,
                     std::string_view by)
{
    std::string out;
    std::size_t copied = 0;
    for (const text_range& match : matches) {
        out += text.substr(copied, match.begin - copied);
        out += by;
        check_text_size(out.size());
        copied = match.end;
    }
    return out += text.substr(copied);
}

void check_text_size(std::size_t bytes)
{
    if (bytes > max_text_bytes)
        throw std::length_error("a text for the tokenizer, or what its rules make of it, exceeds " +
                                std::to_string(max_text_bytes) + " bytes");
}

} // namespace warmd::hf

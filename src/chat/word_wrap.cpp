// The filter wordwrap: Python's textwrap.wrap of each line.

#include "chat/filters.hpp"
#include "chat/interpreter.hpp"
#include "chat/text_functions.hpp"
#include "chat/unicode.hpp"

#include <algorithm>

namespace warmd::chat {

namespace {

constexpr std::string_view blanks = "\t\n\v\f\r ";

struct word_wrapping {
    std::size_t width; // in code points, > 0
    bool break_words;  // those that are longer
};

/// The runs of blanks and of other characters in turn.
std::pmr::vector<std::string_view> chunks_of(workspace& in, std::string_view line)
{
    std::pmr::vector<std::string_view> chunks(in.memory());
    while (!line.empty()) {
        const bool blank = blanks.find(line.front()) != std::string_view::npos;
        const std::size_t end = blank ? line.find_first_not_of(blanks) : line.find_first_of(blanks);
        chunks.push_back(line.substr(0, end));
        line.remove_prefix(chunks.back().size());
    }
    return chunks;
}

bool is_blank(std::string_view chunk) { return unicode::stripped(chunk).empty(); }

/// One line of at most `how.width`, taken from `chunks` at `next`.
text_buffer filled_line(workspace& in, std::pmr::vector<std::string_view>& chunks,
                        std::size_t& next, const word_wrapping& how)
{
    std::pmr::vector<std::string_view> line(in.memory());
    std::size_t length = 0, size = 0;
    for (; next < chunks.size(); ++next) {
        in.charge_bytes(chunks[next].size());
        size = unicode::count(chunks[next]);
        if (length + size > how.width)
            break;
        line.push_back(chunks[next]);
        length += size;
    }
    if (next < chunks.size() && size > how.width) {
        if (how.break_words) {
            const std::size_t end = unicode::offset(chunks[next], how.width - length);
            line.push_back(chunks[next].substr(0, end)); // empty where the line is full
            chunks[next].remove_prefix(end);
        } else if (line.empty()) {
            line.push_back(chunks[next++]);
        }
    }
    if (!line.empty() && is_blank(line.back()))
        line.pop_back();
    text_buffer text = in.buffer();
    for (const std::string_view chunk : line)
        text += chunk;
    return text;
}

void append_wrapped(workspace& in, values& to, std::string_view line, const word_wrapping& how)
{
    auto chunks = chunks_of(in, line);
    const std::size_t before = to.size();
    for (std::size_t next = 0; next < chunks.size();) {
        in.charge();
        if (to.size() > before && is_blank(chunks[next]))
            ++next;
        text_buffer text = filled_line(in, chunks, next, how);
        if (!text.empty())
            to.push_back(make_text(in, std::move(text)));
    }
    if (to.size() == before) // it stays an empty line
        to.push_back(make_text(in, ""));
}

bool true_unless_given(workspace& in, const value& of)
{
    return of.is_missing() || is_true(in, of);
}

} // namespace

value word_wrap(interpreter& by, const value& to, arguments& with)
{
    const auto [width, long_words, between, hyphens] =
        bound<4>(with, "wordwrap", {"width", "break_long_words", "wrapstring", "break_on_hyphens"});
    auto& in = by.space();
    const std::int64_t wanted = as_integer_or(width, 79);
    require_defined(to);
    as_text(to, "what wordwrap wraps");
    if (wanted <= 0)
        type_error("wordwrap takes a width above 0, not " + std::to_string(wanted));
    // Where a word may end behind a hyphen depends on what stands around it.
    if (to.view().find('-') != std::string_view::npos && true_unless_given(in, hyphens))
        type_error("wordwrap does not support hyphens but with break_on_hyphens=false");
    const bool given = !between.is_missing() && !between.is_none();
    if (between.is_markup())
        type_error("wordwrap does not support a wrapstring that counts as escaped");
    const word_wrapping how{static_cast<std::size_t>(wanted), true_unless_given(in, long_words)};
    values lines(in.memory());
    for (const value& line : split_lines(in, to))
        append_wrapped(in, lines, line.view(), how);
    return joined(in, given ? as_text(between, "the wrapstring") : "\n", lines, false);
}

} // namespace warmd::chat

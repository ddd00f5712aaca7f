#pragma once
// Numbers, texts and tables as people read them on a terminal.

#include <warmd/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace warmd::ctl {

/// 2'000'000 -> "2.0 MB" (powers of 1000).
std::string human_bytes(double bytes);
/// 0.0032 -> "3.2 ms", 3.2 -> "3.2 s", 75 -> "1 min 15 s", 3700 -> "1 h 1 min".
std::string human_seconds(double seconds);
/// Unix time in seconds as the local "2026-01-31 12:00:00.250".
std::string human_time(double unix_seconds);
/// 0.25 -> "0.2500", 0.00001 -> "1.00e-05": four digits that say something.
std::string human_number(double number);

/// False if a byte of `text` is no part of a UTF-8 character.
bool is_utf8(std::string_view text);
/// `text` with whatever a terminal would obey or not show (controls, direction marks, broken UTF-8)
/// written as escapes.
std::string visible(std::string_view text);
/// visible(text) in double quotes, a quote or backslash in it escaped; cut with "…" so as to fill
/// at most `columns`.
std::string quoted(std::string_view text, std::size_t columns = 40);

/// visible(text) in lines of at most `columns`, broken where `text` is and at spaces; a longer word
/// is broken anywhere.
std::vector<std::string> wrapped(std::string_view text, std::size_t columns);

/// JSON text of `value` on one line, numbers in their shortest form.
std::string json_text(const json::value& value);

/// Rows of cells in aligned columns. The cells are visible() already.
class table {
public:
    enum class align { left, right };
    struct column {
        std::string header;
        align to = align::left;
    };

    explicit table(std::vector<column> columns);
    /// REQUIRES: one cell for each column.
    void row(std::vector<std::string> cells);
    /// Lines without trailing spaces, the header first if any column has one; each starts with
    /// `indent`.
    std::string text(std::string_view indent = "") const;

private:
    std::vector<column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

} // namespace warmd::ctl

#include "report/words.hpp"

#include <algorithm>
#include <array>

namespace warmd::reports {

namespace {

/// Columns that a text takes, as far as its characters are one wide.
std::size_t width(std::string_view text)
{
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char each) {
        return (static_cast<unsigned char>(each) & 0xc0) != 0x80;
    }));
}

std::string padded(std::string text, std::size_t to)
{
    const std::size_t now = width(text);
    return now < to ? text + std::string(to - now, ' ') : text;
}

std::string_view colour_of(std::string_view verdict)
{
    return verdict == "pass"                         ? "\033[32m"
           : verdict == "fail" || verdict == "error" ? "\033[31m"
           : verdict == "warn"                       ? "\033[33m"
                                                     : "\033[2m";
}

std::string painted(std::string text, std::string_view colour, bool coloured)
{
    return coloured ? std::string(colour) + text + "\033[0m" : text;
}

using row = std::array<std::string, 6>;

row row_of(const probe& of)
{
    return {verdict_text(of.verdict), one_line(of.name), number_text(of.score),
            number_text(of.raw),      interval_text(of), chance_text(of)};
}

std::string table_of(const report& of, bool coloured)
{
    std::vector<row> rows{
        {"verdict", "probe", "score", "raw", "95 %", std::string(chance_head(of))}};
    for (const probe& each : of.probes)
        rows.push_back(row_of(each));
    std::array<std::size_t, 6> widths{};
    for (const row& each : rows)
        for (std::size_t i = 0; i != each.size(); ++i)
            widths[i] = std::max(widths[i], width(each[i]));
    std::string made;
    for (std::size_t r = 0; r != rows.size(); ++r) {
        std::string line = "  ";
        for (std::size_t i = 0; i != rows[r].size(); ++i) {
            const std::string cell = padded(rows[r][i], widths[i]);
            line += (r != 0 && i == 0 ? painted(cell, colour_of(of.probes[r - 1].verdict), coloured)
                                      : cell) +
                    "  ";
        }
        if (r != 0)
            line += one_line(of.probes[r - 1].message);
        line.resize(line.find_last_not_of(' ') + 1);
        made += line + '\n';
    }
    return made;
}

} // namespace

std::string terminal_text(const report& of, bool coloured)
{
    std::string made = painted(headline(of), "\033[1m", coloured);
    if (!of.adapter.empty())
        made += "  " + short_name(of.adapter) + " on " + short_name(of.base);
    made += "  (" + one_line(of.mode) + " mode, " + number_text(of.seconds) + " s)\n";
    for (const auto& [name, score] : of.components)
        made += "  " + padded(one_line(name), 12) + ' ' + number_text(score) + '\n';
    made += '\n' + table_of(of, coloured);
    if (!of.findings.empty())
        made += '\n';
    for (const std::string& each : of.findings)
        made += "  • " + one_line(each) + '\n';
    for (const note& each : of.notes)
        made += "  note " + one_line(each.id) +
                (each.probe.empty() ? "" : ", " + one_line(each.probe)) + ": " +
                one_line(each.text) + '\n';
    if (const std::string gate = gate_text(of); !gate.empty())
        made += '\n' + gate + '\n';
    return made;
}

} // namespace warmd::reports

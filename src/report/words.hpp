#pragma once
// What all renderers say alike.

#include "report/report.hpp"

#include <string>
#include <string_view>

namespace warmd::reports {

/// Three significant digits, without an exponent where that is readable.
std::string number_text(double number);
/// The same, or "–".
std::string number_text(const std::optional<double>& number);
/// "[0.1, 0.2]", or "–".
std::string interval_text(const probe& of);
/// "✓ pass", "✗ fail", …: shape and word.
std::string verdict_text(std::string_view verdict);
/// On one line and without what a terminal would obey: controls and direction marks are blanks.
std::string one_line(std::string_view text);

/// "0.84 healthy", "0.74, without a band: nothing measures attribution".
std::string headline(const report& of);
/// "The gate: passes." or what stands against it.
std::string gate_text(const report& of);
/// What is known of chance: "p 0.048", "z 3.95", or "".
std::string chance_text(const probe& of);
/// A column's head above chance_text: "p" or "z".
std::string_view chance_head(const report& of);
/// "1.3 times as far as a random adapter of its size", or "".
std::string ratio_text(const probe& of);
/// The last part of a path.
std::string short_name(std::string_view path);

} // namespace warmd::reports

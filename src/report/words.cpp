#include "report/words.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace warmd::reports {

namespace {

constexpr std::string_view nothing = "–";

/// U+0080 to U+009F, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069: bytes at `at`, or 0.
std::size_t unseen_at(std::string_view text, std::size_t at)
{
    const auto byte = [&](std::size_t i) {
        return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
    };
    if (byte(0) < 0x20 || byte(0) == 0x7f)
        return 1;
    if (byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) <= 0x9f)
        return 2;
    if (byte(0) != 0xe2)
        return 0;
    const bool marks = byte(1) == 0x80 && (byte(2) == 0x8e || byte(2) == 0x8f);
    const bool embeds = byte(1) == 0x80 && byte(2) >= 0xaa && byte(2) <= 0xae;
    const bool isolates = byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9;
    return marks || embeds || isolates ? 3 : 0;
}

std::string listed(const std::vector<std::string>& words)
{
    std::string made;
    for (const std::string& each : words)
        made += (made.empty() ? "" : ", ") + each;
    return made;
}

} // namespace

std::string number_text(double number)
{
    if (number == 0)
        return "0";
    std::array<char, 32> text{};
    const double size = std::abs(number);
    if (size < 1e-4 || size >= 1e6)
        std::snprintf(text.data(), text.size(), "%.2e", number);
    else {
        const int digits = std::clamp(2 - static_cast<int>(std::floor(std::log10(size))), 0, 6);
        std::snprintf(text.data(), text.size(), "%.*f", digits, number);
    }
    return text.data();
}

std::string number_text(const std::optional<double>& number)
{
    return number ? number_text(*number) : std::string(nothing);
}

std::string interval_text(const probe& of)
{
    return of.ci_95
               ? '[' + number_text(of.ci_95->first) + ", " + number_text(of.ci_95->second) + ']'
               : std::string(nothing);
}

std::string verdict_text(std::string_view verdict)
{
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> shapes{
        {{"pass", "✓ "}, {"fail", "✗ "}, {"warn", "▲ "}, {"skip", "○ "}, {"error", "■ "}}};
    for (const auto& [word, shape] : shapes)
        if (word == verdict)
            return std::string(shape) + std::string(word);
    return one_line(verdict);
}

std::string one_line(std::string_view text)
{
    std::string made;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t unseen = unseen_at(text, at);
        made += unseen ? ' ' : text[at];
        at += std::max(unseen, std::size_t{1});
    }
    return made;
}

std::string headline(const report& of)
{
    std::array<char, 16> overall{};
    std::snprintf(overall.data(), overall.size(), "%.2f", of.overall);
    std::string made = overall.data();
    made += of.band ? ' ' + one_line(*of.band) : ", without a band";
    if (!of.missing.empty())
        made += ": nothing measures " + listed(of.missing);
    return made;
}

std::string gate_text(const report& of)
{
    if (!of.gate_ok)
        return {};
    if (*of.gate_ok)
        return "the gate lets it pass";
    std::string made = "the gate does not let it pass";
    for (const std::string& each : of.gate_reasons)
        made += (&each == &of.gate_reasons.front() ? ": " : "; ") + one_line(each);
    return made;
}

std::string chance_text(const probe& of)
{
    if (of.p_adjusted)
        return number_text(*of.p_adjusted);
    return of.z && of.category.empty() ? number_text(*of.z) : std::string(nothing);
}

std::string_view chance_head(const report& of) { return of.mode == "default" ? "p" : "z"; }

std::string ratio_text(const probe& of)
{
    return of.effect_ratio
               ? number_text(*of.effect_ratio) + " times as far as a random adapter of its size"
               : "";
}

std::string short_name(std::string_view path)
{
    while (path.size() > 1 && path.ends_with('/'))
        path.remove_suffix(1);
    return one_line(path.substr(path.rfind('/') + 1));
}

} // namespace warmd::reports

#include "warmctl/progress_line.hpp"

#include "warmctl/format.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <optional>
#include <string>

namespace warmd::ctl {

namespace {

/// "[######------]"; REQUIRES: fraction is finite.
std::string bar(double fraction)
{
    constexpr std::size_t width = 30;
    const auto filled =
        static_cast<std::size_t>(std::floor(std::clamp(fraction, 0.0, 1.0) * width));
    return '[' + std::string(filled, '#') + std::string(width - filled, '-') + ']';
}

/// The line for a stage; empty for one without.
std::string line_for(const json::object& value)
{
    const auto number = [&](std::string_view name) -> std::optional<double> {
        const json::value* member = value.if_contains(name);
        return member && member->is_number() ? std::optional(member->to_number<double>())
                                             : std::nullopt;
    };
    const json::value* const member = value.if_contains("stage");
    const std::string stage =
        member && member->is_string() ? std::string(member->get_string()) : "";
    const auto position = number("position");
    const std::string place =
        position ? ", position " + std::to_string(std::llround(*position)) : "";
    if (stage == "queued")
        return "queued" + place;
    if (stage == "waiting_for_files")
        return "waiting for the model's files, which somebody is writing";
    if (stage == "waiting_for_room")
        return "waiting for room" + place;
    auto fraction = number("fraction");
    if (stage == "running" && fraction)
        return "measuring " + bar(*fraction) + ' ' + std::to_string(std::lround(*fraction * 100)) +
               " %";
    if (stage != "loading")
        return "";
    const auto done = number("bytes_done");
    const auto total = number("bytes_total");
    if (!fraction && done && total && *total > 0)
        fraction = *done / *total;
    if (!fraction)
        return "loading the model";
    std::string line =
        "loading " + bar(*fraction) + ' ' + std::to_string(std::lround(*fraction * 100)) + " %";
    if (done && total)
        line += ", " + human_bytes(*done) + " of " + human_bytes(*total);
    return line;
}

} // namespace

void progress_line::draw(const json::value& value)
{
    if (!shown_ || !value.is_object())
        return;
    const std::string line = line_for(value.get_object());
    if (line.empty())
        return erase();
    std::cerr << (drawn_ ? "\r" : "") + line + "\033[K"
              << std::flush; // over the last one: a line that blinks is hard to read
    drawn_ = true;
}

void progress_line::erase()
{
    if (drawn_)
        std::cerr << "\r\033[K" << std::flush;
    drawn_ = false;
}

} // namespace warmd::ctl

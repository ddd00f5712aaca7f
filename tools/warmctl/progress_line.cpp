#include "warmctl/progress_line.hpp"

#include "warmctl/format.hpp"

#include <boost/json.hpp>

#include <cmath>
#include <iostream>
#include <optional>
#include <string>

namespace warmd::ctl {

namespace {

/// The line for a stage; empty for one without.
std::string line_for(const json::object& value)
{
    const auto number = [&](std::string_view name) -> std::optional<double> {
        const json::value* member = value.if_contains(name);
        return member && member->is_number() ? std::optional(member->to_number<double>()) : std::nullopt;
    };
    const json::value* const member = value.if_contains("stage");
    const std::string stage = member && member->is_string() ? std::string(member->get_string()) : "";
    const auto position = number("position");
    const std::string place = position ? ", position " + std::to_string(std::llround(*position)) : "";
    if (stage == "queued")
        return "queued" + place;
    if (stage == "waiting_for_room")
        return "waiting for room" + place;
    if (stage != "loading")
        return "";
    std::string line = "loading the model";
    auto fraction = number("fraction");
    const auto done = number("bytes_done");
    const auto total = number("bytes_total");
    if (done && total && *total > 0) {
        line += ": " + human_bytes(*done) + " of " + human_bytes(*total);
        fraction = fraction ? fraction : *done / *total;
    }
    if (fraction)
        line += " (" + std::to_string(std::lround(*fraction * 100)) + " %)";
    return line;
}

} // namespace

void progress_line::draw(const json::value& value)
{
    if (!shown_ || !value.is_object())
        return;
    erase();
    const std::string line = line_for(value.get_object());
    std::cerr << line << std::flush;
    drawn_ = !line.empty();
}

void progress_line::erase()
{
    if (drawn_)
        std::cerr << "\r\033[K" << std::flush;
    drawn_ = false;
}

} // namespace warmd::ctl

#include "system/service_report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>

namespace warmd {

namespace {

std::string microseconds(std::chrono::nanoseconds time)
{
    return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

std::string counted(std::size_t count, std::string_view what)
{
    return std::to_string(count) + ' ' + std::string(what) + (count == 1 ? "" : "s");
}

std::string size(std::uint64_t bytes)
{
    constexpr std::array<const char*, 4> units{"KiB", "MiB", "GiB", "TiB"};
    double amount = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    for (; amount >= 1023.95 && unit + 1 != units.size(); ++unit)
        amount /= 1024;
    char text[32];
    std::snprintf(text, sizeof text, "%.*f %s", unit == 0 ? 0 : 1, amount, units[unit]);
    return text;
}

/// A message is lines of assignments: a line break in a value would begin another.
std::string one_line(std::string text)
{
    std::replace_if(
        text.begin(), text.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    return text;
}

} // namespace

service_report::service_report(std::chrono::nanoseconds watchdog)
    : watchdog_(watchdog),
      interval_(watchdog.count() > 0 ? std::min<std::chrono::nanoseconds>(status_gap, watchdog / 2)
                                     : status_gap)
{
}

std::string service_report::listening(time_point now)
{
    counted_at_ = fed_ = now;
    said_ = "ready";
    return "READY=1\nSTATUS=ready";
}

std::string service_report::looked(const daemon_look& found, time_point now)
{
    std::string message;
    const bool sound = stopping_until_ ? now < *stopping_until_ : found.stuck.empty();
    if (sound &&
        stopping_until_) // until the next look but one, so that one late answer is not the end
        message += "EXTEND_TIMEOUT_USEC=" +
                   microseconds(
                       std::min<std::chrono::nanoseconds>(3 * interval_, *stopping_until_ - now)) +
                   '\n';
    const bool half_gone = now + interval_ > fed_ + watchdog_ / 2; // by the next look
    if (sound && watchdog_.count() > 0 && half_gone) {
        fed_ = now;
        message += "WATCHDOG=1\n";
    }
    if (now - counted_at_ >= status_gap) {
        std::string line = status(found, now);
        if (line != said_)
            message += "STATUS=" + line + '\n';
        said_ = std::move(line);
        counted_at_ = now;
        counted_ = found.requests;
    }
    return message;
}

std::string service_report::status(const daemon_look& found, time_point now)
{
    if (stopping_until_)
        return "stopping: " + counted(found.leases, "call") + " under way, " +
               counted(found.models, "model") + " left";
    const double seconds = std::chrono::duration<double>(now - counted_at_).count();
    const double rate =
        static_cast<double>(found.requests - std::min(counted_, found.requests)) / seconds;
    std::string line = counted(found.models, "model");
    if (found.loading != 0)
        line += " and " + std::to_string(found.loading) + " loading";
    line += ", " + size(found.bytes) + ", " + std::to_string(std::llround(std::ceil(rate))) +
            " requests/s";
    if (!found.stuck.empty())
        line += "; degraded: " + one_line(found.stuck.front());
    return line;
}

std::string service_report::reload_begins(time_point now)
{
    // systemd.service(5): the time on CLOCK_MONOTONIC, which the steady clock is on Linux.
    return reloads_++ == 0 ? "RELOADING=1\nMONOTONIC_USEC=" + microseconds(now.time_since_epoch())
                           : "";
}

std::string service_report::reload_ended()
{
    return --reloads_ == 0 && !stopping_until_ ? "READY=1" : "";
}

std::string service_report::stopping(time_point deadline, time_point now)
{
    stopping_until_ = deadline;
    said_ = "stopping";
    const auto time = std::min<std::chrono::nanoseconds>(3 * interval_, deadline - now);
    return "STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=" + microseconds(time);
}

} // namespace warmd

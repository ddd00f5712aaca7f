#pragma once
// The terminal as a screen that is drawn over.

#include <chrono>
#include <string_view>

namespace warmd::ctl {

/// Takes the terminal over, and gives it back as it was: when destroyed, and when a signal ends the
/// program. REQUIRES: standard output is a terminal; one screen at a time.
class screen {
public:
    screen();
    ~screen();
    screen(const screen&) = delete;
    screen& operator=(const screen&) = delete;

    /// Shows `text`, cut to the window.
    void draw(std::string_view text);
    /// False if the user types q before the time is over.
    bool wait(std::chrono::duration<double> time);
};

} // namespace warmd::ctl

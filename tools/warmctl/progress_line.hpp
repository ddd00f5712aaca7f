#pragma once
// One line on standard error that says what a request is waiting for, drawn in place and erased at
// the end.

#include <warmd/json.hpp>

namespace warmd::ctl {

class progress_line {
public:
    /// Draws nothing unless `shown`: standard error is a terminal.
    explicit progress_line(bool shown) : shown_(shown) {}
    ~progress_line() { erase(); }
    progress_line(const progress_line&) = delete;
    progress_line& operator=(const progress_line&) = delete;

    bool shown() const noexcept { return shown_; }
    /// Draws the `value` of a `$/progress` notification; a request that runs has nothing more to
    /// show.
    void draw(const json::value& value);
    void erase();

private:
    bool shown_;
    bool drawn_ = false;
};

} // namespace warmd::ctl

#pragma once
// Logging is a value: a threshold and a function. Library code is handed a logger; only main knows
// what becomes of the lines (Boost.Log).

#include <functional>
#include <string>
#include <string_view>

namespace warmd {

enum class log_level { debug, info, warning, error, off };

/// A level and where lines go. A default-constructed logger drops everything.
class logger {
public:
    using sink = std::function<void(log_level, std::string_view)>;

    logger() = default;
    logger(log_level threshold, sink out) : threshold_(threshold), out_(std::move(out)) {}

    /// True if a line of this level would be written: test it before building an expensive line.
    bool enabled(log_level level) const noexcept { return level >= threshold_ && out_; }

    void debug(std::string_view line) const { write(log_level::debug, line); }
    void info(std::string_view line) const { write(log_level::info, line); }
    void warning(std::string_view line) const { write(log_level::warning, line); }
    void error(std::string_view line) const { write(log_level::error, line); }

private:
    /// A sink that throws has lost its line, and nothing else goes wrong for it.
    void write(log_level level, std::string_view line) const noexcept
    {
        try {
            if (enabled(level))
                out_(level, line);
        } catch (...) {
        }
    }

    log_level threshold_ = log_level::off;
    sink out_;
};

} // namespace warmd

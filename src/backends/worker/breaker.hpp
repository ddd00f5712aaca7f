#pragma once
// When a model's worker is not started any more for a while: it dies again and again, soon after
// its load. A plain object; time is an argument.

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>

namespace warmd::worker {

class breaker {
public:
    using time_point = std::chrono::steady_clock::time_point;
    static constexpr std::size_t deaths_to_open = 3;
    static constexpr std::chrono::seconds soon{60};          ///< after its load
    static constexpr std::chrono::seconds open_for{10 * 60}; ///< then it is tried once more

    /// The worker of `model`, loaded at `loaded`, has died.
    void died(const std::string& model, time_point loaded, time_point now);
    /// It was loaded, and lived for longer than that.
    void lived(const std::string& model) { of_.erase(model); }
    /// Until when the worker of `model` is not started; nothing: it is.
    std::optional<time_point> open_until(const std::string& model, time_point now) const;
    void close_all() { of_.clear(); }

private:
    struct deaths {
        std::size_t in_a_row = 0;
        time_point last{};
    };
    std::map<std::string, deaths> of_;
};

} // namespace warmd::worker

#pragma once
// One worker's life, decided: what to say to it, when to believe it no longer, how to end it.
// Events in, effects out; no process, no clock.
//
//   starting --hello--> loading --load--> serving --stop--> stopping --> gone
//       |  its word, its silence, its death: told once (effect::fail)  ^
//       +--------------------------------------------------------------+

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace warmd::worker {

using time_point = std::chrono::steady_clock::time_point;

enum class life { starting, loading, serving, stopping, gone };
std::string_view name(life) noexcept;

struct patience {
    std::chrono::nanoseconds load, stall, stop;
};

namespace effect {
enum class message { hello, estimate, load, ping, shutdown };
struct say {
    message what;
    friend bool operator==(const say&, const say&) = default;
};
/// Ask its process group to end, or end it.
struct terminate {
    friend bool operator==(const terminate&, const terminate&) = default;
};
struct kill {
    friend bool operator==(const kill&, const kill&) = default;
};
/// It has loaded: from now on it is given calls.
struct serve {
    friend bool operator==(const serve&, const serve&) = default;
};
/// It will answer nothing more; said once, and not if it was told to stop. `why` completes "the
/// worker …".
struct fail {
    std::string why;
    friend bool operator==(const fail&, const fail&) = default;
};
} // namespace effect

using any_effect =
    std::variant<effect::say, effect::terminate, effect::kill, effect::serve, effect::fail>;
using effects = std::vector<any_effect>;

class supervisor {
public:
    explicit supervisor(patience with) : with_(with) {}

    effects started(time_point now);
    /// hello, estimate or load was answered well.
    effects answered(time_point now);
    /// One of them was refused. `why`: whole.
    effects refused(std::string why, time_point now);
    /// Its count of steps: a sign of life if it has grown, or if there is nothing to compute.
    effects pong(std::uint64_t steps, bool computes, time_point now);
    /// Something came of a call.
    void moved(time_point now) { moved_ = now; }
    /// There is something to compute, after there was nothing.
    void busy(time_point now) { moved_ = now; }
    /// It broke the protocol. `what` completes "it …".
    effects violated(const std::string& what, time_point now);
    /// Nothing more can be read from it, or written to it: it is about to end, or had better.
    effects closed(time_point now);
    /// It has ended. `how` completes "the worker …".
    effects exited(const std::string& how);
    /// It is no longer needed.
    effects stop(time_point now);
    effects tick(time_point now);

    life state() const noexcept { return state_; }
    /// When tick() is to be called next, if at all.
    std::optional<time_point> wake() const;

private:
    /// For its end to be seen, once its output has ended.
    static constexpr std::chrono::milliseconds last_gasp{500};
    static constexpr int pings_per_stall = 4;

    effects give_up(const std::string& why, time_point now);
    effects terminate(time_point now);
    effects look(time_point now);

    const patience with_;
    life state_ = life::starting;
    bool failed_ = false;                // and that was said
    bool estimated_ = false;             // loading: what is awaited is the load
    bool pinged_ = false;                // and not answered
    bool terminated_ = false;            // stopping: SIGTERM was sent
    std::optional<time_point> deadline_; // of the state; serving: the next look
    std::optional<time_point> closed_;   // when nothing more can be read
    time_point moved_{}, pong_{};        // the last signs of life
    std::uint64_t steps_ = 0;
};

} // namespace warmd::worker

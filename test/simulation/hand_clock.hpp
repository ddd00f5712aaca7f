#pragma once
// Time that passes when the test says so.

#include "base/time_source.hpp"

#include <utility>
#include <vector>

namespace warmd::test {

using namespace std::chrono_literals;

/// A clock that stands until it is moved, and the alarms set on it.
class hand_clock {
public:
    time_source source()
    {
        return {
            [this] { return now_; },
            [this](const asio::any_io_executor&) { return std::make_unique<hand_alarm>(*this); }};
    }
    void move(std::chrono::nanoseconds by)
    {
        now_ += by;
        for (bool rang = true; rang;) { // ringing may set and destroy alarms
            rang = false;
            for (hand_alarm* each : alarms_)
                if (each->ring_ && each->at_ <= now_) {
                    std::exchange(each->ring_, {})();
                    rang = true;
                    break;
                }
        }
    }

private:
    struct hand_alarm final : alarm {
        explicit hand_alarm(hand_clock& on) : on_(on) { on_.alarms_.push_back(this); }
        ~hand_alarm() override { std::erase(on_.alarms_, this); }
        void set(time_point at, std::function<void()> ring) override
        {
            at_ = at;
            ring_ = std::move(ring);
        }
        void cancel() override { ring_ = {}; }
        hand_clock& on_;
        time_point at_{};
        std::function<void()> ring_;
    };
    time_point now_ = time_point() + 1h;
    std::vector<hand_alarm*> alarms_;
};

} // namespace warmd::test

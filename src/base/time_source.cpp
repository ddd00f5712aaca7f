#include "base/time_source.hpp"

#include <boost/asio/steady_timer.hpp>

#include <utility>

namespace warmd {

namespace {

class timer_alarm final : public alarm {
public:
    explicit timer_alarm(const asio::any_io_executor& on) : timer_(on) {}

    void set(time_point at, std::function<void()> ring) override
    {
        timer_.expires_at(at);
        timer_.async_wait([ring = std::move(ring)](const error_code& ec) {
            if (!ec)
                ring();
        });
    }
    void cancel() override { timer_.cancel(); }

private:
    asio::steady_timer timer_;
};

} // namespace

time_source real_time()
{
    return {[] { return std::chrono::steady_clock::now(); },
            [](const asio::any_io_executor& on) { return std::make_unique<timer_alarm>(on); }};
}

} // namespace warmd

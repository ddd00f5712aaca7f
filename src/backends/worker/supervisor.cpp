#include "worker/supervisor.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace warmd::worker {

std::string_view name(life state) noexcept
{
    static constexpr std::array<std::string_view, 5> names{"starting", "loading", "serving",
                                                           "stopping", "gone"};
    return names[static_cast<std::size_t>(state)];
}

effects supervisor::started(time_point now)
{
    deadline_ = now + with_.load;
    return {effect::say{effect::message::hello}};
}

effects supervisor::answered(time_point now)
{
    if (state_ == life::starting) {
        state_ = life::loading;
        return {effect::say{effect::message::estimate}};
    }
    if (state_ != life::loading)
        return {};
    if (!std::exchange(estimated_, true))
        return {effect::say{effect::message::load}};
    state_ = life::serving;
    moved_ = pong_ = now;
    deadline_ = now + with_.stall / pings_per_stall;
    return {effect::serve{}};
}

effects supervisor::refused(std::string why, time_point now)
{
    if (state_ == life::stopping || state_ == life::gone)
        return {};
    effects all;
    if (!std::exchange(failed_, true))
        all.push_back(effect::fail{std::move(why)});
    for (any_effect& each : stop(now)) // it has broken no rule
        all.push_back(std::move(each));
    return all;
}

effects supervisor::pong(std::uint64_t steps, bool computes, time_point now)
{
    pinged_ = false;
    pong_ = now;
    if (!computes || steps != steps_)
        moved_ = now;
    steps_ = steps;
    return {};
}

effects supervisor::violated(const std::string& what, time_point now)
{
    return give_up("broke the protocol: it " + what, now);
}

effects supervisor::closed(time_point now)
{
    if (!closed_ && state_ != life::gone)
        closed_ = now + last_gasp;
    return {};
}

effects supervisor::exited(const std::string& how)
{
    const bool unexpected = state_ != life::stopping && state_ != life::gone;
    state_ = life::gone;
    deadline_.reset();
    closed_.reset();
    if (!unexpected || std::exchange(failed_, true))
        return {};
    return {effect::fail{how}};
}

effects supervisor::stop(time_point now)
{
    if (state_ == life::stopping || state_ == life::gone)
        return {};
    state_ = life::stopping;
    deadline_ = now + with_.stop;
    return {effect::say{effect::message::shutdown}};
}

/// It is not asked to end, but told to.
effects supervisor::give_up(const std::string& why, time_point now)
{
    if (state_ == life::gone)
        return {};
    effects all;
    if (state_ != life::stopping && !std::exchange(failed_, true))
        all.push_back(effect::fail{why});
    if (!terminated_)
        for (any_effect& each : terminate(now))
            all.push_back(std::move(each));
    return all;
}

effects supervisor::terminate(time_point now)
{
    state_ = life::stopping;
    terminated_ = true;
    deadline_ = now + with_.stop;
    return {effect::terminate{}};
}

std::optional<time_point> supervisor::wake() const
{
    if (closed_ && deadline_)
        return std::min(*closed_, *deadline_);
    return closed_ ? closed_ : deadline_;
}

effects supervisor::tick(time_point now)
{
    if (closed_ && *closed_ <= now) {
        closed_.reset();
        if (state_ != life::stopping)
            return give_up("closed its standard input or output", now);
    }
    if (!deadline_ || now < *deadline_)
        return {};
    switch (state_) {
    case life::starting:
        return give_up("did not say hello within its load_timeout of " + seconds_text(with_.load),
                       now);
    case life::loading:
        return give_up("did not load within its load_timeout of " + seconds_text(with_.load), now);
    case life::serving: return look(now);
    case life::stopping:
        if (!terminated_)
            return terminate(now);
        deadline_.reset();
        return {effect::kill{}};
    default: return {};
    }
}

effects supervisor::look(time_point now)
{
    if (pinged_ && now - pong_ >= with_.stall)
        return give_up(
            "did not answer a ping for its stall_timeout of " + seconds_text(with_.stall), now);
    if (now - moved_ >= with_.stall)
        return give_up("made no progress for its stall_timeout of " + seconds_text(with_.stall),
                       now);
    deadline_ = now + with_.stall / pings_per_stall;
    if (std::exchange(pinged_, true))
        return {};
    return {effect::say{effect::message::ping}};
}

} // namespace warmd::worker

#include "worker/breaker.hpp"

namespace warmd::worker {

void breaker::died(const std::string& model, time_point loaded, time_point now)
{
    if (now - loaded >= soon)
        return lived(model);
    deaths& of = of_[model];
    ++of.in_a_row;
    of.last = now;
}

std::optional<breaker::time_point> breaker::open_until(const std::string& model,
                                                       time_point now) const
{
    const auto found = of_.find(model);
    if (found == of_.end() || found->second.in_a_row < deaths_to_open)
        return {};
    const time_point until = found->second.last + open_for;
    return now < until ? std::optional(until) : std::nullopt;
}

} // namespace warmd::worker

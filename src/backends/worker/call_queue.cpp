#include "worker/call_queue.hpp"

#include <algorithm>

namespace warmd::worker {

void call_queue::push(number which, std::uint64_t origin, call_priority how)
{
    clients& among = of_[static_cast<std::size_t>(how)];
    const auto found = std::find_if(among.begin(), among.end(),
                                    [&](const client& each) { return each.origin == origin; });
    if (found == among.end())
        among.push_back({origin, {which}});
    else
        found->calls.push_back(which);
}

std::optional<call_queue::number> call_queue::pop()
{
    auto& [interactive, batch] = of_;
    if (interactive.empty() && batch.empty())
        return {};
    const bool batch_is_due = !batch.empty() && passed_ + 1 >= batch_every;
    if (interactive.empty() || batch_is_due) {
        passed_ = 0;
        return take(batch);
    }
    passed_ = batch.empty() ? 0 : passed_ + 1;
    return take(interactive);
}

/// The first client's first, and then it is behind the others.
call_queue::number call_queue::take(clients& from)
{
    client& first = from.front();
    const number taken = first.calls.front();
    first.calls.pop_front();
    if (first.calls.empty())
        from.pop_front();
    else
        from.splice(from.end(), from, from.begin());
    return taken;
}

bool call_queue::remove(number which)
{
    for (clients& among : of_)
        for (auto each = among.begin(); each != among.end(); ++each) {
            const auto found = std::find(each->calls.begin(), each->calls.end(), which);
            if (found == each->calls.end())
                continue;
            each->calls.erase(found);
            if (each->calls.empty())
                among.erase(each);
            return true;
        }
    return false;
}

std::size_t call_queue::size() const noexcept
{
    std::size_t all = 0;
    for (const clients& among : of_)
        for (const client& each : among)
            all += each.calls.size();
    return all;
}

} // namespace warmd::worker

#include "hf/schedule/step_planner.hpp"

#include <algorithm>
#include <utility>

namespace warmd::hf {

std::size_t step_planner::waiting_tokens(sequence_id of) const
{
    const auto found = sequences_.find(of);
    return found == sequences_.end() || found->second.grows ? 0 : found->second.left;
}

std::size_t step_planner::rows_in(base_id base, double seconds) const
{
    const auto measured = rates_.find(base);
    if (measured == rates_.end())
        return limits_.least_rows;
    const auto fit = static_cast<std::size_t>(
        std::min(measured->second * seconds, static_cast<double>(limits_.most_rows)));
    const std::size_t even = limits_.even_rows, nearest = (fit + even / 2) / even * even;
    return std::clamp(nearest, limits_.least_rows, limits_.most_rows / even * even);
}

double step_planner::row_seconds(base_id base) const
{
    const auto measured = rates_.find(base);
    return measured == rates_.end() ? limits_.step_seconds / static_cast<double>(limits_.least_rows)
                                    : 1 / measured->second;
}

bool step_planner::clientele::ready() const
{
    for (const auto& [client, whose] : active)
        for (const auto& [base, each] : whose.lines)
            if (each.ready())
                return true;
    return false;
}

std::size_t step_planner::known_clients() const
{
    std::size_t known = 0;
    for (const clientele& each : clients_)
        known += each.active.size() + each.idle.size();
    return known;
}

void step_planner::arrive(const arrival& what)
{
    clientele& all = clients(what.priority);
    account& whose = account_of(all, what.client);
    const std::uint64_t turn = ++turns_;
    line& in = whose.lines.try_emplace(what.base, line{&whose, what.base, turn}).first->second;
    if (!in.ready())
        in.since = steps_;
    ++in.sequences;
    sequence& which =
        sequences_.emplace(what.id, sequence{what, &in, what.tokens, turn}).first->second;
    in.waiting.emplace_hint(in.waiting.end(), turn, &which);
    all.tokens += what.tokens;
}

// A pause earns what one step takes, however long it was.
step_planner::account& step_planner::account_of(clientele& all, client_id client)
{
    const auto [at, is_new] = all.active.try_emplace(client);
    account& whose = at->second;
    if (is_new) {
        whose.client = client;
        whose.counter = all.level - limits_.step_seconds;
        if (const auto known = all.idle.extract(client))
            whose.counter = std::max(whose.counter, known.mapped().counter);
    }
    return whose;
}

void step_planner::stepped(double seconds)
{
    for (clientele& all : clients_)
        for (auto& [client, whose] : all.active)
            whose.counter += seconds * static_cast<double>(std::exchange(whose.rows, 0)) /
                             static_cast<double>(used_);
    // A step of fewer rows takes about as long as one of so many: it says nothing of the rate.
    if (used_ >= limits_.least_rows && seconds > 0) {
        const double rate = static_cast<double>(used_) / seconds;
        const auto [at, is_first] = rates_.try_emplace(under_way_, rate);
        at->second = (at->second + rate) / 2;
    }
}

void step_planner::grow(sequence_id id)
{
    sequence& which = sequences_.at(id);
    line& in = *which.in;
    if (!in.ready())
        in.since = steps_;
    which.grows = true;
    which.left = 1;
    which.turn = ++turns_;
    in.growing.emplace_hint(in.growing.end(), which.turn, &which);
}

void step_planner::leave(sequence_id id)
{
    const auto at = sequences_.find(id);
    sequence& which = at->second;
    line& in = *which.in;
    clientele& all = clients(which.what.priority);
    if (which.grows)
        in.growing.erase(which.turn);
    else
        all.tokens -= which.left;
    if (in.open == &which)
        in.open = nullptr;
    else if (!which.grows)
        in.waiting.erase(which.turn);
    if (all.refused == &which)
        all.refused = nullptr;
    account& whose = *in.of;
    if (--in.sequences == 0)
        whose.lines.erase(in.base);
    sequences_.erase(at);
    if (whose.lines.empty())
        retire(all, whose);
}

// Where nobody has anything to do, nobody has a claim on another.
void step_planner::retire(clientele& all, account& whose)
{
    all.idle[whose.client] = {whose.counter, steps_};
    all.active.erase(client_id{whose.client});
    if (all.active.empty())
        all.idle.clear();
}

} // namespace warmd::hf

// How the next step is made: who leads it, and what is dealt to whom.

#include "hf/schedule/step_planner.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

namespace warmd::hf {

namespace {

constexpr std::size_t quantum = 16;        // rows dealt at a time
constexpr std::size_t batch_every = 20;    // steps
constexpr std::uint64_t oldest_every = 10; // steps of a priority
constexpr std::size_t most_later = 32;     // in a line, that one step asks about
constexpr double most_debt = 100;          // steps
constexpr std::uint64_t memory = 1000;     // steps that an idle client is remembered for
constexpr std::uint64_t company = 100;     // steps after which who is alone counts as lone
constexpr double before_all = -std::numeric_limits<double>::infinity();

} // namespace

std::optional<step_planner::step> step_planner::next(const begin& ask)
{
    call_priority first = call_priority::interactive, second = call_priority::batch;
    if (passed_ + 1 >= batch_every)
        std::swap(first, second);
    const double seconds = limits_.step_seconds * (is_lone() ? limits_.lone_steps : 1);
    for (const call_priority each : {first, second})
        if (line* leads = leader(clients(each), ask))
            return make(each, {leads,
                               ask,
                               rows_in(leads->base, seconds),
                               row_seconds(leads->base),
                               {leads->base, {}}});
    return {};
}

// Whether one client has all there is to do, and has had for a while. Not while it generates:
// somebody reads the tokens as they come.
bool step_planner::is_lone()
{
    std::size_t busy = 0, generations = 0;
    for (const clientele& each : clients_)
        for (const auto& [client, whose] : each.active) {
            ++busy;
            for (const auto& [base, in] : whose.lines)
                generations += in.growing.size();
        }
    if (busy > 1)
        company_ = steps_ + company;
    return busy == 1 && generations == 0 && steps_ >= company_;
}

// Who of those that can go has the least counter, or has waited longest.
step_planner::line* step_planner::leader(clientele& among, const begin& ask)
{
    const bool oldest_first = among.steps % oldest_every == oldest_every - 1;
    std::vector<claim> claims;
    for (auto& [client, whose] : among.active)
        for (auto& [base, each] : whose.lines) {
            each.asked = each.later = 0;
            each.stuck = each.fed = false;
            const bool overdue = oldest_first && steps_ - each.since >= oldest_every;
            if (each.ready())
                claims.push_back(
                    {overdue ? before_all : whose.counter, each.since, each.turn, &each});
        }
    std::sort(claims.begin(), claims.end());
    for (const claim& each : claims)
        if (each.of->open || !each.of->growing.empty() || begin_next(*each.of, ask))
            return each.of;
    return nullptr;
}

// The next of those that wait in the line that may be asked about.
step_planner::sequence* step_planner::candidate(line& of) const
{
    const call_priority priority = of.waiting.begin()->second->what.priority;
    if (priority == call_priority::batch && clients(call_priority::interactive).refused)
        return nullptr;
    if (sequence* refused = clients(priority).refused)
        return refused->in == &of && refused->turn > of.asked ? refused : nullptr;
    const auto at = of.waiting.upper_bound(of.asked);
    return at == of.waiting.end() ? nullptr : at->second;
}

// Opens the first sequence of the line that can begin. False: there is none in this step.
bool step_planner::begin_next(line& of, const begin& ask)
{
    while (!of.stuck && !of.waiting.empty() && of.later < most_later) {
        sequence* which = candidate(of);
        if (!which)
            break;
        of.asked = which->turn;
        const beginning said = ask(which->what.id);
        clientele& all = clients(which->what.priority);
        if (said.what == beginning::kind::begun) {
            open(*which, said.positions);
            return true;
        }
        if (said.what == beginning::kind::no_room)
            all.refused = which;
        else
            ++of.later;
    }
    of.stuck = true;
    return false;
}

void step_planner::open(sequence& which, std::size_t positions)
{
    clientele& all = clients(which.what.priority);
    which.left -= positions;
    all.tokens -= positions;
    if (all.refused == &which)
        all.refused = nullptr;
    which.in->open = &which;
    which.in->waiting.erase(which.turn);
}

step_planner::step step_planner::make(call_priority priority, making now)
{
    ++steps_;
    passed_ = priority == call_priority::batch || !clients(call_priority::batch).ready()
                  ? 0
                  : passed_ + 1;
    clientele& interactive = clients(call_priority::interactive);
    clientele& batch = clients(call_priority::batch);
    clientele& own = clients(priority);
    const std::size_t kept = std::min(quantum, now.rows / 2); // for prompts
    deal_generations(now, interactive, now.rows - kept);
    if (priority == call_priority::batch)
        deal_generations(now, batch, now.rows - kept);
    deal_prompts(now, own);
    deal_generations(now, own, now.rows);
    deal_generations(now, interactive, now.rows);
    settle(now, own);
    ++own.steps;
    used_ = now.used;
    under_way_ = now.made.base;
    return std::move(now.made);
}

// A row each, least counter first; what a line has more of than others is fed in turn.
void step_planner::deal_generations(making& now, clientele& to, std::size_t limit)
{
    std::set<claim> claims;
    for (line* each : lines_of(now, to))
        if (!each->growing.empty())
            claims.insert(claim_in(now, *each, each == now.first));
    while (now.used < limit && !claims.empty()) {
        line& least = *claims.extract(claims.begin()).value().of;
        const auto [turn, which] = *least.growing.begin();
        least.growing.erase(turn);
        put(now, *which, 1);
        if (!least.growing.empty())
            claims.insert(claim_in(now, least, false));
    }
}

// A quantum at a time, least counter first.
void step_planner::deal_prompts(making& now, clientele& to)
{
    std::set<claim> claims;
    for (line* each : lines_of(now, to))
        if (each->open || !each->waiting.empty())
            claims.insert(claim_in(now, *each, each == now.first));
    while (now.used < now.rows && !claims.empty()) {
        line& least = *claims.extract(claims.begin()).value().of;
        if (feed_prompt(now, least))
            claims.insert(claim_in(now, least, false));
    }
}

// One quantum of the line's first prompt; all of it, if less than another would be left.
bool step_planner::feed_prompt(making& now, line& of)
{
    if (!of.open && !begin_next(of, now.ask))
        return false;
    sequence& which = *of.open;
    const std::size_t wanted = which.left < 2 * quantum ? which.left : quantum;
    put(now, which, std::min(wanted, now.rows - now.used));
    of.fed = true;
    if (which.left == 0)
        of.open = nullptr;
    return true;
}

void step_planner::put(making& now, sequence& which, std::size_t tokens)
{
    std::vector<share>& shares = now.made.shares;
    if (which.step != steps_) {
        which.step = steps_;
        which.share = shares.size();
        shares.push_back({which.what.id, 0});
    }
    shares[which.share].tokens += tokens;
    which.left -= tokens;
    if (!which.grows)
        clients(which.what.priority).tokens -= tokens;
    which.in->of->rows += tokens;
    now.used += tokens;
}

std::vector<step_planner::line*> step_planner::lines_of(const making& now, clientele& all)
{
    std::vector<line*> found;
    for (auto& [client, whose] : all.active)
        if (const auto at = whose.lines.find(now.made.base); at != whose.lines.end())
            found.push_back(&at->second);
    return found;
}

// `first`: it leads the step, and has had nothing of what is dealt.
step_planner::claim step_planner::claim_in(const making& now, line& of, bool first)
{
    const account& whose = *of.of;
    const double charged = static_cast<double>(whose.rows) * now.row_seconds;
    return {first ? before_all : whose.counter + charged, of.since, of.turn, &of};
}

// Those that were passed over keep what they are behind by; the others, one step of it.
void step_planner::settle(const making& now, clientele& own)
{
    double least = -before_all, most = before_all;
    for (auto& [client, whose] : own.active) {
        most = std::max(most, whose.counter);
        for (auto& [base, each] : whose.lines) {
            const bool prompts = each.open || !each.waiting.empty();
            if (base == now.made.base && whose.rows > 0 && (each.fed || each.stuck || !prompts))
                each.since = steps_;
            if (each.open || !each.growing.empty() ||
                (!each.waiting.empty() && !each.stuck && !own.refused))
                least = std::min(least, whose.counter);
        }
    }
    own.level = std::max(own.level, std::min(least, most));
    const double lowest = own.level - limits_.step_seconds;
    const double highest = own.level + most_debt * limits_.step_seconds;
    for (auto& [client, whose] : own.active)
        whose.counter = std::clamp(whose.counter, lowest, highest);
    std::erase_if(own.idle, [&](const auto& each) {
        return each.second.counter <= lowest || steps_ - each.second.since > memory;
    });
}

} // namespace warmd::hf

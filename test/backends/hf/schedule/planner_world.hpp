#pragma once
// A machine, its memory and its clients, at random, around a step planner: what it plans is carried
// out and held against what it promises.

#include "hf/schedule/step_planner.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace warmd::test {

struct broken_promise : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class planner_world {
public:
    using planner = hf::step_planner;

    explicit planner_world(std::uint64_t seed) : random_(seed)
    {
        row_seconds_ = 1e-5 * static_cast<double>(1 + below(300));
        step_seconds_ = 1e-4 * static_cast<double>(below(200));
    }
    std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
    std::size_t steps() const { return steps_; }

    /// Clients come, wait and go, until all is done.
    void run()
    {
        memory_ = free_ = 2500 + below(10000);
        clients_ = 1 + below(6);
        bases_ = 1 + below(3);
        to_come_ = 1 + below(60);
        const std::size_t rush = 1 + below(8);
        while (to_come_ > 0 || !jobs_.empty()) {
            for (std::size_t n = below(rush + 1); n > 0 && to_come_ > 0; --n)
                arrive_any();
            const bool any = step();
            must(any || to_come_ > 0 || jobs_.empty(), "all wait for ever");
            if (below(10) == 0 && !jobs_.empty())
                leave(std::next(jobs_.begin(), static_cast<std::ptrdiff_t>(below(jobs_.size())))
                          ->first);
        }
        must(free_ == memory_, "memory is not given back");
        must(planner_.empty() && planner_.known_clients() == 0, "something is remembered");
        for (const auto of : {call_priority::interactive, call_priority::batch})
            must(planner_.waiting_tokens(of) == 0, "tokens wait of nobody");
    }

    void arrive(planner::arrival what, std::size_t to_draw)
    {
        what.id = ++last_;
        jobs_[what.id] = {what, to_draw};
        planner_.arrive(what);
    }
    std::size_t jobs_of(std::uint64_t client) const
    {
        return static_cast<std::size_t>(
            std::count_if(jobs_.begin(), jobs_.end(),
                          [=](const auto& each) { return each.second.what.client == client; }));
    }
    /// What the last step took of it on behalf of a client.
    double seconds_of(std::uint64_t client) const
    {
        const auto found = seconds_.find(client);
        return found == seconds_.end() ? 0 : found->second;
    }

    /// One step, if there is any.
    bool step()
    {
        asked_.clear();
        held_up_.clear();
        const auto made = planner_.next([this](std::uint64_t id) { return answer(id); });
        if (!made) {
            for (const auto& [id, each] : jobs_)
                must(!each.can_go(), "nothing is done, and something could be");
            return false;
        }
        ++steps_;
        check(*made);
        const std::size_t rows = carry_out(*made);
        if (to_come_ > 0 && below(4) == 0) // while it is under way
            arrive_any();
        const double took = (step_seconds_ + row_seconds_ * static_cast<double>(rows)) *
                            (0.8 + 0.4 * static_cast<double>(below(100)) / 100);
        for (auto& [client, share] : seconds_)
            share *= took / static_cast<double>(rows);
        planner_.stepped(took);
        draw(*made);
        return true;
    }

private:
    struct job {
        planner::arrival what;
        std::size_t to_draw = 0;
        std::size_t prefix = 0; // of so many tokens, which all with as long a one share
        bool begun = false;
        std::size_t fed = 0, drawn = 0, memory = 0;

        std::size_t left() const { return what.tokens + drawn - fed; }
        bool can_go() const { return begun && left() > 0; }
    };
    using line = std::tuple<call_priority, std::uint64_t, std::uint64_t>;
    static line line_of(const job& of) { return {of.what.priority, of.what.base, of.what.client}; }

    static void must(bool holds, const std::string& else_)
    {
        if (!holds)
            throw broken_promise(else_);
    }

    void arrive_any()
    {
        --to_come_;
        const std::size_t tokens = below(3) ? 1 + below(60) : 1 + below(2000);
        const auto priority = below(3) ? call_priority::interactive : call_priority::batch;
        arrive({.base = below(bases_),
                .client = below(clients_),
                .priority = priority,
                .tokens = tokens},
               below(3) ? 0 : below(40));
        if (below(2))
            jobs_[last_].prefix = std::vector<std::size_t>{16, 200, 900}[below(3)];
    }
    void leave(std::uint64_t id)
    {
        free_ += jobs_.at(id).memory;
        jobs_.erase(id);
        refused_.erase(id);
        planner_.leave(id);
    }

    planner::beginning answer(std::uint64_t id)
    {
        using kind = planner::beginning::kind;
        job& of = jobs_.at(id);
        must(asked_.insert(id).second, "asked twice in one step");
        must(!of.begun, "begins twice");
        for (const std::uint64_t other : refused_)
            must(other == id || (jobs_.at(other).what.priority != of.what.priority &&
                                 of.what.priority == call_priority::interactive),
                 "overtakes one that waits for room");
        const std::size_t there = of.what.tokens > of.prefix ? of.prefix : 0;
        const auto known = prefixes_.find({of.what.base, there});
        const bool computed = there > 0 && known != prefixes_.end() && known->second == 0;
        if (there > 0 && !computed && known != prefixes_.end()) {
            const auto by = jobs_.find(known->second);
            if (by != jobs_.end() && by->second.what.priority <= of.what.priority) {
                held_up_.insert(line_of(of));
                return {kind::later};
            }
        }
        const std::size_t needed = of.what.tokens + of.to_draw - (computed ? there : 0);
        if (memory_ > 0 && needed > free_) {
            refused_.insert(id);
            return {kind::no_room};
        }
        refused_.erase(id);
        if (memory_ > 0)
            free_ -= of.memory = needed;
        of.begun = true;
        of.fed = computed ? there : 0;
        if (there > 0 && !computed)
            prefixes_[{of.what.base, there}] = id;
        return {kind::begun, of.fed};
    }

    void check(const planner::step& made)
    {
        std::set<std::uint64_t> seen;
        std::set<line> served;
        std::size_t rows = 0;
        bool has_batch = false, interactive_prompt = false;
        for (const auto& [id, tokens] : made.shares) {
            const job& of = jobs_.at(id);
            must(of.begun, "has not begun");
            must(of.what.base == made.base, "two bases in one step");
            must(seen.insert(id).second, "twice in one step");
            must(tokens > 0 && tokens <= of.left(), "is given tokens that it has not");
            rows += tokens;
            served.insert(line_of(of));
            const bool batch = of.what.priority == call_priority::batch;
            has_batch = has_batch || batch;
            interactive_prompt = interactive_prompt || (!batch && of.drawn == 0);
        }
        must(rows <= planner_.rows(made.base), "more rows than the machine does in time");
        must(rows > 0, "an empty step");
        check_batch(has_batch, interactive_prompt);
        check_waiting(served);
    }
    void check_batch(bool has_batch, bool interactive_prompt)
    {
        must(!has_batch || !interactive_prompt, "batch beside an interactive prompt");
        bool works = false, could = false, interactive = false; // and could
        for (const auto& [id, each] : jobs_)
            if (each.what.priority == call_priority::interactive) {
                interactive = interactive || each.can_go();
            } else {
                works = works || each.left() > 0;
                could = could || each.can_go();
            }
        must(!has_batch || !interactive || passed_ >= 19, "batch before its turn");
        must(has_batch || !could || able_ < 19, "batch has less than one step in twenty");
        passed_ = has_batch || !works ? 0 : passed_ + 1;
        able_ = has_batch || !could ? 0 : able_ + 1;
    }
    // That no line waits longer than it may.
    void check_waiting(const std::set<line>& served)
    {
        bool room[] = {true, true};
        for (const std::uint64_t id : refused_) {
            room[1] = false;
            if (jobs_.at(id).what.priority == call_priority::interactive)
                room[0] = false;
        }
        std::map<line, bool> can_go;
        std::size_t lines[] = {0, 0};
        for (const auto& [id, each] : jobs_) {
            const bool may = each.begun ? each.can_go()
                                        : room[static_cast<int>(each.what.priority)] &&
                                              !held_up_.contains(line_of(each));
            const auto [at, is_new] = can_go.try_emplace(line_of(each), false);
            at->second = at->second || may;
            lines[static_cast<int>(each.what.priority)] += is_new ? 1 : 0;
        }
        std::erase_if(waits_, [&](const auto& each) {
            return served.contains(each.first) || !can_go.contains(each.first) ||
                   !can_go.at(each.first);
        });
        for (const auto& [which, may] : can_go) {
            if (!may || served.contains(which))
                continue;
            auto& [waited, among] = waits_[which];
            const auto priority = std::get<call_priority>(which);
            among = std::max(among, lines[static_cast<int>(priority)]);
            const std::size_t most = priority == call_priority::batch ? 200 : 11;
            must(++waited <= most * (among + 2), "starves");
        }
    }

    std::size_t carry_out(const planner::step& made)
    {
        std::size_t rows = 0;
        seconds_.clear();
        for (const auto& [id, tokens] : made.shares) {
            job& of = jobs_.at(id);
            of.fed += tokens;
            rows += tokens;
            seconds_[of.what.client] += static_cast<double>(tokens);
        }
        return rows;
    }
    void draw(const planner::step& made)
    {
        for (const auto& share : made.shares) {
            job& of = jobs_.at(share.id);
            for (auto& [prefix, by] : prefixes_)
                if (by == share.id && of.fed >= prefix.second)
                    by = 0; // computed
            must(planner_.waiting_tokens(share.id) == (of.drawn ? 0 : of.left()),
                 "counts its tokens otherwise");
            if (of.left() > 0)
                continue;
            if (of.drawn == of.to_draw) {
                leave(share.id);
            } else {
                ++of.drawn;
                planner_.grow(share.id);
            }
        }
    }

    std::mt19937_64 random_;
    double row_seconds_, step_seconds_;
    std::size_t memory_ = 0, free_ = 0; // in tokens; 0: unbounded
    std::size_t clients_ = 0, bases_ = 1, to_come_ = 0;
    planner planner_{{}};
    std::uint64_t last_ = 0; // sequence
    std::size_t steps_ = 0;
    std::map<std::uint64_t, job> jobs_;
    // Who computes the prefix of a base that is so long; 0: it is there.
    std::map<std::pair<std::uint64_t, std::size_t>, std::uint64_t> prefixes_;
    std::set<std::uint64_t> refused_;         // for lack of room, and waiting
    std::set<std::uint64_t> asked_;           // by this step
    std::set<line> held_up_;                  // of them, those that were to come later
    std::map<std::uint64_t, double> seconds_; // by client, of the last step
    // Steps without batch, while it had work; while some of it could go.
    std::size_t passed_ = 0, able_ = 0;
    std::map<line, std::pair<std::size_t, std::size_t>> waits_; // steps; among so many lines
};

} // namespace warmd::test

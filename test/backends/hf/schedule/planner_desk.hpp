#pragma once
// Plays the engine beside a step planner: carries steps out, draws tokens, answers what may begin.

#include "hf/schedule/step_planner.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace warmd::test {

struct planner_desk {
    using planner_type = hf::step_planner;
    using kind = planner_type::beginning::kind;

    explicit planner_desk(planner_type::limits how = {}) : planner(how) {}

    planner_type planner;
    /// What a step of so many rows takes: as long as it should, of 32.
    std::function<double(std::size_t)> seconds = [](std::size_t rows) {
        return 0.05 / 32 * static_cast<double>(rows);
    };
    std::map<std::uint64_t, kind> says;         ///< of who may not begin
    std::map<std::uint64_t, std::size_t> there; ///< positions of a shared prefix
    std::vector<std::uint64_t> asked;           ///< by the last step
    std::set<std::uint64_t> generations;
    std::map<std::uint64_t, std::size_t> fed; ///< tokens, by sequence
    std::map<std::uint64_t, std::size_t> prompt;

    void arrive(const planner_type::arrival& what)
    {
        prompt[what.id] = what.tokens;
        planner.arrive(what);
    }
    /// Draws a token whenever all it has is fed.
    void generate(const planner_type::arrival& what)
    {
        generations.insert(what.id);
        arrive(what);
    }
    void leave(std::uint64_t id)
    {
        generations.erase(id);
        planner.leave(id);
    }
    /// Carries out the next step: "base: sequence x tokens …".
    std::string step()
    {
        return carry_out([this](std::size_t rows) { return seconds(rows); });
    }
    std::string step_of(double so_long)
    {
        return carry_out([=](std::size_t) { return so_long; });
    }
    void run(int steps)
    {
        for (int i = 0; i < steps; ++i)
            step();
    }
    static std::size_t rows_of(const std::string& step)
    {
        std::size_t rows = 0;
        for (std::size_t at = step.find('x'); at != step.npos; at = step.find('x', at + 1))
            rows += std::stoul(step.substr(at + 1));
        return rows;
    }

private:
    template <class Clock>
    std::string carry_out(Clock took)
    {
        asked.clear();
        const auto made = planner.next([this](std::uint64_t id) { return answer(id); });
        if (!made)
            return "nothing";
        std::string text = std::to_string(made->base) + ":";
        std::size_t rows = 0;
        for (const auto& [id, tokens] : made->shares) {
            text += " " + std::to_string(id) + "x" + std::to_string(tokens);
            rows += tokens;
            fed[id] += tokens;
        }
        planner.stepped(took(rows));
        for (const auto& [id, tokens] : made->shares)
            if (generations.contains(id) && fed[id] + there[id] >= prompt[id])
                planner.grow(id);
        return text;
    }
    planner_type::beginning answer(std::uint64_t id)
    {
        asked.push_back(id);
        const auto found = says.find(id);
        return found != says.end() ? planner_type::beginning{found->second}
                                   : planner_type::beginning{kind::begun, there[id]};
    }
};

} // namespace warmd::test

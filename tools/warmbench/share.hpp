#pragma once
// What `warmbench share` measures: how clients of one daemon fare beside each other. Each row of
// its table has daemons of its own.

#include "options.hpp"
#include "served_models.hpp"

#include <string>
#include <vector>

namespace warmbench {

struct share_options {
    std::string warmd = warmd_beside();
    model_options model;      ///< `repeat`: counts of what has a bound on tokens per second
    std::size_t probes = 200; ///< requests behind each latency
    bool quick = false;       ///< half of the work, in one count
};

/// What all rows have at hand.
struct share_bench {
    const share_options& options;
    const shared_base& base; ///< with two adapters

    model_server serve(const std::vector<std::string>& more = {}) const
    {
        return model_server(options.warmd, base, more);
    }
    /// A source of prompts that no other has.
    prompt_source prompts(unsigned seed) const { return {seed, base.vocabulary()}; }
    /// `most`, or half of it if it has to be quick.
    std::size_t some(std::size_t most) const { return options.quick ? most / 2 : most; }
};

/// A figure and its bound.
struct finding {
    std::string what, figure, bound;
    bool holds;
};
using findings = std::vector<finding>;

// Latencies: p99 of many requests, idle and beside another client.
findings share_beside_a_generation(const share_bench& bench);
findings share_beside_many_prompts(const share_bench& bench);
findings share_of_what_needs_no_model(const share_bench& bench);
// Shares of the machine, and what mixing costs: medians.
findings share_of_equal_jobs(const share_bench& bench);
findings share_of_one_beside_a_hundred(const share_bench& bench);
findings share_of_generations_at_random_times(const share_bench& bench);
findings share_of_two_adapters(const share_bench& bench);
// What was computed once.
findings share_of_a_prefix(const share_bench& bench);
findings share_of_a_base_between_adapters(const share_bench& bench);

} // namespace warmbench

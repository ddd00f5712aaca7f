// The rows of warmbench share that are latencies: a client that asks little, beside one that asks
// much.

#include "quantiles.hpp"
#include "share.hpp"

#include <cstdio>
#include <functional>
#include <thread>

namespace warmbench {

namespace {

using clock = std::chrono::steady_clock;
using seconds = std::chrono::duration<double>;

constexpr seconds step{0.05};     // the daemon's --step-time unless told otherwise
constexpr seconds patience{60.0}; // for all probes of one latency together

struct request {
    std::string_view method;
    json::object params;
};

/// Seconds of each of `count` requests; of fewer if they take too long. They come at random
/// moments of what else goes on: between two is a pause, of `pause` on average.
std::vector<double> probe(const model_server& of, std::size_t count, seconds pause,
                          const std::function<request()>& next)
{
    std::mt19937 random(1);
    std::uniform_real_distribution<double> up_to_twice(0, 2 * pause.count());
    caller to = of.connect();
    std::vector<double> took;
    for (const auto end = clock::now() + patience; took.size() != count && clock::now() < end;) {
        std::this_thread::sleep_for(seconds(up_to_twice(random)));
        const request asked = next();
        const auto start = clock::now();
        to.ask(asked.method, asked.params);
        took.push_back(seconds(clock::now() - start).count());
    }
    return took;
}

/// The same while `other` is at work.
std::vector<double> probe_beside(const model_server& of, std::size_t count, seconds pause,
                                 const std::function<request()>& next,
                                 const std::function<void(caller&)>& work)
{
    const child other = of.meanwhile(work);
    auto took = probe(of, count, pause, next);
    if (!other.runs())
        throw std::runtime_error("the other client has ended: its request failed");
    return took;
}

std::string milliseconds(double of)
{
    char text[32];
    std::snprintf(text, sizeof text, of < 0.01 ? "%.3f ms" : "%.1f ms", of * 1e3);
    return text;
}

/// `beside` against what it may be; too few probes are told.
finding held_against(std::string what, const std::vector<double>& idle,
                     const std::vector<double>& beside, double most)
{
    const double found = p99(beside);
    what += ", idle " + milliseconds(p99(idle));
    if (beside.size() != idle.size())
        what += ", " + std::to_string(beside.size()) + " probes";
    return {what, milliseconds(found), "<= " + milliseconds(most), found <= most};
}

/// What the daemon has taken since its start.
struct steps_taken {
    double count = 0, seconds = 0;

    static steps_taken read(const model_server& of)
    {
        const json::value stats = of.connect().ask("stats");
        return {stats.at("step_seconds_count").to_number<double>(),
                stats.at("step_seconds_sum").to_number<double>()};
    }
};

std::string mean_since(const steps_taken& before, const model_server& of)
{
    const steps_taken now = steps_taken::read(of);
    return "steps of " + milliseconds((now.seconds - before.seconds) / (now.count - before.count));
}

/// Other clients' work; each time it is called, with prompts that were not there before.
std::function<void(caller&)> generation(const share_bench& bench)
{
    return [&bench, prompts = bench.prompts(100)](caller& to) mutable {
        to.ask("generate", {{"model", bench.base.model(0)},
                            {"prompt", prompts.prompt(8)},
                            {"max_new_tokens", 600}});
    };
}

std::function<void(caller&)> thousand_prompts(const share_bench& bench)
{
    return [&bench, prompts = bench.prompts(101)](caller& to) mutable {
        to.ask(
            "next_token",
            {{"model", bench.base.model(0)}, {"prompts", prompts.prompts(1000, 32)}, {"top_k", 8}});
    };
}

/// A small request of the fine-tuned view, whose answers are not remembered.
std::function<request()> small_request(const share_bench& bench)
{
    return [&bench, prompts = bench.prompts(102)]() mutable -> request {
        return {"next_token",
                {{"model", bench.base.model(0)}, {"prompts", prompts.prompts(1, 8)}, {"top_k", 8}}};
    };
}

constexpr seconds between_small_requests{0.015};

struct modelless {
    const char* name;
    request what;
};

std::vector<modelless> modelless_requests(const share_bench& bench)
{
    const json::object model = bench.base.model(0);
    return {{"tokenize", {"tokenize", {{"model", model}, {"text", "a few words of some length"}}}},
            {"a hit (load)", {"load", {{"model", model}}}},
            {"health", {"health", {}}}};
}

} // namespace

findings share_beside_a_generation(const share_bench& bench)
{
    const model_server daemon = bench.serve();
    const auto next = small_request(bench);
    const auto idle = probe(daemon, bench.options.probes, between_small_requests, next);
    const auto beside =
        probe_beside(daemon, bench.options.probes, between_small_requests, next, generation(bench));
    return {held_against("p99", idle, beside, 2.5 * p99(idle))};
}

findings share_beside_many_prompts(const share_bench& bench)
{
    const model_server daemon = bench.serve();
    const auto next = small_request(bench);
    const auto idle = probe(daemon, bench.options.probes, between_small_requests, next);
    const steps_taken before = steps_taken::read(daemon);
    const auto beside = probe_beside(daemon, bench.options.probes, between_small_requests, next,
                                     thousand_prompts(bench));
    return {held_against("p99, " + mean_since(before, daemon), idle, beside,
                         p99(idle) + 2.5 * step.count())};
}

findings share_of_what_needs_no_model(const share_bench& bench)
{
    const model_server daemon = bench.serve();
    const std::size_t count = 5 * bench.options.probes;
    constexpr seconds pause{0.002};
    findings all;
    for (const modelless& each : modelless_requests(bench)) {
        const auto next = [&each] { return each.what; };
        const auto idle = probe(daemon, count, pause, next);
        const auto hold = [&](const char* beside_what, const auto& work) {
            all.push_back(held_against(std::string(each.name) + " beside " + beside_what, idle,
                                       probe_beside(daemon, count, pause, next, work),
                                       3 * p99(idle)));
        };
        hold("a generation", generation(bench));
        hold("1000 prompts", thousand_prompts(bench));
    }
    return all;
}

} // namespace warmbench

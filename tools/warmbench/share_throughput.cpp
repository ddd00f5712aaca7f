// The rows of warmbench share that are shares of the machine, tokens per second and what was
// computed once.

#include "quantiles.hpp"
#include "share.hpp"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstdio>
#include <future>
#include <thread>

namespace warmbench {

namespace {

using clock = std::chrono::steady_clock;

double seconds_since(clock::time_point start)
{
    return std::chrono::duration<double>(clock::now() - start).count();
}

std::string number(const char* format, double value)
{
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

finding at_least(std::string what, double found, double least)
{
    return {std::move(what), number("%.2f", found), number(">= %.2f", least), found >= least};
}

json::object scoring(const share_bench& bench, std::size_t adapter, json::array prompts)
{
    return {{"model", bench.base.model(adapter)}, {"prompts", std::move(prompts)}, {"top_k", 8}};
}

/// Sends each of `jobs` on a connection of its own, all at once; how long each took, in seconds.
std::vector<double> at_once(const model_server& daemon, const std::string& method,
                            const std::vector<json::object>& jobs)
{
    std::barrier ready(static_cast<std::ptrdiff_t>(jobs.size()));
    std::vector<std::future<double>> under_way;
    for (const json::object& job : jobs)
        under_way.push_back(std::async(std::launch::async, [&] {
            caller to = daemon.connect();
            ready.arrive_and_wait();
            const auto start = clock::now();
            to.ask(method, job);
            return seconds_since(start);
        }));
    std::vector<double> took;
    for (std::future<double>& each : under_way)
        took.push_back(each.get());
    return took;
}

double longest(const std::vector<double>& of) { return *std::ranges::max_element(of); }

std::vector<double> repeated(const share_bench& bench, const std::function<double()>& count)
{
    std::vector<double> counts;
    for (int i = 0; i != bench.options.model.repeat; ++i)
        counts.push_back(count());
    return counts;
}

} // namespace

findings share_of_equal_jobs(const share_bench& bench)
{
    const model_server daemon = bench.serve();
    prompt_source prompts = bench.prompts(200);
    const double least = median(repeated(bench, [&] {
        const auto took = at_once(daemon, "next_token",
                                  {scoring(bench, 0, prompts.prompts(bench.some(80), 64)),
                                   scoring(bench, 0, prompts.prompts(bench.some(80), 64))});
        // In jobs: when the first had its one, the machine had done 2 x first / last.
        const double first = std::ranges::min(took), last = longest(took);
        return (2 * first / last - 1) / (2 * first / last);
    }));
    return {{"of the one that has less", number("%.0f %%", least * 100), ">= 45 %", least >= 0.45}};
}

findings share_of_one_beside_a_hundred(const share_bench& bench)
{
    constexpr std::size_t in_flight = 100, length = 64, prompts_of_one = 40;
    const std::size_t requests_of_one = bench.some(4);
    const model_server daemon = bench.serve();
    std::atomic<std::size_t> answered_to_many = 0;
    std::atomic<bool> enough = false;
    auto many = std::async(std::launch::async, [&] {
        caller to = daemon.connect();
        prompt_source prompts = bench.prompts(300);
        const auto send = [&] {
            to.send("next_token", scoring(bench, 0, prompts.prompts(1, length)));
        };
        for (std::size_t i = 0; i != in_flight; ++i)
            send();
        for (; !enough; send(), ++answered_to_many)
            to.receive();
    });
    caller to = daemon.connect();
    prompt_source prompts = bench.prompts(301);
    std::vector<json::object> asked;
    for (std::size_t i = 0; i != requests_of_one; ++i)
        asked.push_back(scoring(bench, 0, prompts.prompts(prompts_of_one, length)));
    while (answered_to_many == 0 &&
           many.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready)
        ;
    const std::size_t before = answered_to_many;
    for (const json::object& each : asked)
        to.ask("next_token", each);
    const auto of_many = static_cast<double>(answered_to_many - before);
    enough = true;
    many.get();
    const auto of_one = static_cast<double>(requests_of_one * prompts_of_one);
    const double share = of_one / (of_one + of_many);
    return {{"of the one", number("%.0f %%", share * 100), "45 to 55 %",
             share >= 0.45 && share <= 0.55}};
}

namespace {

constexpr std::size_t generations = 8;

json::object generation(const share_bench& bench, prompt_source& prompts, std::size_t length)
{
    return {{"model", bench.base.model(0)},
            {"prompt", prompts.prompt(8)},
            {"max_new_tokens", length},
            {"stream", true}};
}

/// Tokens per second of generations that start together, and end so.
double tokens_per_second_together(const share_bench& bench, const model_server& daemon,
                                  prompt_source& prompts)
{
    constexpr std::size_t length = 64;
    std::vector<json::object> jobs;
    for (std::size_t i = 0; i != generations; ++i)
        jobs.push_back(generation(bench, prompts, length));
    return static_cast<double>(generations * length) / longest(at_once(daemon, "generate", jobs));
}

/// The same of as many clients, each of which begins at a random moment and has one generation
/// after the other, of random lengths: of the time in which all are at it.
double tokens_per_second_at_random(const share_bench& bench, const model_server& daemon,
                                   unsigned seed)
{
    constexpr std::chrono::milliseconds latest_start{500};
    const std::chrono::milliseconds window{bench.some(6000)};
    const auto begin = clock::now() + latest_start, end = begin + window;
    std::atomic<std::size_t> tokens = 0;
    std::vector<std::future<void>> clients;
    for (unsigned i = 0; i != generations; ++i)
        clients.push_back(std::async(std::launch::async, [&, i] {
            std::mt19937 random(seed + i);
            prompt_source prompts = bench.prompts(seed + i);
            caller to = daemon.connect();
            std::this_thread::sleep_for(latest_start * (random() % 1000) / 1000);
            while (clock::now() < end)
                to.ask("generate", generation(bench, prompts, 32 + random() % 65),
                       [&](std::string_view, const json::value&) {
                           const auto now = clock::now();
                           tokens += now >= begin && now < end;
                       });
        }));
    for (std::future<void>& each : clients)
        each.get();
    return static_cast<double>(tokens) / std::chrono::duration<double>(window).count();
}

} // namespace

findings share_of_generations_at_random_times(const share_bench& bench)
{
    const model_server daemon = bench.serve();
    prompt_source prompts = bench.prompts(400);
    std::vector<double> together, at_random;
    for (int i = 0; i != bench.options.model.repeat; ++i) {
        together.push_back(tokens_per_second_together(bench, daemon, prompts));
        at_random.push_back(
            tokens_per_second_at_random(bench, daemon, 500 + static_cast<unsigned>(i) * 10));
    }
    return {
        at_least(number("tokens/s %.0f", median(at_random)) + number(" by %.0f", median(together)),
                 median(at_random) / median(together), 0.9)};
}

findings share_of_two_adapters(const share_bench& bench)
{
    constexpr std::size_t length = 64;
    const model_server daemon = bench.serve();
    prompt_source prompts = bench.prompts(600);
    const auto tokens_per_second = [&](std::size_t second) {
        const std::size_t each = bench.some(32);
        return static_cast<double>(2 * each * length) /
               longest(at_once(daemon, "next_token",
                               {scoring(bench, 0, prompts.prompts(each, length)),
                                scoring(bench, second, prompts.prompts(each, length))}));
    };
    std::vector<double> one, two;
    for (int i = 0; i != bench.options.model.repeat; ++i) {
        one.push_back(tokens_per_second(0));
        two.push_back(tokens_per_second(1));
    }
    return {at_least(number("tokens/s %.0f", median(two)) + number(" by %.0f", median(one)),
                     median(two) / median(one), 0.95)};
}

// -- what was computed once -------------------------------------------------

namespace {

/// Seconds for each of `count` requests whose prompts share 1000 of 1050 tokens.
double one_after_the_other(const share_bench& bench, const model_server& daemon, std::size_t count,
                           prompt_source& prompts)
{
    caller to = daemon.connect();
    const json::array all = prompts.prompts_that_share(1000, count, 1050);
    const auto start = clock::now();
    for (const json::value& each : all)
        to.ask("next_token", scoring(bench, 0, {each}));
    return seconds_since(start) / static_cast<double>(count);
}

double all_at_once(const share_bench& bench, const model_server& daemon, std::size_t count,
                   prompt_source& prompts)
{
    caller to = daemon.connect();
    const json::array all = prompts.prompts_that_share(1000, count, 1050);
    const auto start = clock::now();
    for (const json::value& each : all)
        to.send("next_token", scoring(bench, 0, {each}));
    for (std::size_t i = 0; i != count; ++i)
        to.receive();
    return seconds_since(start) / static_cast<double>(count);
}

} // namespace

findings share_of_a_prefix(const share_bench& bench)
{
    const std::size_t count = bench.some(100);
    const model_server with = bench.serve(), without = bench.serve({"--prefix-cache-bytes", "0"});
    prompt_source prompts = bench.prompts(700);
    // Without, each costs the same: ten are enough.
    const double alone = one_after_the_other(bench, without, 10, prompts) /
                         one_after_the_other(bench, with, count, prompts);
    const double together =
        all_at_once(bench, without, count, prompts) / all_at_once(bench, with, count, prompts);
    return {at_least("one after the other: times faster", alone, 6),
            {"at once, where those under way may share: times faster", number("%.2f", together), "",
             true}};
}

findings share_of_a_base_between_adapters(const share_bench& bench)
{
    const model_server daemon = bench.serve();
    prompt_source prompts = bench.prompts(800);
    caller to = daemon.connect();
    const auto divergence = [&](std::size_t adapter, const json::array& suite) {
        to.ask("divergence", {{"model", bench.base.model(adapter)}, {"prompts", suite}});
    };
    const auto both_views = [&](std::size_t adapter, const json::array& suite) {
        for (const char* const view : {"base", "ft"}) {
            json::object asked = scoring(bench, adapter, suite);
            asked["view"] = view;
            to.ask("next_token", asked);
        }
    };
    const auto second_by_first = [&](const auto& evaluate) {
        return median(repeated(bench, [&] {
            const json::array suite = prompts.prompts(bench.some(200), 24);
            const auto start = clock::now();
            evaluate(0, suite);
            const double first = seconds_since(start);
            evaluate(1, suite);
            return (seconds_since(start) - first) / first;
        }));
    };
    findings all;
    for (const auto& [what, found] :
         {std::pair("divergence", second_by_first(divergence)),
          std::pair("next_token, base and ft", second_by_first(both_views))})
        all.push_back({what, number("%.2f", found), "<= 0.55", found <= 0.55});
    return all;
}

} // namespace warmbench

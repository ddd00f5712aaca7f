// Plays many random schedules against the cache and reports the first that breaks a rule, as small
// as it can be made.

#include "simulation/simulation.hpp"

#include <boost/program_options.hpp>

#include <atomic>
#include <chrono>
#include <iostream>
#include <mutex>
#include <random>
#include <thread>

namespace po = boost::program_options;
using warmd::test::simulation;

namespace {

struct totals {
    std::atomic<std::uint64_t> next, schedules = 0, events = 0, violations = 0;
    std::mutex printing;
};

void show(const simulation& found, const std::string& rule)
{
    const simulation least = found.shrunk();
    std::cout << "violation: " << rule << "\n  replay: simulate --seed " << found.seed
              << " --schedules 1\n  shrunk to " << least.events.size() << " events ("
              << least.max_models << " models, " << least.max_bytes << " bytes): ";
    for (const auto& event : least.events)
        std::cout << text(event) << ' ';
    std::cout << "\n  there: " << least.play().value_or("nothing") << std::endl;
}

void work(totals& all, std::uint64_t end, std::uint64_t most)
{
    for (std::uint64_t seed; (seed = all.next++) < end && all.violations < most;) {
        const simulation one = simulation::from(seed);
        const auto rule = one.play();
        ++all.schedules;
        all.events += one.events.size();
        if (!rule)
            continue;
        ++all.violations;
        const std::lock_guard lock(all.printing);
        show(one, *rule);
    }
}

} // namespace

int main(int count, char** words)
try {
    std::uint64_t schedules = 10'000, seed = std::random_device{}(), most = 5;
    unsigned threads = std::thread::hardware_concurrency();
    po::options_description known("simulate: random schedules against the cache");
    known.add_options()("help", "this")(
        "schedules", po::value(&schedules)->default_value(schedules), "how many to play")(
        "seed", po::value(&seed), "the first; each schedule has the next (default: random)")(
        "most-violations", po::value(&most)->default_value(most),
        "stop after this many")("threads", po::value(&threads), "how many at once");
    po::variables_map given;
    po::store(po::parse_command_line(count, words, known), given);
    po::notify(given);
    if (given.contains("help")) {
        std::cout << known;
        return 0;
    }
    totals all;
    all.next = seed;
    const auto began = std::chrono::steady_clock::now();
    {
        std::vector<std::jthread> workers;
        for (unsigned i = 0; i != std::max(1U, threads); ++i)
            workers.emplace_back([&] { work(all, seed + schedules, most); });
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::cout << all.violations << " violations in " << all.schedules << " schedules, "
              << all.events << " events, seeds " << seed << " to " << seed + schedules - 1 << ", "
              << took.count() << " s" << std::endl;
    return all.violations == 0 ? 0 : 1;
} catch (const po::error& error) {
    std::cerr << "simulate: " << error.what() << '\n';
    return 2;
}

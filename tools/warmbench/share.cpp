// warmbench share: what a client feels of the others, and what they have of each other, as one
// table of figures and bounds.

#include "share.hpp"

#include "options.hpp"
#include "subcommands.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <thread>

namespace warmbench {

namespace {

struct share_row {
    std::string_view name;
    findings (*measure)(const share_bench&);
    std::string_view what;
};

constexpr share_row rows[] = {
    {"generation", share_beside_a_generation, "next_token of 8 tokens beside a generation of 600"},
    {"prompts", share_beside_many_prompts, "the same beside a request of 1000 prompts"},
    {"modelless", share_of_what_needs_no_model, "what needs no step, beside both"},
    {"equal", share_of_equal_jobs, "two clients with equal large jobs"},
    {"crowd", share_of_one_beside_a_hundred, "one request in flight beside another client's 100"},
    {"arrivals", share_of_generations_at_random_times,
     "8 generations at random times, by 8 that start together"},
    {"adapters", share_of_two_adapters, "two adapters scoring at once, by one"},
    {"prefix", share_of_a_prefix,
     "100 requests that share 1000 of 1050 tokens, by no prefix cache"},
    {"suite", share_of_a_base_between_adapters,
     "200 prompts with a second adapter, by the first's time"},
};

std::string row_names()
{
    std::string names;
    for (const share_row& each : rows)
        names += (names.empty() ? "" : ",") + std::string(each.name);
    return names;
}

std::vector<const share_row*> rows_named(const std::string& list)
{
    std::vector<const share_row*> chosen;
    for (const std::string& name : split(list)) {
        const auto* const found = std::ranges::find(rows, name, &share_row::name);
        if (found == std::end(rows))
            throw std::invalid_argument("no row is named " + name + "; there are " + row_names());
        chosen.push_back(found);
    }
    return chosen;
}

std::string processor()
{
    std::ifstream all("/proc/cpuinfo");
    for (std::string line; std::getline(all, line);)
        if (line.starts_with("model name"))
            return line.substr(line.find(':') + 2);
    return "a processor without a name";
}

/// Whether all bounds hold.
bool print(const share_row& row, const findings& all)
{
    std::printf("%.*s\n", static_cast<int>(row.what.size()), row.what.data());
    bool hold = true;
    for (const finding& each : all) {
        std::printf("  %-10.*s %-56s %12s  %-14s %s\n", static_cast<int>(row.name.size()),
                    row.name.data(), each.what.c_str(), each.figure.c_str(), each.bound.c_str(),
                    each.bound.empty() ? ""
                    : each.holds       ? "holds"
                                       : "DOES NOT HOLD");
        hold = hold && each.holds;
    }
    std::fflush(stdout);
    return hold;
}

} // namespace

int share(int count, char** arguments)
{
    share_options options;
    options.model.repeat = 3;
    std::string only = row_names();
    option_reader known(arguments[0]);
    known.add("warmd", options.warmd, "the daemon to measure")
        .add("only", only, "rows; a list")
        .add("shape", options.model.shape, "smol135, qwen0.5b or tiny")
        .add("dtype", options.model.dtype, "what weights are kept in: bf16, fp32, int8 or int4")
        .add("rank", options.model.rank, "of both adapters")
        .add("probes", options.probes, "requests behind each p99")
        .add("repeat", options.model.repeat, "counts of what has no p99; the median is told")
        .flag("quick", options.quick, "half of the work, in one count");
    if (!known.read(count, arguments))
        return 0;
    const auto chosen = rows_named(only);
    if (options.quick)
        options.model.repeat = 1, options.probes /= 2;
    const shared_base base(options.model, 2);
    std::printf("%s, %u cores; %s, %s, adapters of rank %zu; %zu probes, median of %d\n",
                processor().c_str(), std::thread::hardware_concurrency(),
                options.model.shape.c_str(), options.model.dtype.c_str(), options.model.rank,
                options.probes, options.model.repeat);
    std::fflush(stdout);
    bool hold = true;
    for (const share_row* const row : chosen)
        hold = print(*row, row->measure({options, base})) && hold;
    std::printf("What all of it costs together, warmbench score tells: of two builds, by hand.\n");
    return hold ? 0 : 1;
}

} // namespace warmbench

#include "warmctl/suite_watch.hpp"

#include "warmctl/format.hpp"
#include "warmctl/starting.hpp"
#include "warmctl/suites.hpp"

#include "report/report.hpp"

#include <boost/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <thread>
#include <vector>

namespace warmd::ctl {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto look_every = 200ms;
constexpr int tries = 3; // at files that may be half written

volatile std::sig_atomic_t last_status = 0; // of the last gate: what an interrupt exits with

/// What is judged: the directory of -a, or the one that the pointer file names now.
std::string watched(const arguments& typed)
{
    const auto pointer = typed.text("pointer");
    if (!pointer)
        return absolute_path(typed.text("adapter").value_or(""));
    std::ifstream in(*pointer);
    std::string line;
    std::getline(in, line);
    if (line.empty())
        return {};
    const fs::path named = fs::path(*pointer).parent_path() / line; // an absolute one stays itself
    return absolute_path(named.native());
}

std::string file_name_of(const std::string& started_at)
{
    std::string name = started_at;
    std::ranges::replace(name, ':', '-');
    return "gate-" + name + "-" + std::to_string(::getpid()) + ".json";
}

result<fs::path> save(const json::value& report, std::size_t history)
{
    const auto place = state_directory();
    if (!place)
        return place.error();
    const fs::path directory = *place / "results";
    std::error_code ec;
    fs::create_directories(directory, ec);
    const fs::path file =
        directory / file_name_of(std::string(report.at("started_at").as_string()));
    std::ofstream out(file, std::ios::binary);
    out << json_text(report) << '\n';
    out.close();
    if (!out)
        return failure{errc::permission_denied, "cannot write to " + file.native()};
    keep_results(directory, history);
    return file;
}

/// What is typed for a failed gate, run by this program: the daemon never runs anything.
void run_command(const std::string& command, const fs::path& report)
{
    ::setenv("WARMD_RESULT_PATH", report.c_str(), 1);
    ::setenv("SWAY_RESULT_PATH", report.c_str(), 1);
    std::cout << std::flush;
    if (const int status = std::system(command.c_str()); status != 0)
        std::cerr << "warmctl: the command of --on-fail ended with status " << status << '\n';
}

/// One gate. False if it does not pass.
result<bool> gate(client& daemon, const arguments& typed, const request& run,
                  const std::string& adapter)
{
    const request asked = on_adapter(run, typed, adapter);
    result<json::value> made = failure{errc::internal_error, ""};
    for (int i = 0; i != tries && !made; ++i) {
        if (i != 0)
            std::this_thread::sleep_for(1s);
        made = daemon.call(asked.method, asked.params);
        if (!made && made.error().code == errc::disconnected)
            return made.error();
    }
    if (!made)
        return made.error();
    const bool passes = passes_gate(*made, typed);
    const auto read = reports::read_report(*made);
    std::cout << human_time(static_cast<double>(std::time(nullptr))) << "  "
              << (passes ? "pass  " : "FAIL  ") << visible(adapter);
    if (read)
        std::cout << "  score " << human_number(read->overall);
    std::cout << std::endl;
    const auto saved = save(*made, typed.number<std::size_t>("history", 1).value_or(100));
    if (!saved)
        std::cerr << "warmctl: " << visible(saved.error().detail) << '\n';
    if (const auto command = typed.text("on-fail"); command && !passes && saved)
        run_command(*command, *saved);
    return passes;
}

} // namespace

bool settled_change::look(const std::string& seen, clock::time_point now)
{
    if (seen != seen_) {
        seen_ = seen;
        since_ = now;
    }
    if (seen_.empty() || seen_ == judged_ || now - since_ < still_)
        return false;
    judged_ = seen_;
    return true;
}

std::string look_of(const fs::path& directory)
{
    std::vector<std::string> files;
    std::error_code ec;
    for (fs::directory_iterator each(directory, ec), end; !ec && each != end; each.increment(ec)) {
        std::error_code gone;
        const auto size = each->file_size(gone);
        const auto time = each->last_write_time(gone);
        files.push_back(each->path().filename().native() + ' ' +
                        (gone ? "" : std::to_string(size)) + ' ' +
                        std::to_string(time.time_since_epoch().count()));
    }
    if (ec)
        return {};
    std::ranges::sort(files);
    std::string all = directory.native();
    for (const std::string& each : files)
        all += '\n' + each;
    return all;
}

void keep_results(const fs::path& directory, std::size_t most)
{
    std::vector<fs::path> all;
    std::error_code ec;
    for (fs::directory_iterator each(directory, ec), end; !ec && each != end; each.increment(ec))
        if (each->path().filename().native().starts_with("gate-"))
            all.push_back(each->path());
    std::ranges::sort(all); // by time, which the name begins with
    for (std::size_t i = 0; i + most < all.size(); ++i)
        fs::remove(all[i], ec);
}

std::vector<option> watch_options()
{
    return {{.name = "suite", .value = "SUITE", .doc = "whose gate is asked", .type = "path"},
            {.name = "adapter",
             .letter = 'a',
             .value = "DIR",
             .doc = "the adapter to watch",
             .type = "directory"},
            {.name = "pointer",
             .value = "FILE",
             .doc = "a file whose first line is the adapter's directory",
             .type = "path"},
            {.name = "model",
             .letter = 'm',
             .value = "BASE",
             .doc = "its base, else as its file says",
             .type = "path"},
            {.name = "on-fail",
             .value = "CMD",
             .doc = "run it here, with the report's path in $WARMD_RESULT_PATH"},
            {.name = "debounce", .value = "S", .doc = "files have been still for so long (2)"},
            {.name = "history", .value = "N", .doc = "reports that are kept (100)"},
            {.name = "once", .doc = "end after one gate"},
            {.name = "threshold", .value = "T", .doc = "the least score that passes"},
            {.name = "strict", .doc = "nothing may be skipped, missing or doubtful either"}};
}

request ask_suite_watch(const question& from)
{
    if (from.typed.has("adapter") == from.typed.has("pointer"))
        throw usage_error("say what to watch by one of -a DIR, --pointer FILE");
    return ask_suite(from, *from.typed.text("suite"));
}

result<bool> watch_suite(client& daemon, const arguments& typed, const request& run)
{
    const std::chrono::duration<double> still(typed.number("debounce", 0.0, 86'400.0).value_or(2));
    settled_change change(std::chrono::duration_cast<settled_change::clock::duration>(still));
    std::signal(SIGINT, [](int) { ::_exit(last_status); });
    for (;; std::this_thread::sleep_for(look_every)) {
        const std::string adapter = watched(typed);
        if (adapter.empty() || !change.look(look_of(adapter), settled_change::clock::now()))
            continue;
        const auto passes = gate(daemon, typed, run, adapter);
        if (!passes && (typed.has("once") || passes.error().code == errc::disconnected))
            return passes.error();
        if (!passes)
            std::cerr << "warmctl: " << visible(adapter) << ": " << visible(passes.error().detail)
                      << '\n';
        last_status = passes ? (*passes ? 0 : 1) : 2;
        if (typed.has("once"))
            return *passes;
    }
}

} // namespace warmd::ctl

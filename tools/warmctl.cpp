// warmctl: the command line client of warmd. Here: which command, asking the daemon, and the exit
// status.

#include "warmctl/commands.hpp"
#include "warmctl/format.hpp"
#include "warmctl/help.hpp"
#include "warmctl/progress_line.hpp"
#include "warmctl/rows.hpp"
#include "warmctl/starting.hpp"

#include <warmd/client.hpp>

#include <boost/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>

namespace warmd::ctl {

namespace {

enum exit_status { done = 0, failed = 1, misused = 2, no_daemon = 3, interrupted = 130 };

/// An interrupted request is taken back by hanging up, which the kernel does for a process that
/// ends.
void end_at_interrupt()
{
    const auto quietly = [](int) { ::_exit(interrupted); };
    const auto on_terminal = [](int) {
        static constexpr char erase_line[] = "\r\033[K";
        if (::write(STDERR_FILENO, erase_line, sizeof erase_line - 1) < 0)
            ::_exit(interrupted);
        ::_exit(interrupted);
    };
    if (std::signal(SIGINT, SIG_IGN) != SIG_IGN) // stays ignored in the background of a script
        std::signal(SIGINT, ::isatty(STDERR_FILENO) ? +on_terminal : +quietly);
    std::signal(SIGPIPE, SIG_DFL); // whoever read standard output has seen enough
}

/// The command among `typed`: the first word that is no option, and no option's value.
std::vector<std::string>::const_iterator find_command(const std::vector<std::string>& typed)
{
    const std::vector<option> common = common_options();
    const auto takes_value = [&](std::string_view word) {
        return std::any_of(common.begin(), common.end(), [&](const option& each) {
            return !each.value.empty() && word == "--" + std::string(each.name);
        });
    };
    auto each = typed.begin();
    while (each != typed.end() && each->starts_with('-'))
        each += takes_value(*each) && each + 1 != typed.end() ? 2 : 1;
    return each;
}

/// `silent`: a time-out means that the daemon said nothing.
int report(const failure& why, const std::string& socket, bool silent, int status = failed)
{
    std::string line = std::string(name(why.code)) + ": " + visible(why.detail);
    if (!why.cause.empty() && why.detail.find(why.cause) == std::string::npos)
        line += " (" + visible(why.cause) + ")";
    if (why.retry_after_seconds)
        line += "; worth another try in " + human_seconds(*why.retry_after_seconds);
    std::cerr << "warmctl: " << line << '\n';
    if (why.code == errc::timeout && silent)
        std::cerr << "the daemon at " << visible(socket)
                  << " is there but says nothing: it may be stopped (kill -CONT PID goes on) or "
                     "stuck (its log tells); --timeout S waits longer\n";
    if (why.code != errc::disconnected)
        return status;
    std::cerr << "no daemon at " << visible(socket) << "; " << how_to_start(socket) << '\n';
    return no_daemon;
}

/// The texts of `ids`, one small request each, many under way at once. What the daemon does not
/// know is left out.
token_texts look_up(client& daemon, const std::string& model, const std::set<std::int64_t>& ids)
{
    constexpr std::size_t at_once = 256;
    token_texts known;
    auto next = ids.begin();
    while (next != ids.end()) {
        std::map<std::uint64_t, std::int64_t> asked;
        for (; next != ids.end() && asked.size() != at_once; ++next) {
            const auto sent = daemon.send("detokenize", "{\"model\":" + model + ",\"ids\":[" +
                                                            std::to_string(*next) + "]}");
            if (!sent)
                return known;
            asked.emplace(*sent, *next);
        }
        for (std::size_t i = 0; i != asked.size(); ++i) {
            const auto reply = daemon.receive();
            if (!reply)
                return known;
            if (reply->outcome)
                known.emplace(asked.at(reply->id),
                              std::string(reply->outcome->at("text").as_string()));
        }
    }
    return known;
}

/// Prints what is left of a result after the text in `streamed`.
void print(const command& chosen, const arguments& typed, const request& asked, client& daemon,
           const json::value& result, const std::string& streamed)
{
    if (typed.has("json")) {
        std::cout << json_text(result) << '\n';
        return;
    }
    const auto texts_of = [&](const std::set<std::int64_t>& ids) {
        return look_up(daemon, model_text(typed), ids);
    };
    const answer made{result, typed, texts_of, asked.texts, ::isatty(STDOUT_FILENO) != 0};
    if (!chosen.rows.empty())
        if (const auto rows = rows_of(made, chosen.rows)) {
            std::cout << *rows;
            return;
        }
    const std::string shown = chosen.show(made);
    std::cout << (shown.starts_with(streamed) ? shown.substr(streamed.size()) : "\n");
}

/// Throws usage_error if a file cannot be written.
void write(const std::vector<output_file>& files)
{
    for (const output_file& each : files) {
        std::ofstream out(each.path, std::ios::binary);
        out << each.text;
        out.close();
        if (!out)
            throw usage_error("cannot write to " + each.path);
    }
}

/// A command that asks no daemon.
int answer_from_files(const command& chosen, const arguments& typed)
{
    const local_answer made = chosen.local(typed, ::isatty(STDOUT_FILENO) != 0);
    std::cout << made.shown;
    write(made.files);
    return made.good ? done : failed;
}

/// --start, or WARMD_AUTOSTART=1.
bool wants_a_daemon(const arguments& typed)
{
    const char* const always = std::getenv("WARMD_AUTOSTART");
    return typed.has("start") || (always && std::string_view(always) == "1");
}

using milliseconds = std::chrono::duration<double, std::milli>;

/// The same request `times` times more on the same connection, and what the first and the others
/// took.
result<std::string> measure(client& daemon, const request& asked, std::size_t times,
                            milliseconds first)
{
    std::vector<double> took;
    for (std::size_t i = 0; i != times; ++i) {
        const auto began = std::chrono::steady_clock::now();
        const auto outcome = daemon.call(asked.method, asked.params);
        if (!outcome)
            return outcome.error();
        took.push_back(milliseconds(std::chrono::steady_clock::now() - began).count());
    }
    std::sort(took.begin(), took.end());
    const double median = took[took.size() / 2];
    char line[160];
    std::snprintf(line, sizeof line,
                  "first answer in %.3g ms, then %zu in %.3g ms each in the median (%.3g to %.3g): "
                  "%.0f times faster",
                  first.count(), times, median, took.front(), took.back(), first.count() / median);
    return std::string(line);
}

int ask(const command& chosen, const arguments& typed, const schema::contract& by)
{
    if ((chosen.follow || chosen.alone) && typed.has("repeat"))
        throw usage_error("--repeat cannot go with " + std::string(chosen.name));
    const std::string socket = socket_path(typed);
    const auto told = [&](const failure& why) {
        return report(why, socket, !chosen.scores, chosen.judges ? misused : failed);
    };
    if (chosen.alone) {
        if (!typed.words().empty())
            throw usage_error(std::string(chosen.name) + " takes no words");
        const auto ended = chosen.alone(typed, socket);
        return ended ? done : told(ended.error());
    }
    progress_line progress(::isatty(STDERR_FILENO));
    const bool stream = ::isatty(STDOUT_FILENO) && !typed.has("json");
    const request asked = chosen.ask({.asked = chosen,
                                      .typed = typed,
                                      .by = by,
                                      .progress = progress.shown(),
                                      .stream = stream});
    auto daemon = client::connect(socket, patience(chosen, asked, typed, by));
    if (!daemon && daemon.error().code == errc::disconnected && wants_a_daemon(typed)) {
        if (const auto started = start_daemon(socket); !started)
            return told(started.error());
        daemon = client::connect(socket, patience(chosen, asked, typed, by));
    }
    if (!daemon)
        return told(daemon.error());
    if (chosen.follow) {
        std::cout.exceptions(std::ios::badbit |
                             std::ios::failbit); // else it would go on for nobody
        const auto ended = chosen.follow(*daemon, typed, asked);
        return !ended ? told(ended.error()) : *ended ? done : failed;
    }

    std::string streamed;
    const auto began = std::chrono::steady_clock::now();
    const auto outcome = daemon->call(
        asked.method, asked.params, [&](std::string_view method, const json::value& params) {
            if (method == "$/progress")
                progress.draw(params.at("value"));
            if (method == "$/token" && !typed.has("json")) {
                progress.erase();
                streamed += std::string_view(params.at("text").as_string());
                std::cout << std::string_view(params.at("text").as_string()) << std::flush;
            }
        });
    const milliseconds first = std::chrono::steady_clock::now() - began;
    progress.erase();
    if (!outcome) {
        if (!streamed.empty())
            std::cout << std::endl;
        return told(outcome.error());
    }
    print(chosen, typed, asked, *daemon, *outcome, streamed);
    if (const auto times = typed.number<std::size_t>("repeat", 1, 1'000'000)) {
        const auto measured = measure(*daemon, asked, *times, first);
        if (!measured)
            return told(measured.error());
        std::cout << std::flush;
        std::cerr << *measured << '\n';
    }
    if (chosen.files)
        write(chosen.files(*outcome, typed));
    return chosen.good(*outcome, typed) ? done : failed;
}

const command* command_named(std::string_view name)
{
    const auto all = commands();
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const command& each) { return each.name == name; });
    return found == all.end() ? nullptr : &*found;
}

int run(const std::vector<std::string>& typed)
{
    const auto named = find_command(typed);
    po::options_description known;
    declare(known, common_options());
    if (named == typed.end()) {
        const arguments alone(known, typed);
        if (alone.has("version"))
            std::cout << "warmctl " WARMD_VERSION "\n";
        else if (alone.has("help"))
            std::cout << overview();
        else
            throw usage_error("no command");
        return done;
    }
    const command* const chosen = command_named(*named);
    if (!chosen)
        throw usage_error("there is no command '" + visible(*named) + "'");
    declare(known, chosen->options);
    std::vector<std::string> rest(typed.begin(), named);
    rest.insert(rest.end(), named + 1, typed.end());
    const arguments given(known, rest);
    const schema::contract by = schema::daemon_contract();
    if (!given.has("help"))
        return chosen->local ? answer_from_files(*chosen, given) : ask(*chosen, given, by);
    std::cout << help_of(*chosen, by);
    return done;
}

int run_to_the_end(const std::vector<std::string>& typed)
try {
    const int status = run(typed);
    std::cout.flush();
    if (std::cout)
        return status;
    std::cerr << "warmctl: cannot write to standard output\n";
    return failed;
} catch (const usage_error& why) {
    const auto named = find_command(typed);
    const bool known = named != typed.end() && command_named(*named);
    std::cerr << "warmctl: " << visible(why.what()) << "\nfor help: warmctl "
              << (known ? *named + ' ' : "") << "--help\n";
    return misused;
} catch (const std::ios_base::failure&) {
    std::cerr << "warmctl: cannot write to standard output\n";
    return failed;
} catch (const std::exception& why) { // from the json of a result that is shaped otherwise
    std::cerr << "warmctl: the daemon's answer is not understood: " << visible(why.what()) << '\n';
    return failed;
}

} // namespace

} // namespace warmd::ctl

int main(int count, char** words)
{
    warmd::ctl::end_at_interrupt();
    return warmd::ctl::run_to_the_end({words + 1, words + count});
}

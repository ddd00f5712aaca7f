#pragma once
// What each command asks of the daemon, and how its answer is shown. All data: warmctl.cpp does the
// asking.

#include "methods/schema.hpp"
#include "warmctl/arguments.hpp"
#include "warmctl/options.hpp"
#include "warmctl/tables.hpp"

#include <warmd/client.hpp>

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace warmd::ctl {

/// A request to the daemon.
struct request {
    std::string method;
    std::string params = "{}";      ///< JSON object on one line
    std::vector<std::string> texts; ///< what the results are about, in their order
};

struct command;

/// What a request is made of.
struct question {
    const command& asked;
    const arguments& typed;
    const schema::contract& by;
    bool progress = false; ///< somebody watches standard error
    bool stream = false;   ///< somebody watches standard output
};

/// A text that a command writes to a file.
struct output_file {
    std::string path, text;
};

/// What a command that asks no daemon has to say.
struct local_answer {
    std::string shown; ///< on standard output
    std::vector<output_file> files = {};
    bool good = true; ///< else the exit status tells
};

struct command {
    std::string_view name;
    std::string_view summary; ///< half a line
    std::string_view method;  ///< empty: any
    std::string_view usage;   ///< what help begins with, behind "usage: warmctl "
    std::string_view example; ///< what it ends with, behind "$ warmctl "
    std::vector<option> options = {};
    std::string_view words = {}; ///< what its words are: a type of the contract, or method
    bool scores = false;         ///< takes a model, and loads it if need be
    bool judges = false;         ///< 1 is its judgement; what failed otherwise is 2
    std::string_view rows = {};  ///< member of the result that is a list: takes --format
    /// Throws usage_error.
    request (*ask)(const question&) = nullptr;
    std::string (*show)(const answer&) = nullptr;
    /// Whether the result is what was hoped for; else the exit status tells.
    bool (*good)(const json::value& result,
                 const arguments&) = [](const json::value&, const arguments&) { return true; };
    /// What it writes besides.
    std::vector<output_file> (*files)(const json::value& result, const arguments&) = nullptr;
    /// For a command that asks and shows by itself, perhaps until something ends it: whether the
    /// result is what was hoped for.
    result<bool> (*follow)(client& daemon, const arguments&, const request&) = nullptr;
    /// For a command that is no request: `ask` is not asked. `socket`: the daemon's.
    result<void> (*alone)(const arguments&, const std::string& socket) = nullptr;
    /// For a command that reads files and asks no daemon. Throws usage_error.
    local_answer (*local)(const arguments&, bool coloured) = nullptr;
};

std::span<const command> commands();

/// How long the daemon may be silent; 0: for ever. It keeps the timeout of scores itself; then this
/// is for a daemon that is stuck. What needs no model and waits for nobody is answered at once or
/// not at all: unless told otherwise, that is not waited for longer than `at_once`.
inline constexpr std::chrono::seconds at_once{10};
std::chrono::milliseconds patience(const command& asked, const request& what,
                                   const arguments& typed, const schema::contract& by);

} // namespace warmd::ctl

#pragma once
// What each command asks of the daemon, and how its answer is shown. All data: warmctl.cpp does the
// asking.

#include "warmctl/arguments.hpp"
#include "warmctl/tables.hpp"

#include <warmd/client.hpp>

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

/// What the outside has to say on how to ask.
struct surroundings {
    bool progress = false; ///< somebody watches standard error
    bool stream = false;   ///< somebody watches standard output
};

struct command {
    std::string_view name;
    std::string_view summary; ///< half a line
    bool scores;              ///< takes a model, and loads it if need be
    void (*declare)(po::options_description&);
    /// Throws usage_error.
    request (*ask)(const arguments&, const surroundings&);
    std::string (*show)(const answer&);
    /// Whether the result is what was hoped for; else the exit status tells.
    bool (*good)(const json::value& result) = [](const json::value&) { return true; };
    /// For a command that asks and shows by itself, and goes on until something ends it: how it
    /// ended.
    result<void> (*follow)(client& daemon, const arguments&, const request&) = nullptr;
};

std::span<const command> commands();

} // namespace warmd::ctl

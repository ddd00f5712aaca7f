#pragma once
// The daemon's results as text for people. A result that has not the shape of protocol.md's makes
// json's own exceptions leave.

#include "warmctl/arguments.hpp"

#include <warmd/json.hpp>

#include <boost/json/value.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

namespace warmd::ctl {

/// The text of each token id, as far as the daemon knows it.
using token_texts = std::map<std::int64_t, std::string>;

/// What a table is made from.
struct answer {
    const json::value& result;
    const arguments& typed;
    /// Asks the daemon for the texts of tokens of the model at hand.
    std::function<token_texts(const std::set<std::int64_t>& ids)> look_up;
    /// The texts that the command line asked about, in the order of the results.
    std::vector<std::string> texts;
    bool coloured = false; ///< somebody sees it on a terminal
};

std::string show_health(const answer&);
std::string show_stats(const answer&);
std::string show_metrics(const answer& from);
std::string show_models(const answer&);
/// What `top` sees of a daemon, by the methods' names.
struct look {
    json::value health, stats, models;
};
/// What `top` shows. `stats_before`: of the look before, or null. `rates`: calls per second of each
/// key, as far as they are known.
std::string show_top(const look& now, const json::value& stats_before,
                     const std::map<std::string, double>& rates);
/// The parameters of an `event` notification on one line, without its end.
std::string show_event(const json::value& event);
std::string show_load(const answer&);
std::string show_unload(const answer&);
std::string show_reload(const answer&);
std::string show_tokens(const answer&);
std::string show_rendered(const answer&);
std::string show_chat_template(const answer&);
std::string show_distributions(const answer&);
std::string show_logprobs(const answer&);
std::string show_perplexities(const answer&);
std::string show_text(const answer&);
std::string show_divergence(const answer&);
std::string show_json(const answer&);

} // namespace warmd::ctl

#include "warmctl/live.hpp"

#include "warmctl/format.hpp"
#include "warmctl/screen.hpp"
#include "warmctl/tables.hpp"

#include <boost/json.hpp>

#include <unistd.h>

#include <iostream>
#include <map>
#include <thread>
#include <utility>

namespace warmd::ctl {

result<bool> watch(client& daemon, const arguments& typed, const request& subscribe)
{
    const bool json = typed.has("json");
    const auto print = [json](std::string_view method, const json::value& params) {
        if (method == "event")
            std::cout << (json ? json_text(params) : show_event(params)) << std::endl;
    };
    const auto subscribed = daemon.call(subscribe.method, subscribe.params, print);
    if (!subscribed)
        return subscribed.error();
    if (auto patient = daemon.set_patience({}); !patient) // the next event may be far away
        return patient.error();
    const auto ended = daemon.receive(print);
    if (ended)
        return failure{errc::parse_error, "the daemon answers what was not asked"};
    const failure& why = ended.error();
    return why.code == errc::disconnected ? failure{why.code, "the daemon hung up"} : why;
}

namespace {

/// Calls per second of each model between two samples.
class call_rates {
public:
    /// Empty for the first sample. A model whose count went down was loaded anew in between.
    std::map<std::string, double> update(const json::array& models,
                                         std::chrono::steady_clock::time_point now)
    {
        std::map<std::string, double> rates, calls;
        const double seconds = std::chrono::duration<double>(now - last_).count();
        for (const json::value& model : models) {
            const std::string key(model.at("key").as_string());
            const double count = calls[key] = model.at("calls").to_number<double>();
            const auto before = calls_.find(key);
            const double since =
                before == calls_.end() || before->second > count ? 0 : before->second;
            if (any_ && seconds > 0)
                rates[key] = (count - since) / seconds;
        }
        calls_ = std::move(calls);
        last_ = now;
        any_ = true;
        return rates;
    }

private:
    std::map<std::string, double> calls_;
    std::chrono::steady_clock::time_point last_;
    bool any_ = false;
};

result<look> take_look(client& daemon)
{
    look now;
    using question = std::pair<const char*, json::value*>;
    for (const auto& [method, into] :
         {question("health", &now.health), question("stats", &now.stats),
          question("models", &now.models)}) {
        auto told = daemon.call(method);
        if (!told)
            return told.error();
        *into = std::move(*told);
    }
    return now;
}

} // namespace

pace read_pace(const arguments& typed)
{
    const double seconds = typed.number("interval", 0.1, 86'400.0).value_or(2);
    return {std::chrono::duration<double>(seconds), typed.number<std::uint64_t>("count", 1)};
}

result<bool> top(client& daemon, const arguments& typed, const request&)
{
    const pace keep = read_pace(typed);
    const bool json = typed.has("json");
    std::optional<screen> over;
    if (::isatty(STDOUT_FILENO) && !json)
        over.emplace();

    call_rates rates;
    json::value stats_before;
    std::string shown;
    for (std::uint64_t i = 0; !keep.count || i != *keep.count; ++i) {
        if (i != 0 && over && !over->wait(keep.interval))
            break;
        if (i != 0 && !over)
            std::this_thread::sleep_for(keep.interval);
        auto now = take_look(daemon);
        if (!now)
            return now.error();
        const auto each =
            rates.update(now->models.at("models").as_array(), std::chrono::steady_clock::now());
        shown = json ? json_text({{"health", now->health},
                                  {"stats", now->stats},
                                  {"models", now->models.at("models")}}) +
                           '\n'
                     : show_top(*now, stats_before, each);
        stats_before = std::move(now->stats);
        if (over)
            over->draw(shown);
        else
            std::cout << (i == 0 || json ? "" : "\n") << shown << std::flush;
    }
    if (over) {
        over.reset();
        std::cout << shown; // stays
    }
    return true;
}

} // namespace warmd::ctl

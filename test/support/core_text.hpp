#pragma once
// Effects as short text, so that a test reads like a protocol: "close 1 capacity; load 2". Wakes
// are left out.

#include "cache/cache_core.hpp"

#include <string>

namespace warmd::test {

inline std::string text(const any_effect& one)
{
    struct {
        std::string operator()(const effect::load& e) const
        {
            return "load " + std::to_string(e.entry);
        }
        std::string operator()(const effect::close& e) const
        {
            return "close " + std::to_string(e.entry) + ' ' + std::string(name(e.why));
        }
        std::string operator()(const effect::grant& e) const
        {
            return "grant " + std::to_string(e.waiter) + " of " + std::to_string(e.entry) +
                   (e.cached   ? " cached"
                    : e.joined ? " joined"
                               : "");
        }
        std::string operator()(const effect::refuse& e) const
        {
            return "refuse " + std::to_string(e.waiter) + ' ' + std::string(name(e.why.code)) +
                   (e.why.cached ? " cached" : "");
        }
        std::string operator()(const effect::overdue& e) const
        {
            return "overdue " + std::to_string(e.entry);
        }
        std::string operator()(const effect::stop_load& e) const
        {
            return "stop " + std::to_string(e.entry);
        }
        std::string operator()(const effect::gone& e) const
        {
            return "gone " + std::to_string(e.entry);
        }
        std::string operator()(const effect::wake&) const { return ""; }
        std::string operator()(const effect::moved& e) const
        {
            const auto state = [](const auto& s) { return std::string(s ? name(*s) : "none"); };
            return std::to_string(e.entry) + ": " + state(e.from) + " -> " + state(e.to) + ' ' +
                   std::string(e.why);
        }
    } as_text;
    return std::visit(as_text, one);
}

inline std::string text(const effects& all)
{
    std::string joined;
    for (const any_effect& one : all)
        if (const std::string words = text(one); !words.empty())
            joined += (joined.empty() ? "" : "; ") + words;
    return joined;
}

} // namespace warmd::test

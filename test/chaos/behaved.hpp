#pragma once
// Clients that behave, beside those of abuse.hpp: they know the right answers, and check each.

#include "chaos/abuse.hpp"

#include <warmd/client.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace warmd::chaos {

constexpr std::chrono::milliseconds patience = std::chrono::minutes(2);

/// A request and the answers that are right.
struct question {
    std::string method, params;
    std::set<std::string> right{};
};

/// What the clients that behave have seen.
struct tally {
    std::mutex mutex;
    std::uint64_t sent = 0, right = 0;
    std::map<std::string, std::uint64_t> refused, wrong;

    void note(const question& asked, const result<json::value>& answer);
    void note_wrong(const std::string& what);
    /// Refusals that a crowd explains.
    static bool is_honest(errc code) { return code == errc::busy || code == errc::timeout; }
};

/// Asks, and learns what the right answers are, before the others come: of small and large
/// requests, short and long generations, prompts that begin alike.
std::vector<question> questions(const surroundings& at, const std::string& base);

/// Asks one after the other, urgently or not, afresh or not, streamed or not, until it is enough.
void behave(const surroundings& at, const std::vector<question>& all, unsigned seed, tally& seen,
            const std::atomic<bool>& enough);

} // namespace warmd::chaos

#pragma once
// Runs the built warmctl against a scripted peer.

#include "support/program.hpp"
#include "support/scripted_peer.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <utility>
#include <vector>

namespace warmd::test {

using words = std::vector<std::string>;

inline program_result run(const words& typed, program_input input = {})
{
    input.words = typed;
    input.words.insert(input.words.begin(), WARMCTL);
    return program(input).result();
}

/// What warmctl said, and what it asked: the first request, if any.
struct exchange {
    program_result said;
    std::vector<json::object> asked;

    std::string method() const { return std::string(asked.at(0).at("method").as_string()); }
    std::string params() const { return json::serialize(asked.at(0).at("params")); }
};

/// Runs warmctl against a peer that gives `result`, JSON text, to every request.
inline exchange run_answered(const std::string& result, words typed, program_input input = {})
{
    scripted_peer peer([&](const json::object& request) { return answer(request, result); });
    typed.insert(typed.begin(), {"--socket", peer.path()});
    program_result said = run(typed, std::move(input));
    return {std::move(said), peer.finish()};
}

/// The params that warmctl sends for `typed`.
inline std::string params_of(words typed, program_input input = {})
{
    typed.insert(typed.begin(), "--json");
    const exchange made = run_answered("{}", std::move(typed), std::move(input));
    BOOST_REQUIRE_MESSAGE(made.asked.size() == 1, made.said.err);
    return made.params();
}

inline void check_contains(const std::string& text, const std::string& part)
{
    BOOST_TEST(text.find(part) != std::string::npos, text);
}

} // namespace warmd::test

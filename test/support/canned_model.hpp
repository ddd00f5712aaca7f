#pragma once
// What an examination asks, answered without a model: a token is a byte, an adapter has a strength,
// and every answer is plain to see from it.

#include "evaluation/examination.hpp"
#include "evaluation/report.hpp"

#include <warmd/json.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace warmd::evaluation {

struct canned_model {
    double strength = 1; ///< of the adapter; of a null adapter its seed's last digit times 0.01
    std::optional<std::string> pad = "<pad>";
    std::string base_text = "The day was long. It rained, and the road was wet.";
    std::string ft_text = "And it came to pass in those days, that they went up.";
    /// Written through null adapters of even and of odd seeds.
    std::string even_text = "One went out.", odd_text = "Two came in, and stayed.";
    std::vector<question> asked = {};

    double strength_of(const view& through) const
    {
        switch (through.what) {
        case view::mode::base: return 0;
        case view::mode::ft: return strength;
        case view::mode::scaled: return strength * through.scale;
        case view::mode::null: break;
        }
        return through.rank_scale * 0.01 * static_cast<double>(through.seed % 10);
    }

    result<answer> answer_to(const question& of)
    {
        asked.push_back(of);
        const double by = strength_of(of.through);
        switch (of.what) {
        case question::kind::tokens: return answer(tokens{{of.text.begin(), of.text.end()}, {}});
        case question::kind::text: return answer(plain_text{{of.ids.begin(), of.ids.end()}});
        case question::kind::tokenizer:
            return answer(tokenizer_description{
                .eos = {}, .bos = {}, .pad = pad, .unk = {}, .chat_template = {}});
        case question::kind::slice: return answer(slice(by));
        case question::kind::completion:
            return answer(scored(of.more, of.more.size(), -2 + by / 2));
        case question::kind::text_scores:
            return answer(scored(of.ids, of.ids.size() - 1, -2 + by / 4));
        case question::kind::writing: break;
        }
        return answer(generation_result{text_of(of.through), {}});
    }

private:
    /// Of three tokens; the first loses to the last what the adapter moves.
    static top_slice slice(double by)
    {
        const double weights[] = {std::exp(1 - by / 2), 1, std::exp(by / 2 - 1)};
        const double all = weights[0] + weights[1] + weights[2];
        top_slice made{.vocab_size = 3};
        std::vector<token_id> order{0, 1, 2};
        std::ranges::stable_sort(order, std::greater(), [&](token_id id) { return weights[id]; });
        for (const token_id id : order) {
            made.token_ids.push_back(id);
            made.logprobs.push_back(static_cast<float>(std::log(weights[id] / all)));
        }
        return made;
    }
    static scored_text scored(const std::vector<token_id>& ids, std::size_t count, double each)
    {
        return {ids, std::vector<float>(count, static_cast<float>(each)),
                each * static_cast<double>(count)};
    }
    std::string text_of(const view& through) const
    {
        if (through.what == view::mode::null)
            return through.seed % 2 ? odd_text : even_text;
        return strength_of(through) == 0 ? base_text : ft_text;
    }
};

/// The report of a suite; `form` is its JSON.
inline json::object examined(std::string_view form, mode judged_by, canned_model& by)
{
    const suite_reading read = read_suite(parse_json(form).value(), judged_by);
    BOOST_REQUIRE_MESSAGE(read.faults.empty(), read.faults.front().text);
    examination what(read.read, 512);
    for (;;) {
        const std::vector<question> open = what.next();
        if (open.empty())
            return report_json(what, {.version = "0"});
        for (const question& each : open)
            what.tell(each, by.answer_to(each));
    }
}

inline const json::value& probe_in(const json::object& report, std::string_view name)
{
    const json::array& all = report.at("probes").as_array();
    const auto found = std::ranges::find_if(
        all, [&](const json::value& each) { return each.at("name").as_string() == name; });
    BOOST_REQUIRE(found != all.end());
    return *found;
}

} // namespace warmd::evaluation

// Models whose weights are kept in fewer bits: how far they are from what they were.

#include "support/demo_model.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cmath>
#include <map>
#include <string>
#include <vector>

using namespace warmd;
using namespace warmd::hf;

namespace {

/// The distributions of the tokens after these, over the whole vocabulary.
std::vector<std::map<token_id, double>> distributions_of(const std::string& name,
                                                         const std::string& dtype,
                                                         const view& through)
{
    constexpr std::size_t whole_vocabulary = 1 << 20;
    model_spec spec = name == "demo" ? demo_spec(dtype) : spec_of(test_data / name / "model");
    spec.dtype = dtype;
    const auto model = load_with(hf_loader(), spec).value();
    std::vector<text_or_ids> prompts;
    for (const char* text :
         {"The database", "In the beginning", "If the", "And it came to pass", "When the file is",
          "This function returns", "The king said unto", "For example, a list of 12 names:"})
        prompts.push_back(text);
    std::vector<std::map<token_id, double>> made;
    for (const auto& slice :
         ask<distributions>(*model, next_token{through, prompts, whole_vocabulary}).slices) {
        auto& one = made.emplace_back();
        for (std::size_t i = 0; i != slice.value().token_ids.size(); ++i)
            one[slice.value().token_ids[i]] = slice.value().logprobs[i];
    }
    return made;
}

/// Mean KL divergence, nats.
double mean_divergence(const std::vector<std::map<token_id, double>>& from,
                       const std::vector<std::map<token_id, double>>& to)
{
    double sum = 0;
    for (std::size_t i = 0; i != from.size(); ++i)
        for (const auto& [id, logprob] : from[i])
            sum += std::exp(logprob) * (logprob - to.at(i).at(id));
    return sum / static_cast<double>(from.size());
}

} // namespace

BOOST_DATA_TEST_CASE(fewer_bits_stay_near_what_the_model_was,
                     boost::unit_test::data::make({"demo", "fixtures/llama-smol",
                                                   "fixtures/qwen3-mini"}),
                     name)
{
    for (const view& through : {view{.what = view::mode::base}, view{}}) {
        const auto whole = distributions_of(name, "fp32", through);
        const double eight = mean_divergence(whole, distributions_of(name, "int8", through)),
                     four = mean_divergence(whole, distributions_of(name, "int4", through));
        BOOST_TEST_MESSAGE(name << ": mean KL from fp32, nats: int8 " << eight << ", int4 "
                                << four);
        BOOST_TEST(eight <= 0.002);
        // The tiny models of the fixtures have weights that nobody trained: 4 bits cost them more.
        BOOST_TEST(four <= (name == std::string("demo") ? 0.05 : 0.4));
        BOOST_TEST(eight < four);
        BOOST_TEST(eight != 0);
    }
}

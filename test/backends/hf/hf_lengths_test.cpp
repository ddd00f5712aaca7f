// Models that turn positions by the length of the whole input: what is computed of a text is that
// of its own length, whatever else is there.

#include "support/hf_model.hpp"
#include "support/outcome_bits.hpp"

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <numeric>
#include <vector>

using namespace warmd;
using namespace warmd::hf;

namespace {

constexpr std::size_t limit = 24; // of both models

std::unique_ptr<backend> model_named(const std::string& name)
{
    return load_model(test_data / "families" / name / "model");
}

/// So many ids; a shorter list is a longer one's beginning.
std::vector<token_id> some_ids(std::size_t count)
{
    std::vector<token_id> ids(count);
    for (std::size_t i = 0; i != count; ++i)
        ids[i] = static_cast<token_id>(37 * i % 211);
    return ids;
}

std::string scored(backend& model, std::size_t length)
{
    return bits_of(ask_all(model, {rolling_logprob{{}, {some_ids(length)}}}).at(0).value());
}

token_id likeliest(backend& model, const std::vector<token_id>& ids)
{
    return ask<distributions>(model, next_token{{}, {ids}, 1}).slices.at(0).value().token_ids.at(0);
}

constexpr const char* models[] = {"llama-dynamic", "phi3-longrope"};

} // namespace

BOOST_DATA_TEST_CASE(texts_that_begin_alike_share_nothing_if_they_are_turned_otherwise,
                     boost::unit_test::data::make(models), name)
{
    const auto kept = model_named(name);
    for (const std::size_t length : {70U, 60U, 20U, 70U, 65U})
        BOOST_TEST((scored(*kept, length) == scored(*model_named(name), length)));
}

// As Transformers does without a cache: everything so far, at the length so far.
BOOST_DATA_TEST_CASE(a_text_that_grows_past_the_limit_is_computed_anew,
                     boost::unit_test::data::make(models), name)
{
    const auto model = model_named(name);
    const std::vector<token_id> prompt = some_ids(limit - 3);
    std::vector<token_id> all = prompt;
    for (int i = 0; i != 8; ++i)
        all.push_back(likeliest(*model, all));
    const auto made =
        ask<generation_result>(*model, generate{.prompt = prompt, .max_new_tokens = 8});
    BOOST_TEST(made.ids ==
               std::vector(all.begin() + static_cast<std::ptrdiff_t>(prompt.size()), all.end()));
    BOOST_TEST(model->now().queued_tokens == 0u);
    BOOST_TEST(model->now().kv_bytes == 0u);
}

BOOST_DATA_TEST_CASE(what_a_prompt_lists_is_of_the_prompts_own_length,
                     boost::unit_test::data::make(models), name)
{
    const auto model = model_named(name);
    const std::vector<token_id> prompt = some_ids(limit - 1);
    const auto made = ask<completed_prompts>(*model, complete{.through = {},
                                                              .prompts = {prompt},
                                                              .max_new_tokens = 4,
                                                              .temperature = 0,
                                                              .stop = {},
                                                              .list = 1,
                                                              .list_prompt = 0});
    const auto alone = ask<scored_texts>(*model, rolling_logprob{{}, {prompt}});
    const std::vector<listed_token>& listed = made.prompts.at(0).tokens;
    BOOST_TEST_REQUIRE(listed.size() == prompt.size());
    for (std::size_t i = 1; i != prompt.size(); ++i)
        BOOST_TEST(*listed[i].logprob == alone.results.at(0).value().logprobs.at(i - 1));
}

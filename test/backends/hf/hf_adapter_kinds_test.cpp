// Kinds of adapters beyond plain LoRA: what each view of one shows, and that they mind nothing of
// one another. Their numbers are hf_reference's.

#include "support/hf_model.hpp"
#include "support/outcome_bits.hpp"
#include "support/scratch.hpp"

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

using namespace warmd;
using namespace warmd::hf;

namespace {

constexpr const char* text = "Pack my box with five dozen liquor jugs.";

std::filesystem::path model_of(const std::string& family)
{
    return test_data / "families" / family / "model";
}
std::filesystem::path adapter_of(const std::string& family, const std::string& name)
{
    return test_data / "families" / family / "adapters" / name;
}

std::vector<std::string> adapters_of(const std::string& family)
{
    std::vector<std::string> names;
    for (const auto& each :
         std::filesystem::directory_iterator(test_data / "families" / family / "adapters"))
        names.push_back(each.path().filename());
    std::ranges::sort(names);
    return names;
}

std::vector<float> scores(backend& model, const view& through)
{
    return ask<scored_texts>(model, rolling_logprob{through, {text}})
        .results.at(0)
        .value()
        .logprobs;
}

double distance(const std::vector<float>& x, const std::vector<float>& y)
{
    BOOST_TEST_REQUIRE(x.size() == y.size());
    double most = 0;
    for (std::size_t i = 0; i != x.size(); ++i)
        most = std::max(most, std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i])));
    return most;
}

const view base{.what = view::mode::base};
const view ft{.what = view::mode::ft};
view scaled(double scale) { return {.what = view::mode::scaled, .scale = scale}; }
view null(std::uint64_t seed, double init_scale = 0.02)
{
    return {.what = view::mode::null, .seed = seed, .init_scale = init_scale};
}

/// A copy of an adapter, whose configuration says something else.
struct changed_adapter {
    test::scratch_directory scratch;

    changed_adapter(const std::filesystem::path& of, const json::object& members)
    {
        std::filesystem::copy(of, scratch.path);
        json::object config = read_json_file(of / "adapter_config.json").as_object();
        for (const auto& [name, value] : members)
            config[name] = value;
        test::write_file(scratch.path / "adapter_config.json", json::serialize(config));
    }
};

double alpha_of(const std::filesystem::path& adapter)
{
    return read_json_file(adapter / "adapter_config.json").at("lora_alpha").to_number<double>();
}

constexpr const char* families[] = {"peft-llama", "peft-qwen3-tied", "gpt2-dora"};

} // namespace

// PEFT's scaling is lora_alpha's: half of it is the view scaled by a half.
BOOST_DATA_TEST_CASE(a_scaled_view_is_the_adapter_of_that_much_alpha,
                     boost::unit_test::data::make(families), family)
{
    const loader by = hf_loader();
    for (const std::string& name : adapters_of(family)) {
        const auto of = adapter_of(family, name);
        const changed_adapter half(of, {{"lora_alpha", alpha_of(of) / 2}});
        const auto whole = load_with(by, spec_of(model_of(family), of)).value(),
                   other = load_with(by, spec_of(model_of(family), half.scratch.path)).value();
        BOOST_TEST(distance(scores(*whole, scaled(0.5)), scores(*other, ft)) < 1e-5, name);
        BOOST_TEST(distance(scores(*whole, scaled(1)), scores(*whole, ft)) == 0, name);
        BOOST_TEST(distance(scores(*whole, scaled(0)), scores(*whole, base)) == 0, name);
        BOOST_TEST(distance(scores(*whole, scaled(0.5)), scores(*whole, ft)) > 1e-4, name);
    }
}

// With factors of 0, what is left is what a null view does not draw.
BOOST_DATA_TEST_CASE(a_null_view_draws_the_factors_and_keeps_all_else,
                     boost::unit_test::data::make(families), family)
{
    const loader by = hf_loader();
    for (const std::string& name : adapters_of(family)) {
        const auto of = adapter_of(family, name);
        const changed_adapter alone(of, {{"lora_alpha", 0}});
        const auto model = load_with(by, spec_of(model_of(family), of)).value(),
                   rest = load_with(by, spec_of(model_of(family), alone.scratch.path)).value();
        BOOST_TEST(distance(scores(*model, null(1, 0)), scores(*rest, ft)) < 1e-5, name);
        BOOST_TEST(distance(scores(*model, null(1, 0.2)), scores(*model, null(2, 0.2))) > 1e-4,
                   name);
        BOOST_TEST(distance(scores(*model, null(1, 0.2)), scores(*model, null(1, 0.2))) == 0, name);
    }
}

BOOST_AUTO_TEST_CASE(of_plain_lora_a_null_view_of_zeros_is_the_base)
{
    const auto lora = load_model(model_of("peft-llama"), adapter_of("peft-llama", "head"));
    BOOST_TEST(distance(scores(*lora, null(1, 0)), scores(*lora, base)) == 0);
    const auto dora = load_model(model_of("peft-llama"), adapter_of("peft-llama", "dora"));
    BOOST_TEST(distance(scores(*dora, null(1, 0)), scores(*dora, base)) > 1e-3);
}

// Rows of all kinds go through the same products.
BOOST_DATA_TEST_CASE(adapters_of_one_base_compute_the_same_bits_beside_one_another,
                     boost::unit_test::data::make(families), family)
{
    const loader by = hf_loader();
    const view views[] = {base, ft, scaled(0.25), null(3, 0.1)};
    std::vector<std::unique_ptr<backend>> models;
    std::vector<std::string> alone;
    for (const std::string& name : adapters_of(family))
        models.push_back(
            load_with(by, spec_of(model_of(family), adapter_of(family, name))).value());
    const auto asked = [&](const view& through) {
        return operation(next_token{through, {text, "Once", "upon a time"}, 7});
    };
    for (const auto& model : models)
        for (const view& each : views)
            alone.push_back(bits_of(ask_all(*model, {asked(each)}).at(0).value()));
    std::vector<std::string> together(alone.size());
    std::latch all(static_cast<std::ptrdiff_t>(alone.size()));
    for (std::size_t i = 0; i != together.size(); ++i)
        models[i / std::size(views)]->submit({.what = asked(views[i % std::size(views)]),
                                              .stop = {},
                                              .complete =
                                                  [&, i](result<outcome> came) {
                                                      together[i] = bits_of(came.value());
                                                      all.count_down();
                                                  },
                                              .fresh = true});
    all.wait();
    BOOST_TEST(together == alone, boost::test_tools::per_element());
}

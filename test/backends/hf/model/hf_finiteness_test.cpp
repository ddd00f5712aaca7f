// What is proven instead of computed: no number of a forward pass exceeds its bound, and what has
// no bound is computed.

#include "support/hf_model.hpp"
#include "support/precision_name.hpp"
#include "support/scratch.hpp"

#include "hf/compute/kernels.hpp"
#include "hf/compute/norm.hpp"
#include "hf/compute/processor.hpp"
#include "hf/files/safetensors.hpp"
#include "hf/model/adapter.hpp"
#include "hf/model/base_model.hpp"
#include "hf/model/finiteness.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <mutex>
#include <numeric>

using namespace warmd;
using namespace warmd::hf;

namespace {

const std::filesystem::path untied = test_data / "fixtures/mistral-mini";
const view null_view{.what = view::mode::null};
constexpr float no_number = std::numeric_limits<float>::quiet_NaN(),
                infinite = std::numeric_limits<float>::infinity();

const std::string models[] = {"fixtures/llama-smol",
                              "fixtures/llama3-mini",
                              "fixtures/llama2-mini",
                              "fixtures/mistral-mini",
                              "fixtures/qwen2-mini",
                              "fixtures/qwen3-mini",
                              "demo"};

/// A base of the test data, to be computed with directly.
struct computing {
    std::filesystem::path directory;
    mutable compute_gate gate;
    std::shared_ptr<base_model> base;

    explicit computing(const std::string& name, precision computes = precision::fp32)
        : directory(test_data / name)
    {
        load_context context{.stop = {}, .progress = [](std::uint64_t, std::uint64_t) {}};
        base = load_base_model(directory / "model", format_of(computes), gate,
                               std::make_shared<kv_budget>(), context)
                   .value();
    }
    const model_config& config() const { return base->weights.config; }

    std::vector<std::filesystem::path> adapters() const
    {
        std::vector<std::filesystem::path> found;
        const bool together = std::filesystem::exists(directory / "adapters");
        for (const auto& each :
             std::filesystem::directory_iterator(together ? directory / "adapters" : directory))
            if (std::filesystem::exists(each.path() / "adapter_config.json"))
                found.push_back(each.path());
        return found;
    }
    lora_weights read(const std::filesystem::path& adapter_directory) const
    {
        const auto opened = adapter::open(adapter_directory, modules_of(config())).value();
        return arrange_lora(
                   config(), opened.factors(),
                   [&](const std::string& tensor, std::span<float> values) {
                       return opened.read(tensor, values);
                   },
                   gate.team())
            .value();
    }
    lora_weights draw(const std::filesystem::path& adapter_directory, const view& null) const
    {
        const auto opened = adapter::open(adapter_directory, modules_of(config())).value();
        return arrange_lora(
                   config(), opened.factors(),
                   [&](const std::string& tensor, std::span<float> values) {
                       null_draws(null, tensor, values);
                       return result<void>();
                   },
                   gate.team())
            .value();
    }

    double largest_logit(const lens& through)
    {
        kv_cache cache(base->pool);
        std::vector<token_id> ids;
        for (std::size_t i = 0; i != 48; ++i)
            ids.push_back(static_cast<token_id>(131 * i % config().vocab_size));
        const segment all{through, &cache, ids, 0};
        double most = 0;
        std::mutex mutex;
        const auto turn = gate.enter();
        base->forward.step(turn.engine(), {&all, 1},
                           [&](std::size_t, std::size_t, std::span<const float> logits) {
                               const std::lock_guard lock(mutex);
                               for (const float each : logits)
                                   most = std::max(most, static_cast<double>(std::abs(each)));
                           });
        return most;
    }
};

/// Of the base and, with each adapter, of all views that a load vouches for.
void expect_bounds_to_hold(computing& model)
{
    const auto check = [&](const std::optional<double>& bound, const lens& through) {
        BOOST_TEST_REQUIRE(bound.has_value());
        const double largest = model.largest_logit(through);
        BOOST_TEST(largest <= *bound);
        BOOST_TEST_MESSAGE(model.directory.native()
                           << ": largest logit " << largest << ", bound " << *bound);
    };
    check(logit_bound(model.base->weights, {}), {});
    const auto adapters = model.adapters();
    BOOST_TEST(!adapters.empty());
    for (const std::filesystem::path& directory : adapters) {
        const lora_weights adapter = model.read(directory);
        const auto bound =
            logit_bound(model.base->weights, gains_of(model.config(), adapter, model.gate.team()));
        check(bound, {&adapter, 1});
        check(bound, {&adapter, 0.5});
        for (const std::uint64_t seed : {0U, 1U}) {
            view null = null_view;
            null.seed = seed;
            const lora_weights drawn = model.draw(directory, null);
            check(logit_bound(model.base->weights,
                              gains_of(model.config(), adapter, null, model.gate.team())),
                  {&drawn, 1});
        }
    }
}

/// A copy of a model directory of the test data, some of whose weights are others.
struct changed_copy {
    test::scratch_directory scratch;
    std::filesystem::path base = scratch.path / "model", adapter = scratch.path / "adapter";

    explicit changed_copy(const std::filesystem::path& of, const std::string& adapter_name)
    {
        std::filesystem::copy(of / "model", base);
        std::filesystem::copy(of / "adapters" / adapter_name, adapter);
    }
    /// Elements [first, first + count) of an F32 tensor.
    static void overwrite(const std::filesystem::path& file, const std::string& tensor,
                          std::uint64_t first, std::uint64_t count, float value)
    {
        const auto opened = safetensors::open(file).value();
        const tensor_info& info = opened.tensors().at(tensor);
        BOOST_REQUIRE(info.dtype == "F32" && first + count <= info.elements());
        std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
        out.seekp(static_cast<std::streamoff>(info.offset + 4 * first));
        for (std::uint64_t i = 0; i != count; ++i)
            out.write(reinterpret_cast<const char*>(&value), sizeof value);
    }
    /// Every A and every B of the adapter.
    void fill_factors(float a, float b) const
    {
        const std::filesystem::path file = adapter / "adapter_model.safetensors";
        const auto opened = safetensors::open(file).value();
        for (const auto& [name, info] : opened.tensors())
            overwrite(file, name, 0, info.elements(),
                      name.find("lora_A") != std::string::npos ? a : b);
    }
    /// The embedding of the last token, which no preflight asks for.
    void spoil_last_embedding() const
    {
        const std::filesystem::path file = base / "model.safetensors";
        const auto shape =
            safetensors::open(file).value().tensors().at("model.embed_tokens.weight").shape;
        overwrite(file, "model.embed_tokens.weight", (shape[0] - 1) * shape[1], shape[1],
                  no_number);
    }
    result<std::unique_ptr<backend>> load() const
    {
        return load_with(hf_loader(), spec_of(base, adapter));
    }
};

/// Whether it was the preflight of that view that refused.
bool refused_through(const result<std::unique_ptr<backend>>& loaded, const std::string& view_name)
{
    return !loaded && loaded.error().code == errc::load_failed &&
           loaded.error().detail.find("view " + view_name + ":") != std::string::npos;
}

} // namespace

BOOST_DATA_TEST_CASE(
    no_logit_exceeds_its_bound,
    (boost::unit_test::data::make(models) + boost::unit_test::data::make(family_models)) *
        boost::unit_test::data::make({precision::fp32, precision::bf16, precision::int4}),
    name, kept)
{
    computing model(name, kept);
    expect_bounds_to_hold(model);
}

BOOST_AUTO_TEST_CASE(draws_gain_no_more_than_any_draw_could)
{
    const computing model("demo");
    const lora_weights adapter = model.read(test_data / "demo/adapter");
    view null = null_view;
    null.init_scale = 3;
    null.rank_scale = 0.25;
    const adapter_gains most = gains_of(model.config(), adapter, null, model.gate.team());
    const adapter_gains drawn =
        gains_of(model.config(), model.draw(test_data / "demo/adapter", null), model.gate.team());
    BOOST_TEST_REQUIRE(drawn.size() == most.size());
    for (std::size_t layer = 0; layer != most.size(); ++layer)
        for (std::size_t which = 0; which != most[layer].size(); ++which)
            BOOST_TEST((drawn[layer][which] <= most[layer][which] &&
                        most[layer][which] <= 40 * drawn[layer][which]));
    std::vector<float> draws(1 << 24); // among so many are the rarest
    draw_normal(1, draws.data(), draws.size());
    const auto [least, largest] = std::ranges::minmax(draws);
    BOOST_TEST((-6 <= least && least < -5 && 5 < largest && largest <= 6));
}

BOOST_AUTO_TEST_CASE(whatever_is_not_finite_or_might_overflow_has_no_bound)
{
    computing model("fixtures/qwen3-mini");
    base_weights& weights = model.base->weights;
    const auto spoilt = [&](auto& what, auto value) {
        const auto before = std::exchange(what, value);
        const bool none = !logit_bound(weights, {});
        what = before;
        return none;
    };
    layer_weights& last = weights.layers.back();
    lora_weights adapter = model.read(model.adapters().at(0));
    auto& products = adapter.layers.at(weights.layers.size() - 1);
    const auto acted_on =
        std::ranges::find_if(products, [](const lora_linear& each) { return !each.parts.empty(); });
    BOOST_REQUIRE(acted_on != products.end());
    BOOST_TEST(logit_bound(weights, {}).has_value());
    for (const float bad : {no_number, infinite, 1e30F}) {
        for (norm_weights& norm : last.norms)
            if (!norm.weight.empty())
                BOOST_TEST(spoilt(norm.weight.at(1), bad));
        BOOST_TEST(spoilt(weights.final_norm.weight[0], bad));
        BOOST_TEST(spoilt(weights.output.norm, static_cast<double>(bad)));
        for (linear& each : last.linears) {
            BOOST_TEST(spoilt(each.norm, static_cast<double>(bad)));
            BOOST_TEST(spoilt(each.bias, std::vector<float>{0, bad}));
        }
        for (std::size_t which = 0; which != last.linears.size(); ++which) {
            adapter_gains gains(weights.layers.size() + 1,
                                std::vector<double>(last.linears.size()));
            gains[weights.layers.size() - 1][which] = static_cast<double>(bad);
            BOOST_TEST(!logit_bound(weights, gains));
        }
        acted_on->parts.back().scaling = bad;
        BOOST_TEST(!logit_bound(weights, gains_of(model.config(), adapter, model.gate.team())));
        BOOST_TEST(
            !logit_bound(weights, gains_of(model.config(), adapter, null_view, model.gate.team())));
    }
    BOOST_TEST(spoilt(weights.config.norm_eps, 0.0F));
    BOOST_TEST(spoilt(weights.config.rotations.at(0).theta, 1e-40));
    BOOST_TEST(spoilt(weights.config.max_positions, std::size_t{1} << 40));
    BOOST_TEST(logit_bound(weights, {}).has_value());
}

BOOST_DATA_TEST_CASE(a_base_knows_the_norms_of_its_file, boost::unit_test::data::make(models), name)
{
    const computing model(name);
    const auto file = checkpoint::open(model.directory / "model").value();
    const auto squares_of = [&](const std::string& tensor) {
        std::vector<float> values(file.find(tensor)->elements());
        BOOST_TEST_REQUIRE(file.read(tensor, values).has_value());
        return std::pow(norm(values), 2);
    };
    const base_weights& weights = model.base->weights;
    const auto close = boost::test_tools::tolerance(1e-5);
    const double embedding = squares_of("model.embed_tokens.weight");
    BOOST_TEST(std::pow(weights.embedding.rows().norm, 2) == embedding, close);
    const double output = weights.config.tied_embeddings ? embedding : squares_of("lm_head.weight");
    BOOST_TEST(std::pow(weights.output.norm, 2) == output, close);
    for (std::size_t layer = 0; layer != weights.layers.size(); ++layer)
        for (std::size_t which = 0; which != weights.layers[layer].linears.size(); ++which) {
            double sum = 0;
            for (const linear_shape::part& part : weights.config.plan[layer].linears[which].parts)
                sum += squares_of(module_path(weights.config, layer, part.name) + ".weight");
            BOOST_TEST(std::pow(weights.layers[layer].linears[which].norm, 2) == sum, close);
        }
}

BOOST_AUTO_TEST_CASE(finite_factors_that_overflow_are_refused_with_the_views_name)
{
    const changed_copy copy(untied, "layer1-ko");
    copy.fill_factors(1e30F, 1e30F);
    const auto loaded = copy.load();
    BOOST_TEST(refused_through(loaded, "ft"), (loaded ? "loaded" : loaded.error().detail));
}

BOOST_AUTO_TEST_CASE(large_factors_that_do_no_harm_load)
{
    const changed_copy copy(untied, "layer1-ko");
    copy.fill_factors(1e20F, 0);
    const computing model("fixtures/mistral-mini");
    BOOST_TEST(!logit_bound(model.base->weights, gains_of(model.config(), model.read(copy.adapter),
                                                          model.gate.team()))); // it takes a look
    const auto loaded = copy.load();
    BOOST_TEST_REQUIRE(loaded.has_value());
    const std::vector<token_id> ids{3, 1, 4, 1, 5};
    const auto logprobs = [&](const view& through) {
        return ask<scored_texts>(**loaded, rolling_logprob{through, {ids}})
            .results.at(0)
            .value()
            .logprobs;
    };
    BOOST_TEST((logprobs({}) == logprobs({.what = view::mode::base})));
}

BOOST_AUTO_TEST_CASE(a_base_whose_preflight_misses_a_bad_weight_has_its_adapters_looked_at)
{
    const changed_copy copy(untied, "layer1-ko");
    copy.spoil_last_embedding();
    const auto loaded = copy.load();
    BOOST_TEST(loaded.has_value(), (loaded ? "" : loaded.error().detail));
    copy.fill_factors(1e30F, 1e30F);
    BOOST_TEST(refused_through(copy.load(), "ft"));
}

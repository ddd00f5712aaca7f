// What null views are made of: draws that others can repeat, and updates of the adapter's own size.

#include "hf/compute/threads.hpp"
#include "hf/model/lora.hpp"
#include "support/vectors.hpp"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <vector>

using namespace warmd;
using namespace warmd::hf;

namespace {

model_config one_layer()
{
    model_config config;
    config.hidden_size = 84;
    config.intermediate_size = 53;
    config.layers = 1;
    config.heads = 3;
    config.kv_heads = 1;
    config.head_dim = 10;
    config.plan = {llama_layer(config)};
    return config;
}

lora_weights drawn(const model_config& config, const view& null, float b_scale = 1)
{
    std::vector<lora_factors> factors;
    for (const base_module& module : modules_of(config))
        if (module.what == base_module::kind::linear)
            factors.push_back(
                {module, 1 + factors.size() % 5, 0.5, module.path + ".a", module.path + ".b"});
    thread_team team(1);
    return *arrange_lora(
        config, factors,
        [&](const std::string& tensor, std::span<float> values) {
            null_draws(null, tensor, values);
            if (tensor.ends_with(".b"))
                for (float& value : values)
                    value *= b_scale;
            return result<void>();
        },
        team);
}

template <class Visit>
void for_each_part(const model_config& config, const lora_weights& of, const Visit& visit)
{
    for (std::size_t which = 0; which != of.layers[0].size(); ++which)
        for (const lora_linear::part& part : of.layers[0][which].parts)
            visit(of.layers[0][which], part, config.plan[0].linears[which].in);
}

const view matched{.what = view::mode::null, .seed = 7, .match = view::matching::norm};

} // namespace

BOOST_AUTO_TEST_CASE(draws_are_those_that_are_stated)
{
    const json::value all = vectors("null_draws");
    const double tolerance = all.at("tolerance").to_number<double>();
    for (const json::value& each : all.at("cases").as_array()) {
        const json::array& expected = each.at("first").as_array();
        const view null{.what = view::mode::null,
                        .seed = each.at("seed").to_number<std::uint64_t>(),
                        .match = view::matching::norm};
        std::vector<float> values(expected.size());
        null_draws(null, std::string(each.at("tensor").as_string()), values);
        for (std::size_t i = 0; i != values.size(); ++i)
            BOOST_TEST(std::abs(static_cast<double>(values[i]) - expected[i].to_number<double>()) <=
                       tolerance);
    }
}

BOOST_AUTO_TEST_CASE(an_updates_norm_is_that_of_the_product)
{
    const json::value given = vectors("norm_of_product");
    const json::array &a = given.at("A").as_array(), &b = given.at("B").as_array();
    std::vector<float> rows, columns;
    for (const json::value& row : a)
        for (const json::value& each : row.as_array())
            rows.push_back(each.to_number<float>());
    for (std::size_t r = 0; r != a.size(); ++r)
        for (const json::value& row : b)
            columns.push_back(row.at(r).to_number<float>());
    const lora_linear linear{.ranks = a.size(), .a = rows.data()};
    const lora_linear::part part{.out = b.size(), .rank = a.size(), .b = columns.data()};
    BOOST_TEST(std::abs(update_norm(linear, part, a[0].as_array().size()) -
                        given.at("frobenius").to_number<double>()) < 1e-9);
}

BOOST_AUTO_TEST_CASE(a_matched_null_has_the_adapters_norm_in_every_module)
{
    const model_config config = one_layer();
    const lora_weights adapter = drawn(config, {.what = view::mode::null, .seed = 1});
    lora_weights null = drawn(config, matched);
    thread_team team(1);
    match_norms(config, null, adapter, team);
    std::vector<double> wanted;
    for_each_part(config, adapter, [&](const auto& linear, const auto& part, std::size_t in) {
        wanted.push_back(update_norm(linear, part, in));
    });
    std::size_t next = 0;
    for_each_part(config, null, [&](const auto& linear, const auto& part, std::size_t in) {
        BOOST_TEST(std::abs(update_norm(linear, part, in) / wanted[next++] - 1) < 1e-5);
    });
    BOOST_TEST(next == 7u);
}

BOOST_AUTO_TEST_CASE(where_the_adapter_does_nothing_its_null_does_nothing)
{
    const model_config config = one_layer();
    const lora_weights adapter = drawn(config, {.what = view::mode::null, .seed = 1}, 0);
    lora_weights null = drawn(config, matched);
    thread_team team(1);
    match_norms(config, null, adapter, team);
    for_each_part(config, null, [&](const auto& linear, const auto& part, std::size_t in) {
        for (std::size_t i = 0; i != part.rank * in; ++i)
            BOOST_REQUIRE(linear.a[part.first_rank * in + i] == 0);
        for (std::size_t i = 0; i != part.rank * part.out; ++i)
            BOOST_REQUIRE(part.b[i] == 0);
    });
}

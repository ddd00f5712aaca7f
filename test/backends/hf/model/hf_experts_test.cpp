// Layers with experts: who is chosen and by what weight, and the same bits in any company.

#include "hf/compute/compute.hpp"
#include "hf/compute/kernels.hpp"
#include "hf/compute/processor.hpp"
#include "hf/model/adapter.hpp"
#include "hf/model/base_tensors.hpp"
#include "hf/model/lora_amx.hpp"
#include "hf/model/routed_rows.hpp"
#include "hf/model/transformer.hpp"
#include "support/precision_name.hpp"
#include "support/scratch.hpp"

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <memory>
#include <numeric>

using namespace warmd;
using namespace warmd::hf;

namespace {

using chosen = std::vector<std::pair<std::size_t, float>>;

/// Experts and weights of one row.
chosen chosen_by(const routing_plan& plan, const std::vector<float>& scores)
{
    routed_rows rows(plan, 1);
    rows.choose(0, scores);
    chosen found;
    for (const routed_rows::share& each : rows.shares(0))
        found.push_back({each.expert, each.weight});
    return found;
}

void write_safetensors(const std::filesystem::path& file, const json::object& header,
                       const std::vector<float>& values)
{
    const std::string text = json::serialize(header);
    const std::uint64_t length = text.size();
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(&length), sizeof length);
    out << text;
    out.write(reinterpret_cast<const char*>(values.data()),
              static_cast<std::streamsize>(values.size() * sizeof(float)));
}

/// A model wide enough for several threads, of random weights.
struct wide_model {
    static constexpr std::size_t vocab = 64;

    test::scratch_directory scratch;
    model_config config;
    compute_gate gate;
    base_weights weights;
    transformer forward;
    kv_pool pool;
    lora_weights adapter;

    explicit wide_model(std::size_t threads, precision computes)
        : config(write(scratch.path)), gate(threads), weights(load(computes)), forward(weights),
          pool(config, forward.attends(), std::make_shared<kv_budget>()), adapter(draw())
    {
    }

    /// All logits of a sequence, a step for each of so many tokens at a time.
    std::vector<float> logits(const lens& through, const std::vector<token_id>& ids,
                              std::size_t each)
    {
        std::vector<float> all(ids.size() * vocab);
        kv_cache cache(pool);
        for (std::size_t first = 0; first < ids.size(); first += each) {
            const auto some = std::span(ids).subspan(first, std::min(each, ids.size() - first));
            const segment one{through, &cache, some, 0};
            step({&one, 1}, [&](std::size_t, std::size_t token, std::span<const float> found) {
                std::ranges::copy(found, &all[(first + token) * vocab]);
            });
        }
        return all;
    }
    void step(std::span<const segment> segments, const transformer::receiver& receive)
    {
        const auto turn = gate.enter();
        forward.step(turn.engine(), segments, receive);
    }

private:
    static model_config write(const std::filesystem::path& directory)
    {
        std::ofstream(directory / "config.json")
            << R"({"model_type":"qwen3_moe","vocab_size":64,"hidden_size":128,)"
               R"("intermediate_size":80,"moe_intermediate_size":240,"num_hidden_layers":3,)"
               R"("num_attention_heads":4,"num_key_value_heads":2,"head_dim":32,)"
               R"("num_experts":6,"num_experts_per_tok":2,"mlp_only_layers":[1]})";
        const model_config config = read_model_config(directory).value();
        write_weights(directory / "model.safetensors", config);
        return config;
    }
    static void write_weights(const std::filesystem::path& file, const model_config& config)
    {
        write_safetensors(file, {}, {}); // so that there is a checkpoint, which has no tied output
        const auto none = checkpoint::open_file(file).value();
        json::object header;
        std::vector<float> values;
        const auto visited = visit_tensors(
            config, none, [&](const std::string& tensor, const std::vector<std::uint64_t>& shape) {
                append(tensor, shape, header, values);
                return result<void>();
            });
        BOOST_REQUIRE(visited.has_value());
        write_safetensors(file, header, values);
    }
    static void append(const std::string& tensor, const std::vector<std::uint64_t>& shape,
                       json::object& header, std::vector<float>& values)
    {
        const std::size_t first = values.size(),
                          count = std::accumulate(shape.begin(), shape.end(), std::size_t{1},
                                                  std::multiplies<>());
        values.resize(first + count);
        draw_normal(first, &values[first], count);
        for (std::size_t i = first; i != values.size(); ++i)
            values[i] *= 0.2F;
        header[tensor] = {{"dtype", "F32"},
                          {"shape", json::value_from(shape)},
                          {"data_offsets", {first * sizeof(float), values.size() * sizeof(float)}}};
    }
    base_weights load(precision computes)
    {
        const auto file = checkpoint::open(scratch.path).value();
        BOOST_REQUIRE(check_tensors(config, file).has_value());
        return load_base(config, format_of(computes), file, gate, {{}, [](std::uint64_t) {}})
            .value();
    }
    /// On every module, experts' and routers' too.
    lora_weights draw()
    {
        std::vector<lora_factors> factors;
        for (const base_module& module : modules_of(config))
            if (module.what == base_module::kind::linear)
                factors.push_back(
                    {module, 1 + factors.size() % 3, 0.1, module.path + ".a", module.path + ".b"});
        const view null{.what = view::mode::null, .init_scale = 0.3};
        lora_weights made = arrange_lora(
                                config, factors,
                                [&](const std::string& tensor, std::span<float> values) {
                                    null_draws(null, tensor, values);
                                    return result<void>();
                                },
                                gate.team())
                                .value();
        make_lora_tiles(config, weights.computes, made, gate.team());
        return made;
    }
};

std::vector<token_id> some_tokens(std::size_t count, std::size_t from)
{
    std::vector<token_id> ids;
    for (std::size_t i = 0; i != count; ++i)
        ids.push_back(static_cast<token_id>((from + i * i * 7 + i * 13) % wide_model::vocab));
    return ids;
}

} // namespace

BOOST_AUTO_TEST_CASE(the_largest_scores_are_chosen_and_weighted_by_their_softmax)
{
    const std::vector<float> scores{1, 3, 2, 3, -1}; // e^-2, 1, e^-1, 1, e^-4
    const double all = std::exp(-2.0) + 1 + std::exp(-1.0) + 1 + std::exp(-4.0);
    const chosen of_all = chosen_by({5, 3, false}, scores);
    BOOST_TEST_REQUIRE(of_all.size() == 3u);
    BOOST_TEST((of_all[0].first == 1u && of_all[1].first == 2u && of_all[2].first == 3u));
    BOOST_TEST(of_all[0].second == static_cast<float>(1 / all));
    BOOST_TEST(of_all[1].second == static_cast<float>(std::exp(-1.0) / all));
    const chosen of_two = chosen_by({5, 2, true}, scores);
    BOOST_TEST((of_two == chosen{{1, 0.5F}, {3, 0.5F}}));
    BOOST_TEST((chosen_by({5, 1, true}, scores) == chosen{{1, 1.0F}})); // of equal ones the first
}

BOOST_AUTO_TEST_CASE(scores_that_are_no_numbers_choose_different_experts_all_the_same)
{
    const float none = std::numeric_limits<float>::quiet_NaN();
    const chosen found = chosen_by({4, 3, true}, {none, none, 1, none});
    BOOST_TEST_REQUIRE(found.size() == 3u);
    BOOST_TEST((found[0].first < found[1].first && found[1].first < found[2].first &&
                found[2].first < 4u));
    BOOST_TEST(std::isnan(found[0].second));
}

BOOST_AUTO_TEST_CASE(rows_of_one_expert_stand_together_in_their_order)
{
    routed_rows rows({3, 2, true}, 3);
    rows.choose(0, std::vector<float>{0, 2, 1});
    rows.choose(1, std::vector<float>{3, 1, 2});
    rows.choose(2, std::vector<float>{0, 1, 2});
    rows.gather(3);
    BOOST_TEST(rows.places() == (std::vector<std::size_t>{1, 0, 2, 0, 1, 2}));
    std::vector<std::size_t> ends;
    for (const routed_rows::group& each : rows.groups())
        ends.push_back(each.last);
    BOOST_TEST(ends == (std::vector<std::size_t>{1, 3, 6}));
    for (std::size_t row = 0; row != 3; ++row)
        for (const routed_rows::share& each : rows.shares(row))
            BOOST_TEST(rows.places()[each.place] == row);
    rows.gather(1); // of a step with fewer rows
    BOOST_TEST(rows.places() == (std::vector<std::size_t>{0, 0}));
    BOOST_TEST_REQUIRE(rows.groups().size() == 2u);
    BOOST_TEST(rows.groups()[0].expert == 1u);
}

BOOST_DATA_TEST_CASE(a_token_has_the_same_bits_however_its_sequence_is_run,
                     boost::unit_test::data::make({precision::fp32, precision::bf16,
                                                   precision::int8, precision::int4}),
                     computes)
{
    const auto ids = some_tokens(300, 5); // so many that threads have rows of their own
    wide_model two(2, computes), one(1, computes);
    for (const lens& through : {lens{}, lens{&two.adapter, 1}}) {
        const auto whole = two.logits(through, ids, 300);
        for (const std::size_t each : {64U, 19U, 1U})
            BOOST_TEST((two.logits(through, ids, each) == whole), each << " at a time");
        const lens same{through.adapter ? &one.adapter : nullptr, 1};
        BOOST_TEST((one.logits(same, ids, 300) == whole), "on one thread");
    }
}

BOOST_AUTO_TEST_CASE(sequences_of_one_step_have_the_bits_they_have_alone)
{
    wide_model model(2, precision::fp32);
    const std::array<lens, 3> lenses{{{}, {&model.adapter, 1}, {&model.adapter, 0.5}}};
    std::vector<std::vector<token_id>> ids;
    std::vector<std::vector<float>> alone, together;
    std::vector<std::unique_ptr<kv_cache>> caches;
    std::vector<segment> segments;
    for (std::size_t i = 0; i != lenses.size(); ++i) {
        ids.push_back(some_tokens(20 + i, i));
        alone.push_back(model.logits(lenses[i], ids[i], ids[i].size()));
        caches.push_back(std::make_unique<kv_cache>(model.pool));
        segments.push_back({lenses[i], caches[i].get(), ids[i], 0});
    }
    together = alone;
    for (std::vector<float>& each : together)
        std::ranges::fill(each, 0.0F);
    model.step(segments, [&](std::size_t s, std::size_t token, std::span<const float> logits) {
        std::ranges::copy(logits, &together[s][token * wide_model::vocab]);
    });
    BOOST_TEST((together == alone));
    BOOST_TEST((alone[1] != alone[2]));
}

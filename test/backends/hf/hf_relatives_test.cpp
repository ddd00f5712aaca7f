// Families that have no reference numbers of their own here: what they compute with the weights of
// one that has.

#include "support/hf_model.hpp"
#include "support/outcome_bits.hpp"
#include "support/scratch.hpp"
#include "support/tensor_file.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <vector>

using namespace warmd;
using namespace warmd::hf;

namespace {

/// A copy of a model that says it is of another family.
struct renamed_model {
    test::scratch_directory scratch;

    renamed_model(const std::string& of, const json::object& members)
    {
        const auto from = test_data / "fixtures" / of / "model";
        for (const char* const name :
             {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"})
            std::filesystem::copy(from / name, scratch.path / name);
        json::object config = read_json_file(from / "config.json").as_object();
        for (const auto& [name, value] : members)
            config[name] = value;
        test::write_file(scratch.path / "config.json", json::serialize(config));
    }

    /// Has rename(name) for each tensor's name, and shows each its values for a change.
    template <class Rename, class Change>
    void rewrite(const Rename& rename, const Change& change) const
    {
        const std::filesystem::path file = scratch.path / "model.safetensors";
        test::tensor_file tensors;
        for (auto& [name, tensor] : test::read_tensors(file)) {
            std::vector<float> values = tensor.values();
            change(name, std::span(values));
            tensor.set(values);
            tensors[rename(name)] = std::move(tensor);
        }
        test::write_tensors(file, tensors);
    }

    /// Log-probabilities of the tokens of a text after the first.
    std::vector<float> scores(const std::vector<token_id>& ids) const
    {
        const auto model = load_model(scratch.path);
        return ask<scored_texts>(*model, rolling_logprob{{}, {text_or_ids(ids)}})
            .results.at(0)
            .value()
            .logprobs;
    }
};

double largest_distance(const std::vector<float>& a, const std::vector<float>& b)
{
    double most = 0;
    for (std::size_t i = 0; i != a.size(); ++i)
        most = std::max(most, std::abs(static_cast<double>(a[i]) - static_cast<double>(b.at(i))));
    return most;
}

const std::vector<token_id> some_ids{5, 300, 17, 4, 99, 512, 33, 5, 5, 210, 7, 150, 88, 401};

std::string as_it_is(const std::string& name) { return name; }
std::string as_hunyuan_has_it(const std::string& name)
{
    std::string own = name;
    for (const auto& [theirs, ours] :
         {std::pair{"q_norm", "query_layernorm"}, {"k_norm", "key_layernorm"}})
        if (const auto at = own.find(theirs); at != std::string::npos)
            own.replace(at, std::strlen(theirs), ours);
    return own;
}
bool is_head_norm(const std::string& tensor)
{
    return tensor.find("q_norm") != std::string::npos || tensor.find("k_norm") != std::string::npos;
}
/// The two sides of a pair that is turned are weighted alike.
void weight_pairs(const std::string& tensor, std::span<float> values)
{
    if (is_head_norm(tensor))
        std::ranges::copy(values.first(values.size() / 2),
                          values.subspan(values.size() / 2).begin());
}
void leave(const std::string&, std::span<float>) {}

/// A model of test/data/families whose queries and keys are normed head by head.
struct normed_model {
    test::scratch_directory scratch;
    test::tensor_file tensors;

    normed_model(const std::string& of, const char* asked_by)
    {
        const auto from = test_data / "families" / of / "model";
        std::filesystem::copy(from / "tokenizer.json", scratch.path / "tokenizer.json");
        json::object config = read_json_file(from / "config.json").as_object();
        config[asked_by] = true;
        test::write_file(scratch.path / "config.json", json::serialize(config));
        tensors = test::read_tensors(from / "model.safetensors");
    }
    void put(std::size_t layer, const std::string& name, std::vector<std::uint64_t> shape,
             const std::vector<float>& values)
    {
        tensors["model.layers." + std::to_string(layer) + ".self_attn." + name] =
            test::tensor_of(std::move(shape), values);
    }
    void scale(const std::string& ending, float by)
    {
        for (auto& [name, tensor] : tensors)
            if (name.ends_with(ending)) {
                std::vector<float> values = tensor.values();
                for (float& each : values)
                    each *= by;
                tensor.set(values);
            }
    }
    std::vector<float> scores() const
    {
        test::write_tensors(scratch.path / "model.safetensors", tensors);
        const std::vector<token_id> ids{5, 300, 17, 4, 99, 212, 33, 5, 5, 210, 7, 150, 88, 301};
        const auto model = load_model(scratch.path);
        return ask<scored_texts>(*model, rolling_logprob{{}, {ids}}).results.at(0).value().logprobs;
    }
};

/// Cohere's: 4 heads of queries and 2 of keys, of 8 dimensions. By head.
void weight_heads(normed_model& model, const std::vector<float>& queries,
                  const std::vector<float>& keys)
{
    const auto each_eight_times = [](const std::vector<float>& factors) {
        std::vector<float> all;
        for (const float factor : factors)
            for (std::size_t i = 0; i != 8; ++i)
                all.push_back(factor * (1 + static_cast<float>(i % 4) / 8));
        return all;
    };
    for (std::size_t layer = 0; layer != 2; ++layer) {
        model.put(layer, "q_norm.weight", {4, 8}, each_eight_times(queries));
        model.put(layer, "k_norm.weight", {2, 8}, each_eight_times(keys));
    }
}

const json::object hunyuan{{"model_type", "hunyuan_v1_dense"},
                           {"architectures", {"HunYuanDenseV1ForCausalLM"}}};

} // namespace

BOOST_AUTO_TEST_CASE(seed_oss_has_the_bits_of_a_qwen2_with_its_weights)
{
    const renamed_model qwen("qwen2-mini", {}),
        seed("qwen2-mini", {{"model_type", "seed_oss"}, {"head_dim", 16}});
    BOOST_TEST((seed.scores(some_ids) == qwen.scores(some_ids)));
}

// A rotation keeps a vector's norm: where the weights treat both sides of a pair alike, it is all
// the same whether it comes before the norm or after.
BOOST_AUTO_TEST_CASE(hunyuan_norms_what_it_has_turned)
{
    const renamed_model qwen("qwen3-mini", {}), same("qwen3-mini", hunyuan);
    same.rewrite(as_hunyuan_has_it, leave);
    BOOST_TEST(largest_distance(qwen.scores(some_ids), same.scores(some_ids)) > 1e-3);
    qwen.rewrite(as_it_is, weight_pairs);
    const renamed_model paired("qwen3-mini", hunyuan);
    paired.rewrite(as_hunyuan_has_it, weight_pairs);
    BOOST_TEST(largest_distance(qwen.scores(some_ids), paired.scores(some_ids)) < 1e-4);
}

// theta alpha^(d / (d - 2)), with heads of 24
BOOST_AUTO_TEST_CASE(hunyuan_slows_its_rotations_by_alpha)
{
    const json::object slowed{
        {"rope_parameters", nullptr},
        {"rope_theta", 10000.0},
        {"rope_scaling", {{"type", "dynamic"}, {"factor", 1.0}, {"alpha", 1000.0}}}};
    json::object by_alpha = hunyuan, by_theta = hunyuan;
    for (const auto& [name, value] : slowed)
        by_alpha[name] = value;
    by_theta["rope_parameters"] = {{"rope_type", "default"},
                                   {"rope_theta", 10000.0 * std::pow(1000.0, 24.0 / 22.0)}};
    const renamed_model one("qwen3-mini", by_alpha), other("qwen3-mini", by_theta);
    one.rewrite(as_hunyuan_has_it, leave);
    other.rewrite(as_hunyuan_has_it, leave);
    BOOST_TEST((one.scores(some_ids) == other.scores(some_ids)));
}

// A norm forgets how long a vector is.
BOOST_AUTO_TEST_CASE(phi_may_norm_the_heads_of_queries_and_keys)
{
    normed_model model("phi", "qk_layernorm");
    const std::vector<float> ones(8, 1), zeros(8, 0);
    for (std::size_t layer = 0; layer != 2; ++layer)
        for (const std::string norm : {"q_layernorm", "k_layernorm"}) {
            model.put(layer, norm + ".weight", {8}, ones);
            model.put(layer, norm + ".bias", {8}, zeros);
        }
    const std::vector<float> before = model.scores();
    model.scale("q_proj.weight", 64);
    model.scale("q_proj.bias", 64);
    BOOST_TEST(largest_distance(before, model.scores()) < 1e-3);
    for (std::size_t layer = 0; layer != 2; ++layer)
        model.put(layer, "q_layernorm.weight", {8}, std::vector<float>(8, 4));
    BOOST_TEST(largest_distance(before, model.scores()) > 1e-2);
}

// What one head's queries are weighted with more can be taken from the keys that they meet, but not
// from others'.
BOOST_AUTO_TEST_CASE(cohere_may_norm_queries_and_keys_with_weights_for_each_head)
{
    normed_model model("cohere", "use_qk_norm");
    weight_heads(model, {1, 1, 1, 1}, {1, 1});
    const std::vector<float> before = model.scores();
    model.scale("q_proj.weight", 64);
    BOOST_TEST(largest_distance(before, model.scores()) < 1e-3);
    weight_heads(model, {8, 8, 2, 2}, {0.125F, 0.5F});
    BOOST_TEST(largest_distance(before, model.scores()) < 1e-3);
    weight_heads(model, {2, 2, 8, 8}, {0.125F, 0.5F});
    BOOST_TEST(largest_distance(before, model.scores()) > 1e-2);
}

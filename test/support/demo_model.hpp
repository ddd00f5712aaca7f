#pragma once
// The small model of test/data/demo, its views, and what it is asked.

#include "support/hf_model.hpp"

namespace warmd::hf {

inline const std::filesystem::path demo = test_data / "demo";

inline model_spec demo_spec(const std::string& dtype)
{
    model_spec spec = spec_of(demo / "model", demo / "adapter");
    spec.dtype = dtype;
    return spec;
}

inline std::unique_ptr<backend> demo_model(const std::string& dtype = "auto")
{
    return load_with(hf_loader(), demo_spec(dtype)).value();
}

inline view scaled(double scale) { return {.what = view::mode::scaled, .scale = scale}; }
inline view null_view(std::uint64_t seed) { return {.what = view::mode::null, .seed = seed}; }

inline std::vector<float> rolling(
    backend& model, const view& through,
    const std::string& text = "In the beginning was the database, and it came to pass.")
{
    return ask<scored_texts>(model, rolling_logprob{through, {text}})
        .results.at(0)
        .value()
        .logprobs;
}

/// Some ids of the demo model's vocabulary.
inline std::vector<token_id> some_ids(std::size_t count, token_id first)
{
    std::vector<token_id> ids;
    for (std::size_t i = 0; i != count; ++i)
        ids.push_back(static_cast<token_id>((static_cast<std::size_t>(first) + 131 * i) % 2048));
    return ids;
}

inline failure refusal(backend& model, operation what)
{
    std::vector<operation> one;
    one.push_back(std::move(what));
    return ask_all(model, std::move(one)).at(0).error();
}

} // namespace warmd::hf

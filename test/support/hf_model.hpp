#pragma once
// Loads and asks a model of test/data through the hf loader's public face.

#include "hf/hf_loader.hpp"

#include <warmd/backend.hpp>
#include <warmd/backend_registry.hpp>
#include <warmd/json.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <latch>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace warmd::hf {

inline const std::filesystem::path test_data = WARMD_TEST_DATA;

/// A model of each family with adapters; inputs on both sides of its windows and limits.
inline const std::string family_models[] = {"families/cohere",
                                            "families/cohere2",
                                            "families/ernie",
                                            "families/exaone4",
                                            "families/gemma2",
                                            "families/gemma3",
                                            "families/gemma3-wrapper",
                                            "families/glm",
                                            "families/glm4",
                                            "families/gpt2",
                                            "families/granite",
                                            "families/helium",
                                            "families/llama-dynamic",
                                            "families/llama-yarn",
                                            "families/ministral3",
                                            "families/mistral-window",
                                            "families/mixtral",
                                            "families/neox-parallel",
                                            "families/neox-sequential",
                                            "families/olmo2",
                                            "families/olmo3",
                                            "families/olmoe",
                                            "families/phi",
                                            "families/phi3",
                                            "families/phi3-longrope",
                                            "families/qwen2-window",
                                            "families/qwen3moe",
                                            "families/smollm3",
                                            "families/stablelm",
                                            "families/starcoder2"};

inline json::value read_json_file(const std::filesystem::path& file)
{
    std::ifstream in(file, std::ios::binary);
    return parse_json(std::string(std::istreambuf_iterator<char>(in), {})).value();
}

inline model_spec spec_of(const std::filesystem::path& base,
                          std::optional<std::filesystem::path> adapter = {})
{
    model_spec spec;
    spec.base = base;
    if (adapter)
        spec.adapter = adapter->native();
    return spec;
}

inline result<std::unique_ptr<backend>> load_with(const loader& by, const model_spec& spec,
                                                  std::vector<std::string>* warnings = nullptr)
{
    const auto resolved = by.resolve(spec, {});
    if (!resolved)
        return resolved.error();
    load_context context{.stop = {}, .progress = [](std::uint64_t, std::uint64_t) {}};
    auto loaded = by.load(*resolved, context);
    if (warnings)
        *warnings = std::move(context.warnings);
    return loaded;
}

inline std::unique_ptr<backend> load_model(const std::filesystem::path& base,
                                           std::optional<std::filesystem::path> adapter = {})
{
    return load_with(hf_loader(), spec_of(base, std::move(adapter))).value();
}

/// Submits calls together and waits until all are completed.
inline void run_together(backend& model, std::span<call> calls)
{
    std::latch all(static_cast<std::ptrdiff_t>(calls.size()));
    for (call& each : calls) {
        each.complete = [to = std::move(each.complete), &all](result<outcome> came,
                                                              std::size_t tokens_in) mutable {
            to(std::move(came), tokens_in);
            all.count_down();
        };
        model.submit(std::move(each));
    }
    all.wait();
}

/// Runs operations together; the outcomes in order.
inline std::vector<result<outcome>> ask_all(backend& model, std::vector<operation> what)
{
    std::vector<std::optional<result<outcome>>> came(what.size());
    std::vector<call> calls;
    for (std::size_t i = 0; i != what.size(); ++i)
        calls.push_back({.what = std::move(what[i]),
                         .stop = {},
                         .complete = [&came, i](result<outcome> answer) {
                             came[i].emplace(std::move(answer));
                         }});
    run_together(model, calls);
    std::vector<result<outcome>> all;
    for (auto& each : came)
        all.push_back(std::move(each.value()));
    return all;
}

/// One operation's outcome.
template <class Outcome>
Outcome ask(backend& model, operation what)
{
    std::vector<operation> one;
    one.push_back(std::move(what));
    return std::get<Outcome>(ask_all(model, std::move(one)).at(0).value());
}

} // namespace warmd::hf

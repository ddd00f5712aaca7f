// warmbench generate: tokens per second of generations, one and several together, beside what the
// memory allows.

#include "models.hpp"
#include "subcommands.hpp"

#include "hf/compute/quantized_unit.hpp"
#include "hf/hf_loader.hpp"

#include <cstdio>
#include <string>

namespace warmbench {

namespace {

/// Scales and minima included (quantized_unit.hpp).
double bytes_of_weight(const std::string& dtype)
{
    using namespace warmd::hf;
    if (dtype == "int8")
        return static_cast<double>(sizeof(int8_unit)) / quantized_inputs;
    if (dtype == "int4")
        return static_cast<double>(sizeof(int4_unit)) / quantized_inputs;
    return dtype == "bf16" ? 2 : 4;
}

} // namespace

int generate(int count, char** arguments)
{
    compute_as_the_daemon_does(arguments);
    const auto options = read_model_options(count, arguments);
    if (!options)
        return 0;
    const model_shape& shape = shape_named(options->shape);
    const model_files files(*options);
    const auto model = load(warmd::hf::hf_loader(), files.spec);
    std::size_t weights = shape.vocabulary *
                          shape.hidden; // read once for each step: the layers' and the vocabulary's
    for (const model_shape::linear& each : shape.linears())
        weights += each.in * each.out;
    const double bandwidth = memory_bandwidth();
    const double most =
        bandwidth / (static_cast<double>(weights) * bytes_of_weight(options->dtype));
    std::printf("%s, %s, base view; memory reads %.1f GB/s, which is %.1f steps/s\n",
                options->shape.c_str(), options->dtype.c_str(), bandwidth / 1e9, most);
    constexpr std::size_t length = 32;
    for (const std::size_t together : {1UL, 2UL, 4UL, 8UL}) {
        std::vector<warmd::operation> all;
        for (const warmd::text_or_ids& prompt : some_prompts(together, 8, shape.vocabulary))
            all.push_back(warmd::generate{.through = {.what = warmd::view::mode::base},
                                          .prompt = prompt,
                                          .max_new_tokens = length});
        const double seconds = least_seconds(options->repeat, [&] { run(*model, all); });
        const double steps = static_cast<double>(length) / seconds;
        std::printf("%zu together: %.1f tokens/s, %.2f of the memory's limit\n", together,
                    steps * static_cast<double>(together), steps / most);
    }
    return 0;
}

} // namespace warmbench

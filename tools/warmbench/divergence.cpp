// warmbench divergence: what base and fine-tuned together cost, beside the base alone.

#include "models.hpp"
#include "subcommands.hpp"

#include "hf/hf_loader.hpp"

#include <cstdio>

namespace warmbench {

int divergence(int count, char** arguments)
{
    compute_as_the_daemon_does(arguments);
    const auto options = read_model_options(count, arguments);
    if (!options)
        return 0;
    const model_shape& shape = shape_named(options->shape);
    const model_files files(*options);
    const auto model = load(warmd::hf::hf_loader(), files.spec);
    std::printf("%s, %s, adapter of rank %zu: best of %d\n", options->shape.c_str(),
                options->dtype.c_str(), options->rank, options->repeat);
    const std::pair<std::size_t, std::size_t> batches[]{{1, 8}, {16, 32}};
    for (const auto& [texts, length] : batches) {
        const auto prompts = some_prompts(texts, length, shape.vocabulary);
        const warmd::next_token base{{.what = warmd::view::mode::base}, prompts, 256};
        const warmd::diverge both{.prompts = prompts, .top_k = 256};
        const double once = least_seconds(options->repeat, [&] { run(*model, {base}); });
        const double twice = least_seconds(options->repeat, [&] { run(*model, {both}); });
        std::printf("%zux%zu: base %.2f ms, divergence %.2f ms, %.2f times\n", texts, length,
                    once * 1e3, twice * 1e3, twice / once);
    }
    return 0;
}

} // namespace warmbench

// warmbench load: how long a model takes from the page cache, beside reading its file.

#include "models.hpp"
#include "subcommands.hpp"

#include "backends/hf/hf_loader.hpp"

#include <cstdio>
#include <fstream>

namespace warmbench {

namespace {

double read_seconds(const std::filesystem::path& file, int repeat)
{
    std::vector<char> piece(1 << 20);
    return least_seconds(repeat, [&] {
        std::ifstream in(file, std::ios::binary);
        while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())))
            continue;
    });
}

} // namespace

int load(int count, char** arguments)
{
    compute_as_the_daemon_does(arguments);
    const auto options = read_model_options(count, arguments);
    if (!options)
        return 0;
    const model_files files(*options);
    const auto bytes = static_cast<double>(std::filesystem::file_size(files.weights()));
    const double reading = read_seconds(files.weights(), options->repeat);
    warmd::model_spec base = files.spec;
    base.adapter.reset();
    const double loading = least_seconds(options->repeat, [&] { load(warmd::hf::hf_loader(), base); });
    const warmd::loader shared = warmd::hf::hf_loader();
    const auto resident = load(shared, base);
    const double adapter = least_seconds(options->repeat, [&] { load(shared, files.spec); });
    std::printf("%s, %s, %.1f MB of weights in the page cache, best of %d\n", options->shape.c_str(), options->dtype.c_str(),
                bytes / 1e6, options->repeat);
    std::printf("reading the file    %8.1f ms %8.2f GB/s\n", reading * 1e3, bytes / reading / 1e9);
    std::printf("loading the base    %8.1f ms %8.2f GB/s\n", loading * 1e3, bytes / loading / 1e9);
    std::printf("an adapter on it    %8.1f ms\n", adapter * 1e3);
    return 0;
}

} // namespace warmbench

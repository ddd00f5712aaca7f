// warmbench load: how long a model takes from the page cache, beside reading its file.

#include "models.hpp"
#include "subcommands.hpp"

#include "hf/hf_loader.hpp"

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
    write_adapter(files.in.path / "second", shape_named(options->shape), options->rank, 3);
    warmd::model_spec second = files.spec;
    second.adapter = (files.in.path / "second").native();
    std::optional<warmd::loader> by;
    std::unique_ptr<warmd::backend> resident;
    const double first = least_seconds(options->repeat, [&] {
        resident.reset();
        by = warmd::hf::hf_loader(); // another one knows no base
        resident = load(*by, files.spec);
    });
    const double again = least_seconds(options->repeat, [&] { load(*by, second); });
    std::printf("%s, %s, %.1f MB of weights in the page cache, best of %d\n",
                options->shape.c_str(), options->dtype.c_str(), bytes / 1e6, options->repeat);
    std::printf("reading the file    %8.1f ms %8.2f GB/s\n", reading * 1e3, bytes / reading / 1e9);
    std::printf("base and adapter    %8.1f ms %8.2f GB/s\n", first * 1e3, bytes / first / 1e9);
    std::printf("a second adapter    %8.1f ms, %.3f of the first\n", again * 1e3, again / first);
    return 0;
}

} // namespace warmbench

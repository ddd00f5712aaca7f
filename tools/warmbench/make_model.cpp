// warmbench make-model: a model directory of a named shape with random weights, and an adapter for it.

#include "generated_model.hpp"
#include "subcommands.hpp"

#include <boost/program_options.hpp>

#include <iostream>

namespace warmbench {

namespace po = boost::program_options;

int make_model(int count, char** arguments)
{
    std::string shape, directory, storage;
    std::size_t rank = 0;
    po::options_description known("warmbench make-model: writes DIR/base and DIR/adapter");
    known.add_options()("help", "this")("shape", po::value(&shape)->default_value("smol135"), "smol135, qwen0.5b or tiny")(
        "to", po::value(&directory), "DIR")("storage", po::value(&storage)->default_value("bf16"),
                                            "of the weights: bf16 or fp32")(
        "rank", po::value(&rank)->default_value(8), "of the adapter, which acts on every linear layer");
    po::variables_map options;
    po::store(po::parse_command_line(count, arguments, known), options);
    po::notify(options);
    if (options.contains("help") || directory.empty() || (storage != "bf16" && storage != "fp32")) {
        std::cout << known;
        return options.contains("help") ? 0 : 2;
    }
    const std::filesystem::path to(directory);
    const auto stored = storage == "bf16" ? random_tensors::storage::bf16 : random_tensors::storage::fp32;
    write_base(to / "base", shape_named(shape), stored);
    write_adapter(to / "adapter", shape_named(shape), rank, 2);
    std::cout << (to / "base").native() << '\n' << (to / "adapter").native() << '\n';
    return 0;
}

} // namespace warmbench

// warmbench make-model: a model directory of a named shape with random weights, and an adapter for
// it.

#include "generated_model.hpp"
#include "options.hpp"
#include "subcommands.hpp"

#include <iostream>
#include <stdexcept>

namespace warmbench {

int make_model(int count, char** arguments)
{
    std::string shape = "smol135", directory, storage = "bf16";
    std::size_t rank = 8;
    option_reader known(arguments[0]);
    known.add("shape", shape, "smol135, qwen0.5b or tiny")
        .add("to", directory, "DIR, to write DIR/base and DIR/adapter")
        .add("storage", storage, "of the weights: bf16 or fp32")
        .add("rank", rank, "of the adapter, which acts on every linear layer");
    if (!known.read(count, arguments))
        return 0;
    if (directory.empty() || (storage != "bf16" && storage != "fp32"))
        throw std::runtime_error("needs --to DIR and, if any, --storage bf16 or fp32");
    const std::filesystem::path to(directory);
    const auto stored =
        storage == "bf16" ? random_tensors::storage::bf16 : random_tensors::storage::fp32;
    write_base(to / "base", shape_named(shape), stored);
    write_adapter(to / "adapter", shape_named(shape), rank, 2);
    std::cout << (to / "base").native() << '\n' << (to / "adapter").native() << '\n';
    return 0;
}

} // namespace warmbench

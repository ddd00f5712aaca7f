// config.json and, after a line of "----", generation_config.json. Promises: it ends, and what is
// accepted is consistent.

#include "fuzz/input.hpp"
#include "hf/model/model_config.hpp"

using namespace warmd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const fuzz::memory_directory memory;
    const auto [config, generation] = fuzz::split(fuzz::text_of(data, size), "\n----\n");
    memory.write("config.json", config);
    memory.write("generation_config.json", generation.empty() ? "{}" : generation);
    const auto read = hf::read_model_config(memory.path);
    if (!read)
        return 0;
    fuzz::check(read->layers != 0 && read->vocab_size != 0 && read->hidden_size != 0 &&
                    read->max_positions != 0,
                "sizes are above 0");
    fuzz::check(read->kv_heads != 0 && read->heads % read->kv_heads == 0, "kv_heads divides heads");
    fuzz::check(read->head_dim % 2 == 0, "head_dim is even");
    fuzz::check(read->plan.size() == read->layers, "a plan for each layer");
    for (const hf::layer_plan& layer : read->plan)
        fuzz::check(!layer.rotation || *layer.rotation < read->rotations.size(),
                    "layers refer to rotations that there are");
    for (const hf::rope_config& rope : read->rotations)
        if (const std::size_t dims = rope.rotated(read->head_dim); dims < 1 << 16)
            fuzz::check(dims <= read->head_dim &&
                            hf::rope_frequencies(rope, dims).size() == dims / 2,
                        "a frequency for each pair");
    return 0;
}

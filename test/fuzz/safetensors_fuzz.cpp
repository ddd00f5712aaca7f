// A safetensors file. Promises: opening it ends with a file or a failure, and every tensor of an
// opened file lies within it.

#include "fuzz/input.hpp"
#include "hf/files/safetensors.hpp"

using namespace warmd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const fuzz::memory_directory memory;
    const auto opened =
        hf::safetensors::open(memory.write("model.safetensors", fuzz::text_of(data, size)));
    if (!opened)
        return 0;
    for (const auto& [name, tensor] : opened->tensors()) {
        fuzz::check(tensor.offset <= size && tensor.bytes <= size - tensor.offset,
                    "a tensor lies within its file");
        if (tensor.dtype != "F32" && tensor.dtype != "BF16" && tensor.dtype != "F16")
            continue;
        std::vector<float> values(tensor.elements());
        fuzz::check(opened->read(name, 0, values).has_value(),
                    "a tensor of an opened file can be read");
    }
    return 0;
}

// adapter_config.json and, after a line of "----", adapter_model.safetensors, for a base of two
// layers. Promises: it ends, and every factor of what is accepted can be read in the shape its
// module needs, or is refused.

#include "fuzz/input.hpp"
#include "hf/model/adapter.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

using namespace warmd;

namespace {

std::vector<hf::base_module> small_base()
{
    std::vector<hf::base_module> all;
    for (const char* const layer : {"model.layers.0.", "model.layers.1."})
        for (const char* const name : {"self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"})
            all.push_back({std::string(layer) + name, 4, 6});
    return all;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const fuzz::memory_directory memory;
    static const std::vector<hf::base_module> base = small_base();
    const auto [config, weights] = fuzz::split(fuzz::text_of(data, size), "\n----\n");
    memory.write("adapter_config.json", config);
    memory.write("adapter_model.safetensors", weights);
    const auto opened = hf::adapter::open(memory.path, base);
    if (!opened)
        return 0;
    for (const hf::lora_factors& each : opened->factors()) {
        std::vector<float> a(each.rank * each.module.in), b(each.module.out * each.rank);
        for (const auto& [name, values] : {std::tie(each.a_name, a), std::tie(each.b_name, b)})
            fuzz::check(!opened->read(name, values) ||
                            std::all_of(values.begin(), values.end(),
                                        [](float v) { return std::isfinite(v); }),
                        "what is read is finite");
    }
    return 0;
}

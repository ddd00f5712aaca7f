// Text that people write: a configuration file, and the ModelSpecs in it. Promises: what is refused
// names a place, and a model's key depends on its identity alone.

#include "fuzz/input.hpp"

#include "model/config_file.hpp"

using namespace warmd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto read = parse_config(fuzz::text_of(data, size), "/etc/warmd.conf");
    if (!read) {
        fuzz::check(read.error().detail.starts_with("/etc/warmd.conf"), "a refusal names the file");
        return 0;
    }
    for (const auto& [name, spec] : read->models) {
        model_spec same = spec;
        same.trust_remote_code = !same.trust_remote_code;
        fuzz::check(key_of(spec) == key_of(same), "trust_remote_code does not change the key");
    }
    return 0;
}

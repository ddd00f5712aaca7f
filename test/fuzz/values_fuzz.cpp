// Text that people write: a configuration file, and the ModelSpecs in it; a model's name. Promises:
// what is refused names a place, a model's key depends on its identity alone, and a name is its
// model and its view, or its model.

#include "fuzz/input.hpp"

#include "model/model_name.hpp"

#include <cmath>

using namespace warmd;

namespace {

void check_name(std::string_view text)
{
    const model_name name = parse_model_name(text);
    fuzz::check(text.starts_with(name.model), "a name begins with its model");
    fuzz::check(name.through.has_value() == (name.model != text), "and goes on with a view");
    fuzz::check(!name.through || std::isfinite(name.through->scale), "which has a finite scale");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    check_name(fuzz::text_of(data, size));
    const auto read = parse_config(fuzz::text_of(data, size), "/etc/warmd.conf");
    if (!read) {
        fuzz::check(read.error().detail.starts_with("/etc/warmd.conf"), "a refusal names the file");
        return 0;
    }
    for (const auto& [name, spec] : read->models) {
        fuzz::check(find_model(name, read->models).value().spec == spec, "a name is that model's");
        model_spec same = spec;
        same.trust_remote_code = !same.trust_remote_code;
        fuzz::check(key_of(spec) == key_of(same), "trust_remote_code does not change the key");
    }
    return 0;
}

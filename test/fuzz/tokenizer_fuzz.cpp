// tokenizer.json, and after a line of "----" a text for it. Promises: reading, encoding and
// decoding end; ids are known tokens.

#include "fuzz/input.hpp"
#include "hf/text/tokenizer.hpp"

#include <stdexcept>

using namespace warmd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const fuzz::memory_directory memory;
    const auto [json, text] = fuzz::split(fuzz::text_of(data, size), "\n----\n");
    const auto words = hf::tokenizer::load(memory.write("tokenizer.json", json));
    if (!words)
        return 0;
    try {
        const auto ids = words->encode(text.empty() ? "Hello, w\xC3\xB6rld! 123" : text, true);
        for (const token_id id : ids)
            fuzz::check(id >= 0 && id <= words->max_id(), "ids are known tokens");
        (void)words->decode(ids, true);
    } catch (const std::runtime_error&) { // a pattern took too long: documented
    } catch (const std::length_error&) {
    }
    return 0;
}

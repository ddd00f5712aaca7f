// Text for the tokenizers of the fixtures; the first byte chooses one. Promises: encoding ends,
// gives known tokens, and text that is UTF-8 comes back from a byte-level tokenizer as it was.

#include "fuzz/input.hpp"
#include "hf/text/tokenizer.hpp"

#include <array>

using namespace warmd;

namespace {

struct known {
    hf::tokenizer words;
    bool returns_text; ///< byte-level, without a normalizer
};

const known& chosen(std::uint8_t by)
{
    const auto load = [](const std::string& name, bool returns_text) {
        return known{
            hf::tokenizer::load(WARMD_TEST_DATA "/fixtures/" + name + "/tokenizer.json").value(),
            returns_text};
    };
    static const std::array<known, 6> all{
        load("llama-smol/model", true),    load("llama3-mini/model", true),
        load("qwen2-mini/model", false),   load("qwen3-mini/model", false),
        load("mistral-mini/model", false), load("llama2-mini/model", false)};
    return all[by % all.size()];
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0)
        return 0;
    const known& with = chosen(*data);
    const std::string_view text = fuzz::text_of(data + 1, size - 1);
    const auto ids = with.words.encode(text, false);
    for (const token_id id : ids)
        fuzz::check(id >= 0 && id <= with.words.max_id(), "ids are known tokens");
    const std::string back = with.words.decode(ids, false);
    const bool utf8 = back.find("\xEF\xBF\xBD") == std::string::npos;
    fuzz::check(!with.returns_text || !utf8 || back == text, "text comes back as it was");
    return 0;
}

// A text that grows token by token is, at each of them, what decoding all of them gives.

#include "hf/text/running_text.hpp"

#include "support/scratch.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <random>

using namespace warmd;
using namespace warmd::hf;
namespace data = boost::unit_test::data;

namespace {

/// Adds random ids, now and then from a few only, so that runs of bytes come about.
void expect_the_whole_text(const tokenizer& words, std::size_t count, std::uint64_t seed)
{
    std::mt19937_64 random(seed);
    const auto vocabulary = static_cast<std::uint64_t>(words.max_id()) + 2; // one id has no token
    running_text text(words);
    std::vector<token_id> ids;
    std::string sure;
    std::uint64_t first = 0, width = vocabulary;
    for (std::size_t i = 0; i != count; ++i) {
        if (random() % 8 == 0) {
            width = random() % 2 == 0 ? vocabulary : 1 + random() % 24;
            first = random() % vocabulary;
        }
        ids.push_back(static_cast<token_id>((first + random() % width) % vocabulary));
        text.add(ids.back());
        BOOST_TEST_REQUIRE(text.text() == words.decode(ids, true));
        BOOST_TEST_REQUIRE(text.settled() >= sure.size());
        BOOST_TEST_REQUIRE(text.text().starts_with(sure)); // what was settled has stayed
        sure = text.text().substr(0, text.settled());
    }
}

tokenizer with_decoder(const std::string& decoder)
{
    const test::scratch_directory dir;
    test::write_file(
        dir.path / "tokenizer.json",
        "{" + decoder +
            R"("model":{"type":"BPE","vocab":{"_":0,"__":1,"_a":2,"b_":3,"<0xE2>":4,"<0x82>":5,)"
            R"("<0xAC>":6,"<0x41>":7,"x":8,"xx":9,"\u00e2":10,"\u0124":11,"\u00ac":12,"c":13},)"
            R"("merges":[]}})");
    return tokenizer::load(dir.path / "tokenizer.json").value();
}

const std::vector<std::string> decoders{
    R"()",
    R"("decoder":null,)",
    R"("decoder":{"type":"ByteLevel"},)",
    R"("decoder":{"type":"Metaspace","replacement":"_"},)",
    R"("decoder":{"type":"Metaspace","replacement":"_","prepend_scheme":"never"},)",
    R"("decoder":{"type":"ByteFallback"},)",
    R"("decoder":{"type":"Strip","content":"x","start":1,"stop":1},)",
    R"("decoder":{"type":"Replace","pattern":{"Regex":"[ab_]"},"content":"."},)",
    // Llama 2's, and variants of it that strip more than one place, or the end
    R"("decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"_"},)"
    R"("content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ",)"
    R"("start":1,"stop":0}]},)",
    R"("decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"_"},)"
    R"("content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ",)"
    R"("start":3,"stop":0}]},)",
    R"("decoder":{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"Strip","content":"x",)"
    R"("start":1,"stop":2}]},)",
    R"("decoder":{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"Replace","pattern":)"
    R"({"String":"xx"},"content":"y"}]},)",
    R"("decoder":{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Metaspace",)"
    R"("replacement":"_"},{"type":"Fuse"}]},)",
    R"("decoder":{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"ByteLevel"},)"
    R"({"type":"Strip","content":"x","start":2,"stop":0}]},)",
};

} // namespace

BOOST_DATA_TEST_CASE(a_running_text_is_the_whole_decode_for_every_tokenizer_of_the_field,
                     data::make({"fixtures/llama-smol", "fixtures/llama2-mini",
                                 "fixtures/llama3-mini", "fixtures/mistral-mini",
                                 "fixtures/qwen2-mini", "fixtures/qwen3-mini", "demo"}),
                     model)
{
    const auto words =
        tokenizer::load(std::filesystem::path(WARMD_TEST_DATA) / model / "model" / "tokenizer.json")
            .value();
    for (std::uint64_t seed = 0; seed != 6; ++seed)
        expect_the_whole_text(words, 250, seed);
}

BOOST_DATA_TEST_CASE(a_running_text_is_the_whole_decode_for_every_kind_of_decoder,
                     data::make(decoders), decoder)
{
    const tokenizer words = with_decoder(decoder);
    for (std::uint64_t seed = 0; seed != 40; ++seed)
        expect_the_whole_text(words, 60, seed);
}

BOOST_AUTO_TEST_CASE(what_a_later_token_may_change_is_not_settled)
{
    const tokenizer words = with_decoder(
        R"("decoder":{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Fuse"}]},)");
    running_text text(words);
    text.add(8); // x
    BOOST_TEST(text.settled() == 1u);
    text.add(4); // two of the three bytes of a character
    text.add(5);
    BOOST_TEST(text.text() == "x\uFFFD\uFFFD");
    BOOST_TEST(text.settled() == 1u);
    text.add(6);
    BOOST_TEST(text.text() == "x\u20AC");
    BOOST_TEST(text.settled() == 1u); // another byte would make it three that spell nothing
    text.add(13);
    BOOST_TEST(text.text() == "x\u20ACc");
    BOOST_TEST(text.settled() == text.text().size());
}

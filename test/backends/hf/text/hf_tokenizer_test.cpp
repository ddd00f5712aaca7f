// Texts to ids and back: the reference's answers, and each rule on its own.

#include "hf/text/tokenizer.hpp"

#include <warmd/json.hpp>

#include "support/small_tokenizer.hpp"

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace warmd;
using hf::tokenizer;
using namespace hf::test_of_tokenizers;
namespace data = boost::unit_test::data;

namespace {

const std::vector<std::string> models{"fixtures/llama-smol",
                                      "fixtures/llama3-mini",
                                      "fixtures/llama2-mini",
                                      "fixtures/qwen2-mini",
                                      "fixtures/qwen3-mini",
                                      "fixtures/mistral-mini",
                                      "demo"};

// One for each component that those do not have.
const std::vector<std::string> components{"tokenizers/bpe-delim",
                                          "tokenizers/bpe-eow",
                                          "tokenizers/punct-contiguous",
                                          "tokenizers/punct-isolated",
                                          "tokenizers/roberta",
                                          "tokenizers/split-contiguous-inv",
                                          "tokenizers/split-merged_with_next",
                                          "tokenizers/split-removed",
                                          "tokenizers/unigram-bytes",
                                          "tokenizers/unigram-t5",
                                          "tokenizers/unigram-xlmr",
                                          "tokenizers/wordlevel-chars",
                                          "tokenizers/wordlevel-script",
                                          "tokenizers/wordlevel-ws",
                                          "tokenizers/wordpiece",
                                          "tokenizers/wordpiece-low"};

json::value reference(const std::string& model)
{
    return parse_json(read(std::filesystem::path(WARMD_TEST_DATA) / model / "reference.json"))
        .value();
}

tokenizer shipped(const std::string& model)
{
    return tokenizer::load(std::filesystem::path(WARMD_TEST_DATA) / model / "model" /
                           "tokenizer.json")
        .value();
}

ids to_ids(const json::value& array) { return json::value_to<ids>(array); }

} // namespace

// -- the reference's own answers --------------------------------------------

BOOST_DATA_TEST_CASE(every_reference_text_has_the_reference_ids,
                     data::make(models) + data::make(components), model)
{
    const tokenizer t = shipped(model);
    const json::value expected = reference(model);
    for (const json::value& c : expected.at("tokenization").as_array()) {
        const std::string text(c.at("text").as_string());
        BOOST_TEST_CONTEXT("text " << json::serialize(c.at("text")))
        BOOST_TEST(shown(t.encode(text, c.at("add_special_tokens").as_bool())) ==
                   shown(to_ids(c.at("ids"))));
    }
    for (const char* member : {"prompts", "rolling_texts"})
        for (const json::value& c : expected.at(member).as_array())
            BOOST_TEST(shown(t.encode(c.at("text").as_string(), true)) ==
                       shown(to_ids(c.at("ids"))));
    for (const json::value& c : expected.at("completion_pairs").as_array()) {
        const std::string prompt(c.at("prompt").as_string());
        BOOST_TEST(shown(t.encode(prompt, true)) == shown(to_ids(c.at("prompt_ids"))));
        const std::string full = prompt + std::string(c.at("completion").as_string());
        BOOST_TEST(shown(t.encode(full, true)) == shown(to_ids(c.at("full_ids"))));
    }
}

BOOST_DATA_TEST_CASE(every_reference_id_list_has_the_reference_text,
                     data::make(models) + data::make(components), model)
{
    const tokenizer t = shipped(model);
    const json::value expected = reference(model);
    for (const json::value& c : expected.at("tokenization").as_array())
        BOOST_TEST_CONTEXT("text " << json::serialize(c.at("text")))
        {
            BOOST_TEST(t.decode(to_ids(c.at("ids")), false) == c.at("decoded").as_string());
            BOOST_TEST(t.decode(to_ids(c.at("ids")), true) ==
                       c.at("decoded_skip_special").as_string());
        }
    for (const json::value& c : expected.at("decoding").as_array())
        BOOST_TEST_CONTEXT("ids " << json::serialize(c.at("ids")))
        {
            BOOST_TEST(t.decode(to_ids(c.at("ids")), false) == c.at("text").as_string());
            BOOST_TEST(t.decode(to_ids(c.at("ids")), true) ==
                       c.at("text_skip_special").as_string());
        }
}

// -- small tokenizers -------------------------------------------------------

BOOST_AUTO_TEST_CASE(both_spellings_of_merges_are_read)
{
    const tokenizer pairs = loaded(document(""));
    const tokenizer lines = loaded(
        document("", R"({"vocab":{"a":0,"b":1,"c":2,"ab":6,"abc":7},"merges":["a b","ab c"]})"));
    for (const char* text : {"abc", "abab", "cab", "aabbcc"})
        BOOST_TEST(shown(pairs.encode(text, false)) == shown(lines.encode(text, false)));
    BOOST_TEST(shown(pairs.encode("abcab", false)) == "7 6 ");
}

BOOST_AUTO_TEST_CASE(merges_go_by_rank_then_from_the_left)
{
    const tokenizer t =
        loaded(document("", R"({"vocab":{"a":0,"b":1,"aa":2,"ab":3},"merges":["a b","a a"]})"));
    BOOST_TEST(shown(t.encode("aaab", false)) == "2 3 "); // ab first, then the aa before it
    BOOST_TEST(shown(t.encode("aaa", false)) == "2 0 ");
}

BOOST_AUTO_TEST_CASE(a_whole_word_in_the_vocabulary_can_go_before_the_merges)
{
    const auto model = [](const char* ignore) {
        return R"({"vocab":{"a":0,"b":1,"ab":2,"ba":3},"merges":["a b"],"ignore_merges":)" +
               std::string(ignore) + "}";
    };
    BOOST_TEST(shown(loaded(document("", model("true"))).encode("ba", false)) == "3 ");
    BOOST_TEST(shown(loaded(document("", model("false"))).encode("ba", false)) == "1 0 ");
}

BOOST_AUTO_TEST_CASE(unknown_characters_become_bytes_or_the_unknown_token_or_nothing)
{
    const auto ids_of = [](const char* members, const char* text) {
        const std::string model = R"({"vocab":{"a":0,"?":1,"<0xC3>":2,"<0xA9>":3},"merges":[])" +
                                  std::string(members) + "}";
        return shown(loaded(document("", model)).encode(text, false));
    };
    BOOST_TEST(ids_of("", "xay") == "0 ");
    BOOST_TEST(ids_of(R"(,"unk_token":"?")", "xyaz") == "1 1 0 1 ");
    BOOST_TEST(ids_of(R"(,"unk_token":"?","fuse_unk":true)", "xyaz") == "1 0 1 ");
    BOOST_TEST(ids_of(R"(,"unk_token":"?","byte_fallback":true)", "a\u00E9\u00E8") ==
               "0 2 3 1 "); // no token for A8
}

BOOST_AUTO_TEST_CASE(the_longest_added_token_is_taken_from_the_left)
{
    const tokenizer t = loaded(
        added(R"({"id":20,"content":"<a>"},{"id":21,"content":"<a>b"},{"id":22,"content":"bc"})"));
    BOOST_TEST(shown(t.encode("<a>bc", false)) == "21 2 ");
    BOOST_TEST(shown(t.encode("c<a>c", false)) == "2 20 2 ");
    BOOST_TEST(shown(t.encode("<a<a>", false)) == "0 20 ");
    BOOST_TEST(t.max_id() == 22);
    BOOST_TEST(t.token_text(21) == "<a>b");
}

BOOST_AUTO_TEST_CASE(stripping_tokens_swallow_the_space_around_them)
{
    const tokenizer t = loaded(added(
        R"({"id":20,"content":"<l>","lstrip":true},{"id":21,"content":"<r>","rstrip":true})"));
    BOOST_TEST(shown(t.encode("a \u3000<l> b", false)) == "0 20 5 1 ");
    BOOST_TEST(shown(t.encode("a <r>\n b", false)) == "0 5 21 1 ");
    BOOST_TEST(shown(t.encode("<r> <l>", false)) == "21 20 "); // the space is swallowed once
    BOOST_TEST(shown(t.encode(" <l>", false)) == "20 ");
}

BOOST_AUTO_TEST_CASE(single_word_tokens_are_not_taken_within_words)
{
    const tokenizer t =
        loaded(added(R"({"id":20,"content":"cd","single_word":true,"normalized":false})"));
    BOOST_TEST(shown(t.encode("cd c cd", false)) == "20 5 2 5 20 ");
    BOOST_TEST(shown(t.encode("cde ecd", false)) == "2 3 4 5 4 2 3 ");
    BOOST_TEST(shown(t.encode("cd\u0301", false)) ==
               "2 3 "); // a combining mark goes on with the word
}

BOOST_AUTO_TEST_CASE(normalized_tokens_are_looked_for_in_normalized_text)
{
    const char* rules =
        R"("normalizer":{"type":"Replace","pattern":{"String":" "},"content":"_"},"added_tokens":[
        {"id":20,"content":"a a","normalized":true},{"id":21,"content":"b b","normalized":false}])";
    const tokenizer t = loaded(document(rules));
    BOOST_TEST(shown(t.encode("a a", false)) == "20 ");
    BOOST_TEST(shown(t.encode("a_a", false)) == "20 ");
    BOOST_TEST(shown(t.encode("b b", false)) == "21 ");
    BOOST_TEST(shown(t.encode("b_b", false)) == "1 8 1 ");
}

BOOST_AUTO_TEST_CASE(only_special_tokens_are_skipped)
{
    const tokenizer t = loaded(
        added(R"({"id":20,"content":"<s>","special":true},{"id":21,"content":"<t>"},{"id":0,)"
              R"("content":"a"})"));
    BOOST_TEST(t.is_special(20));
    BOOST_TEST(!t.is_special(21));
    BOOST_TEST(!t.is_special(99));
    BOOST_TEST(t.decode(ids{20, 0, 99, -1, 21}, true) ==
               "a <t>"); // without a decoder, tokens are joined by spaces
    BOOST_TEST(t.decode(ids{20, 0}, false) == "<s> a");
    BOOST_TEST(t.token_text(99) == "");
}

BOOST_AUTO_TEST_CASE(the_model_s_id_of_an_added_token_counts)
{
    const tokenizer t = loaded(added(R"({"id":20,"content":"ab"})"));
    BOOST_TEST(shown(t.encode("ab", false)) == "6 ");
    BOOST_TEST(t.max_id() == 8);
}

BOOST_AUTO_TEST_CASE(ids_beyond_a_limit_are_told)
{
    const tokenizer t = loaded(added(R"({"id":2147483647,"content":"<x>"})"));
    BOOST_REQUIRE(t.entry_from(9).has_value());
    BOOST_TEST(t.entry_from(9)->first == 2147483647);
    BOOST_TEST(t.entry_from(9)->second == "<x>");
    BOOST_TEST(!loaded(document("")).entry_from(9).has_value());
    const tokenizer templated = loaded(document(R"("post_processor":{"type":"TemplateProcessing",
        "single":[{"Sequence":{"id":"A"}},{"SpecialToken":{"id":"E"}}],"special_tokens":{"E":
        {"id":"E","ids":[40]}}})"));
    BOOST_TEST(templated.entry_from(9).value().first == 40);
    const tokenizer empty = loaded(document("", R"({"vocab":{},"merges":[]})"));
    BOOST_TEST(empty.max_id() == -1);
    BOOST_TEST(!empty.entry_from(0).has_value());
    BOOST_TEST(empty.encode("a", true).empty());
}

BOOST_AUTO_TEST_CASE(a_template_goes_around_the_text_on_request)
{
    const char* rules =
        R"("post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"B",
        "type_id":0}},
        {"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"E","type_id":0}}],"pair":[],
        "special_tokens":{"B":{"id":"B","ids":[3],"tokens":["d"]},"E":{"id":"E","ids":[4,3],
        "tokens":["e","d"]}}})";
    const tokenizer t = loaded(document(rules));
    BOOST_TEST(shown(t.encode("ab", true)) == "3 6 4 3 ");
    BOOST_TEST(shown(t.encode("ab", false)) == "6 ");
    BOOST_TEST(shown(t.encode("", true)) == "3 4 3 ");
}

BOOST_AUTO_TEST_CASE(the_bos_is_what_tokenizer_config_json_names)
{
    const auto bos_by = [](const std::string& config) {
        const test::scratch_directory dir;
        test::write_file(dir.path / "tokenizer.json",
                         added(R"({"id":9,"content":"<s>","special":true})"));
        test::write_file(dir.path / "tokenizer_config.json", config);
        const tokenizer words = tokenizer::load(dir.path / "tokenizer.json").value();
        BOOST_TEST(words.encode("a", true).size() == 1u); // whatever else that file says
        return words.bos();
    };
    BOOST_TEST((bos_by(R"({"bos_token":"<s>","add_bos_token":true})") == 9));
    BOOST_TEST((bos_by(R"({"bos_token":{"content":"<s>"},"add_eos_token":true})") == 9));
    BOOST_TEST((bos_by(R"({"bos_token":null})") == std::nullopt));
    BOOST_TEST((bos_by(R"({"bos_token":"[BOS]"})") == std::nullopt));
}

BOOST_AUTO_TEST_CASE(compatibility_characters_are_composed_by_nfkc_only)
{
    constexpr const char* model = R"({"vocab":{"f":0,"i":1,"\u00e9":2,"\ufb01":3},"merges":[]})";
    const auto t = [&](const char* form) {
        return loaded(document(R"("normalizer":{"type":")" + std::string(form) + "\"}", model));
    };
    BOOST_TEST(shown(t("NFC").encode("e\u0301\uFB01", false)) == "2 3 ");
    BOOST_TEST(shown(t("NFKC").encode("e\u0301\uFB01", false)) == "2 0 1 ");
}

BOOST_AUTO_TEST_CASE(decoders_follow_one_another)
{
    constexpr const char* model =
        R"({"vocab":{"_a":0,"b_":1,"<0xE2>":2,"<0x82>":3,"<0xAC>":4,"xx":5},"merges":[]})";
    const auto text = [&](const char* rules, const ids& list) {
        return loaded(document("\"decoder\":" + std::string(rules), model)).decode(list, false);
    };
    BOOST_TEST(text(R"({"type":"Metaspace","replacement":"_"})", {0, 1, 0}) == "ab  a");
    BOOST_TEST(text(R"({"type":"Metaspace","replacement":"_","prepend_scheme":"never"})", {0, 1}) ==
               " ab ");
    BOOST_TEST(text(R"({"type":"ByteFallback"})", {0, 2, 3, 4, 1, 2, 3}) ==
               "_a\u20ACb_\uFFFD\uFFFD");
    BOOST_TEST(text(R"({"type":"Strip","content":"x","start":1,"stop":0})", {5, 5}) == "xx");
    constexpr const char* both =
        R"({"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"Strip","content":"x",)"
        R"("start":1,"stop":2}]})";
    BOOST_TEST(text(both, {5, 5}) == "x");
    BOOST_TEST(text(R"({"type":"Replace","pattern":{"Regex":"[ab]"},"content":"."})", {0, 1}) ==
               "_.._");
}

BOOST_AUTO_TEST_CASE(bytes_that_are_not_utf8_count_as_replacement_characters)
{
    const tokenizer t = shipped("fixtures/llama-smol");
    BOOST_TEST(shown(t.encode("a\xFF\xE2\x82z\xED\xA0\x80", false)) ==
               shown(t.encode("a\uFFFD\uFFFDz\uFFFD\uFFFD\uFFFD", false)));
    for (const std::string& model : models)
        for (const char* bytes :
             {"\x80", "\xC3", "\xF0\x9F\x99", "\xF8\x88\x80\x80\x80", "\xC0\xAF"})
            BOOST_TEST(!shipped(model).encode(bytes, false).empty());
}

BOOST_DATA_TEST_CASE(a_megabyte_without_a_space_ends, data::make(models), model)
{
    const tokenizer t = shipped(model);
    const std::string word(1 << 20, 'a');
    BOOST_TEST((t.decode(t.encode(word, false), false).find(word) != std::string::npos));
}

BOOST_AUTO_TEST_CASE(rules_that_multiply_a_text_are_stopped)
{
    const std::string rule = R"({"type":"Replace","pattern":{"String":"a"},"content":")" +
                             std::string(100'000, 'a') + "\"}";
    const std::string normalizer =
        R"({"type":"Sequence","normalizers":[)" + rule + "," + rule + "]}";
    const tokenizer t = loaded(document("\"normalizer\":" + normalizer));
    BOOST_CHECK_THROW(t.encode("a", false), std::length_error);
    BOOST_TEST(shown(t.encode("b", false)) == "1 ");
    const std::string token = R"(,"added_tokens":[{"id":20,"content":"a"}])";
    const result<tokenizer> with_token =
        load_text(document("\"normalizer\":" + normalizer + token));
    BOOST_REQUIRE(!with_token); // the token itself is normalized
    BOOST_TEST((with_token.error().code == errc::load_failed));
}

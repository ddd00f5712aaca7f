// Files of tokenizers that are not as they should be.

#include "support/small_tokenizer.hpp"

#include <warmd/json.hpp>

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <iostream>
#include <random>
#include <stdexcept>

using namespace warmd;
using hf::tokenizer;
using namespace hf::test_of_tokenizers;
namespace data = boost::unit_test::data;

namespace {

struct bad_file {
    std::string text;
    errc code;
    std::string mentions;
    friend std::ostream& operator<<(std::ostream& out, const bad_file& f)
    {
        return out << f.text.substr(0, 200);
    }
};

std::string with_model(std::string_view members)
{
    return document("", R"({"type":"BPE",)" + std::string(members) + "}");
}

const std::vector<bad_file> bad_files{
    {"[]", errc::load_failed, "must be an object"},
    {"{}", errc::load_failed, "model"},
    {"{\"model\":3}", errc::load_failed, "model must be an object, found 3"},
    {document("", R"({"type":"Rnn","vocab":{}})"), errc::unsupported, "the tokenizer model Rnn"},
    {document("", R"({"type":"Unigram","vocab":{}})"), errc::load_failed, "model.vocab"},
    {document("", R"({"type":"Unigram","vocab":[["a",0.5],["b"]]})"), errc::load_failed,
     "model.vocab[1]"},
    {document("", R"({"type":"Unigram","vocab":[["a",0.5]],"unk_id":1})"), errc::load_failed,
     "model.unk_id"},
    {document("", R"({"type":"WordLevel","vocab":{"a":0}})"), errc::load_failed, "model.unk_token"},
    {document("", R"({"type":"WordLevel","vocab":{"a":0},"unk_token":"b"})"), errc::load_failed,
     "model.unk_token is \"b\""},
    {document("", R"({"type":"WordPiece","vocab":{"a":0},"unk_token":"a"})"), errc::load_failed,
     "max_input_chars_per_word"},
    {with_model(R"("vocab":[],"merges":[])"), errc::load_failed, "model.vocab"},
    {with_model(R"("vocab":{"a":-1},"merges":[])"), errc::load_failed,
     "model.vocab: the id of token \"a\""},
    {with_model(R"("vocab":{"a":1.0},"merges":[])"), errc::load_failed, "\"a\""},
    {with_model(R"("vocab":{"a":2147483648},"merges":[])"), errc::load_failed, "found 2147483648"},
    {with_model(R"("vocab":{"a":18446744073709551615},"merges":[])"), errc::load_failed, "\"a\""},
    {with_model(R"("vocab":{"a":0},"merges":{})"), errc::load_failed, "model.merges"},
    {with_model(R"("vocab":{"a":0},"merges":["a"])"), errc::load_failed, "merge 0 (\"a\")"},
    {with_model(R"("vocab":{"a":0},"merges":[["a","a","a"]])"), errc::load_failed, "merge 0"},
    {with_model(R"("vocab":{"a":0},"merges":[["a","b"]])"), errc::load_failed,
     "names the token \"b\""},
    {with_model(R"("vocab":{"a":0,"b":1},"merges":["a b"])"), errc::load_failed,
     "names the token \"ab\""},
    {with_model(R"("vocab":{},"merges":[],"unk_token":"<unk>")"), errc::load_failed,
     "model.unk_token"},
    {with_model(R"("vocab":{},"merges":[],"unk_token":7)"), errc::load_failed,
     "model.unk_token must be a string"},
    {with_model(R"("vocab":{},"merges":[],"dropout":0.1)"), errc::unsupported, "model.dropout"},
    {with_model(R"("vocab":{"a":0},"merges":["a a"],"continuing_subword_prefix":"##")"),
     errc::load_failed, "shorter than the prefix"},
    {with_model(R"("vocab":{},"merges":[],"end_of_word_suffix":1)"), errc::load_failed,
     "model.end_of_word_suffix"},
    {with_model(R"("vocab":{},"merges":[],"byte_fallback":"yes")"), errc::load_failed,
     "model.byte_fallback"},
    {document("\"added_tokens\":{}"), errc::load_failed, "added_tokens"},
    {document("\"added_tokens\":[3]"), errc::load_failed, "added_tokens[0]"},
    {added(R"({"id":9})"), errc::load_failed, "added_tokens[0].content"},
    {added(R"({"content":"x"})"), errc::load_failed, "added_tokens[0].id"},
    {added(R"({"id":9,"content":"x","lstrip":1})"), errc::load_failed, "added_tokens[0].lstrip"},
    {added(R"({"id":9,"content":")" + std::string(2000, 'x') + "\"}"), errc::unsupported,
     "2000 bytes"},
    {document(R"("normalizer":"NFC")"), errc::load_failed, "normalizer must be an object"},
    {document(R"("normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"NFX"}]})"),
     errc::unsupported, "normalizer.normalizers[1]: the normalizer NFX"},
    {document(R"("normalizer":{"type":"Precompiled","precompiled_charsmap":"AA=A"})"),
     errc::load_failed, "normalizer.precompiled_charsmap"},
    {document(R"("normalizer":{"type":"Precompiled","precompiled_charsmap":"/////w=="})"),
     errc::load_failed, "normalizer.precompiled_charsmap"},
    {document(R"("normalizer":{"type":"Replace","pattern":{"String":""},"content":"x"})"),
     errc::load_failed, "normalizer.pattern"},
    {document(R"("normalizer":{"type":"Replace","pattern":{"Regex":"(a"},"content":"x"})"),
     errc::unsupported, "(a"},
    {document(R"~("normalizer":{"type":"Replace","pattern":{"Regex":"(a)"},"content":"$1"})~"),
     errc::unsupported, "content"},
    {document(R"("pre_tokenizer":{"type":"Sentences"})"), errc::unsupported, "Sentences"},
    {document(R"("pre_tokenizer":{"type":"CharDelimiterSplit","delimiter":"ab"})"),
     errc::load_failed, "pre_tokenizer.delimiter"},
    {document(R"("pre_tokenizer":{"type":"FixedLength","length":0})"), errc::load_failed,
     "pre_tokenizer.length"},
    {document(R"("pre_tokenizer":{"type":"Split","pattern":{"String":"a"},"behavior":"Odd"})"),
     errc::unsupported, "Odd"},
    {document(R"("pre_tokenizer":{"type":"Split","behavior":"Isolated"})"), errc::load_failed,
     "pre_tokenizer.pattern"},
    {document(R"("pre_tokenizer":{"type":"Metaspace","replacement":"ab"})"), errc::load_failed,
     "pre_tokenizer.replacement"},
    {document(R"("pre_tokenizer":{"type":"Sequence"})"), errc::load_failed,
     "pre_tokenizer.pretokenizers"},
    {document(R"("post_processor":{"type":"BertProcessing","sep":["x",1],"cls":["y",-1]})"),
     errc::load_failed, "post_processor.cls"},
    {document(R"("post_processor":{"type":"Sequence","processors":[{"type":"TemplateProcessing",)"
              R"("single":[{"Sequence":{"id":"A"}}],"special_tokens":{}},)"
              R"({"type":"BertProcessing","sep":["x",1],"cls":["y",1]}]})"),
     errc::unsupported, "post_processor.processors[1]: another post-processor"},
    {document(R"("post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":)"
              R"({"id":"X"}}],"special_tokens":{}})"),
     errc::load_failed, "post_processor.special_tokens.X"},
    {document(R"("post_processor":{"type":"TemplateProcessing","single":[],"special_tokens":{}})"),
     errc::unsupported, "Sequence A"},
    {document(R"("decoder":{"type":"Morse"})"), errc::unsupported, "Morse"},
    {document(R"("decoder":{"type":"WordPiece"})"), errc::load_failed, "decoder.prefix"},
    {document(R"("decoder":{"type":"Strip","content":"x","start":-1,"stop":0})"), errc::load_failed,
     "decoder.start"},
};

} // namespace

BOOST_DATA_TEST_CASE(a_bad_file_is_refused_with_its_name_and_the_member, data::make(bad_files), bad)
{
    const result<tokenizer> t = load_text(bad.text);
    BOOST_REQUIRE(!t);
    BOOST_TEST((t.error().code == bad.code));
    BOOST_TEST(t.error().detail.find("tokenizer.json") != std::string::npos);
    const bool mentioned = t.error().detail.find(bad.mentions) != std::string::npos;
    BOOST_TEST(mentioned, t.error().detail << " does not mention " << bad.mentions);
}

BOOST_AUTO_TEST_CASE(long_chains_of_components_are_refused)
{
    std::string rules;
    for (int i = 0; i < 40; ++i)
        rules += (i ? "," : "") + std::string(R"({"type":"Fuse"})");
    const result<tokenizer> t =
        load_text(document(R"("decoder":{"type":"Sequence","decoders":[)" + rules + "]}"));
    BOOST_REQUIRE(!t);
    BOOST_TEST((t.error().code == errc::unsupported));
}

BOOST_AUTO_TEST_CASE(broken_fixtures_fail_as_they_must)
{
    const json::value expected = parse_json(read(fixtures / "broken/expected.json")).value();
    std::size_t tried = 0;
    for (const json::value& c : expected.as_array()) {
        if (c.at("part") != "tokenizer")
            continue;
        const std::string dir(c.at("dir").as_string());
        const result<tokenizer> t = tokenizer::load(fixtures / "broken" / dir / "tokenizer.json");
        ++tried;
        if (c.at("must") == "fail") {
            BOOST_REQUIRE_MESSAGE(!t, dir << " loads");
            BOOST_TEST((t.error().code == (c.at("category") == "unsupported" ? errc::unsupported
                                                                             : errc::load_failed)),
                       dir);
            bool mentioned = false;
            for (const json::value& word : c.at("mention_any").as_array())
                mentioned =
                    mentioned || t.error().detail.find(word.as_string()) != std::string::npos;
            BOOST_TEST(mentioned, dir << ": " << t.error().detail);
        } else { // an id beyond the model's vocabulary: the tokenizer cannot know, but tells
            const json::value config =
                parse_json(read(fixtures / "broken" / dir / "config.json")).value();
            BOOST_REQUIRE(t.has_value());
            const auto entry =
                t->entry_from(static_cast<token_id>(config.at("vocab_size").as_int64()));
            BOOST_REQUIRE(entry.has_value());
            BOOST_TEST(entry->second == c.at("token_text").as_string());
        }
    }
    BOOST_TEST(tried == 5U);
    BOOST_TEST(tokenizer::load(fixtures / "broken/ok-base/tokenizer.json").has_value());
    BOOST_TEST(!tokenizer::load(fixtures).has_value());
}

BOOST_AUTO_TEST_CASE(a_damaged_file_loads_or_says_why_and_never_crashes)
{
    const char* wanted = std::getenv("SEED");
    const unsigned seed =
        wanted ? static_cast<unsigned>(std::stoul(wanted)) : std::random_device{}();
    std::cout << "SEED=" << seed << '\n';
    std::mt19937 random(seed);
    const auto below = [&](std::size_t n) {
        return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
    };
    const std::string added_token = R"("added_tokens":[{"id":9,"content":"<s>",)"
                                    R"("special":true,"lstrip":true,"single_word":true}])";
    const std::string rules =
        added_token +
        R"~(,"normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Prepend",
        "prepend":"_"},
        {"type":"Replace","pattern":{"String":" "},"content":"_"}]},"pre_tokenizer":
        {"type":"Sequence","pretokenizers":[
        {"type":"Split","pattern":
        {"Regex":"(?i:'s|'t)|[^\\r\\n\\p{L}]?\\p{L}+|\\s+(?!\\S)|\\s+"},"behavior":"Isolated",
        "invert":false},
        {"type":"Digits","individual_digits":true},{"type":"Metaspace","replacement":"_",
        "prepend_scheme":"first"}]},
        "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>",
        "type_id":0}},{"Sequence":{"id":"A",
        "type_id":0}}],"special_tokens":{"<s>":{"id":"<s>","ids":[9],"tokens":["<s>"]}}},
        "decoder":{"type":"Sequence","decoders":[
        {"type":"Replace","pattern":{"String":"_"},"content":" "},{"type":"ByteFallback"},
        {"type":"Fuse"},
        {"type":"Strip","content":" ","start":1,"stop":0}]})~";
    const std::string other_rules =
        added_token +
        R"~(,"normalizer":{"type":"Sequence","normalizers":[{"type":"BertNormalizer"},
        {"type":"Nmt"},{"type":"NFKD"},{"type":"StripAccents"},{"type":"Strip","strip_left":true,
        "strip_right":true},{"type":"Precompiled","precompiled_charsmap":"BAAAAAD8//94AA=="}]},
        "pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"BertPreTokenizer"},
        {"type":"UnicodeScripts"},{"type":"FixedLength","length":3},{"type":"Split","pattern":
        {"Regex":"[a-c[^\\W]&&[[:alpha:]x]]|\\p{Alnum}"},"behavior":"MergedWithNext"}]},
        "post_processor":{"type":"BertProcessing","sep":["b",1],"cls":["<s>",9]},
        "decoder":{"type":"Sequence","decoders":[{"type":"CTC","pad_token":"a",
        "word_delimiter_token":"_","cleanup":true},{"type":"WordPiece","prefix":"##"},
        {"type":"BPEDecoder","suffix":"e"}]})~";
    const std::string sounds[] = {
        document(rules),
        document(other_rules, R"({"type":"Unigram","unk_id":0,"byte_fallback":true,"vocab":
            [["a",-1],["b",-2.5],["ab",-3],["<0xC3>",-9],["<0xA9>",-9]]})"),
        document(other_rules, R"({"unk_token":"a","continuing_subword_prefix":"##",
            "max_input_chars_per_word":9,"vocab":{"a":0,"b":1,"##b":2,"ab":3}})")};
    for (const std::string& sound : sounds)
        BOOST_REQUIRE(load_text(sound).has_value());
    constexpr std::string_view bytes = "\"\\{}[]:,0123456789-.eE+*?()|^$ntrue\xC3\xA9\xFF\x80\x01";
    int refused = 0;
    int survived = 0;
    for (int round = 0; round < 1500; ++round) {
        std::string text = sounds[static_cast<std::size_t>(round) % std::size(sounds)];
        for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
            const std::size_t at = below(text.size());
            switch (below(4)) {
            case 0: text[at] = bytes[below(bytes.size())]; break;
            case 1: text.erase(at, 1 + below(8)); break;
            case 2: text.insert(at, 1, bytes[below(bytes.size())]); break;
            default: text.insert(at, text.substr(below(text.size()), below(40)));
            }
        }
        const result<tokenizer> t = load_text(text);
        if (!t) {
            ++refused;
            BOOST_REQUIRE(t.error().detail.find("tokenizer.json") != std::string::npos);
            BOOST_REQUIRE(
                (t.error().code == errc::load_failed || t.error().code == errc::unsupported));
            continue;
        }
        ++survived;
        try {
            const ids list = t->encode("abc <s> it's 12\n\u00E9 \xFF de", true);
            t->decode(list, round % 2 == 0);
        } catch (const std::runtime_error&) { // no token for an unknown character
        }
        t->decode(ids{9, 0, 7, 1000, -5}, true);
    }
    BOOST_TEST(refused > 100);
    BOOST_TEST(survived > 20);
}

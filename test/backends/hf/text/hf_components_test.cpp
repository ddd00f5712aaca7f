// Each component of a tokenizer.json by itself. The expectations are what tokenizers 0.23 makes of
// the same texts (tools/oracle compares thousands).

#include "hf/text/decoder.hpp"
#include "hf/text/normalizer.hpp"
#include "hf/text/postprocessor.hpp"
#include "hf/text/pretokenizer.hpp"
#include "hf/text/token_model.hpp"

#include <warmd/json.hpp>

#include "support/small_tokenizer.hpp"

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <stdexcept>

using namespace warmd;
using namespace warmd::hf;
using namespace warmd::hf::test_of_tokenizers;
namespace data = boost::unit_test::data;

namespace {

/// A part of a document of one member.
template <class Part>
struct read_from {
    json::value document;
    complaint wrong;
    Part part;

    read_from(std::string_view member, std::string_view value)
        : document(
              parse_json("{\"" + std::string(member) + "\":" + std::string(value) + "}").value()),
          part(json_place(document, "", wrong))
    {
        BOOST_TEST(!wrong);
    }
};

struct example {
    std::string rules;
    std::string text;
    std::string becomes; ///< pieces with a | after each
    friend std::ostream& operator<<(std::ostream& out, const example& e)
    {
        return out << e.rules << " of " << e.text;
    }
};

std::string type(std::string_view name) { return "{\"type\":\"" + std::string(name) + "\"}"; }

std::string with_behavior(std::string_view name)
{
    return R"({"type":"Punctuation","behavior":")" + std::string(name) + "\"}";
}

/// A charsmap of one rule, "a" to "x", in base64.
std::string charsmap_of_a()
{
    std::string bytes(4 + 4 * 512, '\0');
    const auto set = [&](std::size_t unit, std::uint32_t value) {
        for (std::size_t i = 0; i < 4; ++i)
            bytes[4 + 4 * unit + i] = static_cast<char>(value >> (8 * i) & 0xFF);
    };
    bytes[1] = 8;                                  // 2048 bytes of trie
    set(0, 0x100U << 10);                          // children at 0x100 ^ byte
    set(0x161, (0x161U ^ 2) << 10 | 1 << 8 | 'a'); // "a" ends here: its value is at 2
    set(2, 1U << 31);                              // the first replacement
    bytes += std::string("x\0", 2);
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i)
            bits = bits << 8 |
                   (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U);
        for (std::size_t i = 0; i < 4; ++i)
            text += at + i > bytes.size() ? '=' : alphabet[bits >> (18 - 6 * i) & 63];
    }
    return text;
}

const std::vector<example> normalizers{
    {type("NFC"), "e\u0301 a\u08D3\u0301", "\u00E9 a\u08D3\u0301"},
    {type("NFD"), "\u00E9\uAC01", "e\u0301\u1100\u1161\u11A8"},
    {type("NFKC"), "\uFB01\u00B2 \u32FF", "fi2 \u32FF"}, // the era of 2019 is later than Unicode 9
    {type("NFKD"), "\u1E9B\u0323", "s\u0323\u0307"},
    {type("Lowercase"), "\u0130\u03A3\u1E9E", "i\u0307\u03C3\u00DF"},
    {type("StripAccents"), "e\u0301\u00E9", "e\u00E9"},
    {R"({"type":"Strip","strip_left":true,"strip_right":true})", "\u00A0 a b\u3000", "a b"},
    {R"({"type":"Strip","strip_left":false,"strip_right":true})", " a ", " a"},
    {type("Nmt"), "a\tb\x01\u200B\u2581", "a b  "},
    {type("ByteLevel"), " \u00E9", "\u0120\u00C3\u00A9"},
    {type("BertNormalizer"), "\u00C9\t\x02\u4E00\uFFFD", "e  \u4E00 "},
    {R"({"type":"BertNormalizer","lowercase":false})", "\u00C9", "\u00C9"},
    {R"({"type":"BertNormalizer","lowercase":false,"strip_accents":true})", "\u00C9", "E"},
    {R"({"type":"Precompiled","precompiled_charsmap":")" + charsmap_of_a() + "\"}",
     "ba\u0301 a\u0301\u0301\u0301",
     "bx x\u0301\u0301\u0301"}, // a cluster of six bytes is not whole
};

const std::vector<example> pre_tokenizers{
    {type("Whitespace"), "it's\u00A0\u00B2 ok", "it|'|s|\u00B2|ok|"},
    {type("WhitespaceSplit"), " a\u2003b ", "a|b|"},
    {type("BertPreTokenizer"), "a, $b", "a|,|$|b|"},
    {with_behavior("Removed"), "a,,b", "a|b|"},
    {with_behavior("Isolated"), "a,,b", "a|,|,|b|"},
    {with_behavior("MergedWithPrevious"), "a,,b", "a,|,|b|"},
    {with_behavior("MergedWithNext"), "a,,b", "a|,|,b|"},
    {with_behavior("Contiguous"), "a,,b", "a|,,|b|"},
    {R"({"type":"CharDelimiterSplit","delimiter":"-"})", "-a--b", "a|b|"},
    {R"({"type":"Digits","individual_digits":false})", "a12\u00BDb", "a|12\u00BD|b|"},
    {R"({"type":"Digits","individual_digits":true})", "a12", "a|1|2|"},
    {R"({"type":"FixedLength","length":2})", "\u00E9bcde", "\u00E9b|cd|e|"},
    {type("FixedLength"), "abcdef", "abcde|f|"},
    {type("UnicodeScripts"), " ab \u3042\u30FC\u6F22\u0436", "ab |\u3042\u30FC\u6F22|\u0436|"},
};

const std::vector<example> decoders{
    {R"({"type":"WordPiece","prefix":"##","cleanup":true})", "##a|##b|.|c|", "##ab. c"},
    {R"({"type":"WordPiece","prefix":"##","cleanup":false})", "a|.|", "a ."},
    {R"({"type":"BPEDecoder","suffix":"</w>"})", "a|b</w>|c</w>|", "ab c"},
    {R"({"type":"CTC","pad_token":"_","word_delimiter_token":"/","cleanup":true})",
     "a|a|_|a|/|b|b|", "aa b"},
    {R"({"type":"CTC","pad_token":"_","word_delimiter_token":"/","cleanup":false})", "a|/|", "a/"},
};

std::vector<std::string> pieces_of(std::string_view text)
{
    std::vector<std::string> list;
    for (std::size_t end = text.find('|'); end != std::string_view::npos; end = text.find('|')) {
        list.emplace_back(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    return list;
}

ids encoded(std::string_view model, std::string_view word)
{
    const read_from<token_model> read("model", model);
    match_budget budget;
    ids list;
    read.part.encode(word, budget, list);
    return list;
}

} // namespace

BOOST_DATA_TEST_CASE(a_normalizer_rewrites_text, data::make(normalizers), given)
{
    const read_from<normalizer> read("normalizer", given.rules);
    match_budget budget;
    BOOST_TEST(read.part(given.text, budget).text == given.becomes);
}

BOOST_DATA_TEST_CASE(a_pre_tokenizer_cuts_text, data::make(pre_tokenizers), given)
{
    const read_from<pretokenizer> read("pre_tokenizer", given.rules);
    match_budget budget;
    const pieces cut = read.part(given.text, true, budget);
    std::string found;
    for (std::size_t i = 0; i < cut.ends.size(); ++i)
        found += std::string(cut.piece(i)) + "|";
    BOOST_TEST(found == given.becomes);
}

BOOST_DATA_TEST_CASE(a_decoder_joins_tokens_at_once_and_one_by_one, data::make(decoders), given)
{
    const read_from<decoder> read("decoder", given.rules);
    match_budget budget;
    const std::vector<std::string> tokens = pieces_of(given.text);
    BOOST_TEST(read.part(tokens, budget) == given.becomes);
    std::string text;
    std::vector<std::string> open;
    bool at_start = true;
    decoder::part last;
    for (const std::string& token : tokens) {
        open.push_back(token);
        last = read.part.next(open, at_start, budget);
        if (last.ends != decoder::ending::whole)
            continue;
        text += last.text;
        last.text.clear();
        open.clear();
        at_start = false;
    }
    BOOST_TEST(text + last.text == given.becomes);
}

BOOST_AUTO_TEST_CASE(text_that_lost_its_first_characters_is_not_from_the_start)
{
    match_budget budget;
    const auto from_start = [&](std::string_view rules, const char* text) {
        return read_from<normalizer>("normalizer", rules).part(text, budget).from_start;
    };
    BOOST_TEST(from_start(type("Nmt"), "\ta"));
    BOOST_TEST(!from_start(type("Nmt"), "\x01"
                                        "a"));
    BOOST_TEST(!from_start(R"({"type":"Strip","strip_left":true,"strip_right":false})", " a"));
    const char* const replace = R"({"type":"Replace","pattern":{"Regex":" +"},"content":"_"})";
    BOOST_TEST(from_start(replace, " a"));
    BOOST_TEST(!from_start(replace, "  a"));
}

BOOST_AUTO_TEST_CASE(word_pieces_are_the_longest_that_fit_or_the_word_is_unknown)
{
    const char* const model = R"({"type":"WordPiece","unk_token":"?","max_input_chars_per_word":5,
        "continuing_subword_prefix":"##","vocab":{"?":0,"a":1,"ab":2,"##b":3,"##bc":4,"##":5}})";
    BOOST_TEST(shown(encoded(model, "abbc")) == "2 4 ");
    BOOST_TEST(shown(encoded(model, "abbcb")) == "2 4 3 ");
    BOOST_TEST(shown(encoded(model, "abx")) == "0 ");
    BOOST_TEST(shown(encoded(model, "abbbbb")) == "0 ");
    BOOST_TEST(shown(encoded(model, "##")) == "5 ");
}

BOOST_AUTO_TEST_CASE(a_word_of_a_word_level_model_is_whole_or_unknown)
{
    const char* const model = R"({"type":"WordLevel","unk_token":"?","vocab":{"?":0,"a":1}})";
    BOOST_TEST(shown(encoded(model, "a")) == "1 ");
    BOOST_TEST(shown(encoded(model, "aa")) == "0 ");
}

BOOST_AUTO_TEST_CASE(a_unigram_model_takes_the_likeliest_cut)
{
    const char* const model = R"({"type":"Unigram","unk_id":0,"vocab":[["?",0],["a",-1],["b",-2],
        ["ab",-2.5],["ba",-2],["aba",-9]]})";
    BOOST_TEST(shown(encoded(model, "ab")) == "3 ");
    BOOST_TEST(shown(encoded(model, "aba")) == "1 4 ");    // -3 against -3.5 and -9
    BOOST_TEST(shown(encoded(model, "axyb")) == "1 0 2 "); // a run of unknown characters is one
    const char* const bytes = R"({"type":"Unigram","unk_id":0,"byte_fallback":true,
        "vocab":[["?",0],["<0xC3>",-9],["<0xA9>",-9]]})";
    BOOST_TEST(shown(encoded(bytes, "\u00E9")) == "1 2 ");
    BOOST_TEST(shown(encoded(bytes, "\u00EA")) == "0 "); // all its bytes, or none
    const char* const none = R"({"type":"Unigram","unk_id":null,"vocab":[["a",0]]})";
    BOOST_TEST(shown(encoded(none, "a")) == "0 ");
    BOOST_CHECK_THROW(encoded(none, "b"), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(affixes_tell_byte_pairs_where_in_a_word_they_are)
{
    const char* const model = R"({"type":"BPE","continuing_subword_prefix":"##","unk_token":"?",
        "end_of_word_suffix":"$","vocab":{"?":0,"a":1,"##b":2,"##c$":3,"ab":4,"a$":5,"abc$":6},
        "merges":["a ##b","ab ##c$"]})";
    BOOST_TEST(shown(encoded(model, "abc")) == "6 ");
    BOOST_TEST(shown(encoded(model, "a")) == "5 ");
    BOOST_TEST(shown(encoded(model, "abb")) == "4 0 "); // "##b$" is no token
}

BOOST_AUTO_TEST_CASE(an_unknown_character_comes_after_the_bytes_that_follow_it)
{
    const char* const model = R"({"type":"BPE","unk_token":"?","byte_fallback":true,"merges":[],
        "vocab":{"?":0,"a":1,"<0x62>":2}})";
    BOOST_TEST(shown(encoded(model, "xba")) == "2 0 1 ");
}

BOOST_AUTO_TEST_CASE(a_model_without_type_is_told_by_its_members)
{
    BOOST_TEST(shown(encoded(R"({"vocab":{"a":7},"merges":[]})", "a")) == "7 ");
    BOOST_TEST(shown(encoded(R"({"vocab":[["a",0]]})", "a")) == "0 ");
    BOOST_TEST(shown(encoded(R"({"vocab":{"?":1,"a":2},"unk_token":"?"})", "aa")) == "1 ");
    BOOST_TEST(shown(encoded(R"({"vocab":{"?":1,"a":2,"##a":3},"unk_token":"?",
        "max_input_chars_per_word":9,"continuing_subword_prefix":"##"})",
                             "aa")) == "2 3 ");
}

BOOST_AUTO_TEST_CASE(the_post_processors_of_bert_and_roberta_put_a_token_at_either_end)
{
    for (const char* const name : {"BertProcessing", "RobertaProcessing"}) {
        const read_from<postprocessor> read("post_processor",
                                            R"({"sep":["s",2],"cls":["c",1],"type":")" +
                                                std::string(name) + "\"}");
        BOOST_TEST(shown(read.part.before()) == "1 ");
        BOOST_TEST(shown(read.part.after()) == "2 ");
    }
    const read_from<postprocessor> nested("post_processor", R"({"type":"Sequence","processors":[
        {"type":"BertProcessing","sep":["s",2],"cls":["c",1]},
        {"type":"BertProcessing","sep":["t",4],"cls":["d",3]}]})");
    BOOST_TEST(shown(nested.part.before()) == "3 1 ");
    BOOST_TEST(shown(nested.part.after()) == "2 4 ");
}

BOOST_AUTO_TEST_CASE(an_added_token_is_decoded_as_it_is_normalized)
{
    const tokenizer t = loaded(document(R"("added_tokens":[{"id":9,"content":"<X>"}],
        "normalizer":{"type":"Lowercase"},"decoder":{"type":"Fuse"})"));
    BOOST_TEST(shown(t.encode("a<x>", false)) == "0 9 ");
    BOOST_TEST(t.decode(ids{0, 9}, false) == "a<x>");
    BOOST_TEST(t.token_text(9) == "<X>");
}

BOOST_AUTO_TEST_CASE(a_charsmap_may_lead_anywhere)
{
    // A trie of one unit whose children lie outside, and one that ends in another's middle.
    const char* const outside =
        R"({"type":"Precompiled","precompiled_charsmap":"BAAAAAD8//94AA=="})";
    const read_from<normalizer> read("normalizer", outside);
    match_budget budget;
    BOOST_TEST(read.part("abc", budget).text == "abc");
}

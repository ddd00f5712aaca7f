#include "hf/text/onig_syntax.hpp"
#include "hf/text/pattern.hpp"
#include "hf/text/pretokenizer.hpp"

#include <boost/json.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <stdexcept>

using namespace warmd;
using namespace warmd::hf;
namespace data = boost::unit_test::data;

namespace {

/// The matches of `pattern` in `text`, each in brackets.
std::string marked(std::string_view pattern, std::string_view text)
{
    const text_pattern compiled(regex::from_oniguruma(pattern).value());
    match_budget budget;
    text_search search(compiled, budget);
    std::string out;
    std::size_t copied = 0;
    for (const text_range& m : search.find_all(text)) {
        out.append(text.substr(copied, m.begin - copied))
            .append("[")
            .append(text.substr(m.begin, m.end - m.begin))
            .append("]");
        copied = m.end;
    }
    return out += text.substr(copied);
}

/// The pieces that `rules` (a pre_tokenizer) cuts `text` into.
std::string cut(std::string_view rules, std::string_view text)
{
    const json::value document = json::object{{"pre_tokenizer", parse_json(rules).value()}};
    complaint wrong;
    const pretokenizer pretokenize(json_place(document, "", wrong));
    BOOST_REQUIRE_MESSAGE(!wrong, (wrong ? wrong.first().detail : ""));
    match_budget budget;
    const pieces all = pretokenize(std::string(text), true, budget);
    std::string out;
    for (std::size_t i = 0; i < all.ends.size(); ++i)
        out.append(i == 0 ? "" : "|").append(all.piece(i));
    return out;
}

std::string split_on_dash(std::string_view behavior, bool invert = false)
{
    return std::string(R"({"type":"Split","pattern":{"String":"-"},"behavior":")") +
           std::string(behavior) + (invert ? R"(","invert":true})" : R"("})");
}

} // namespace

// -- Oniguruma's dialect ----------------------------------------------------

BOOST_AUTO_TEST_CASE(white_space_is_what_unicode_says)
{
    BOOST_TEST(marked("\\s", "a b\tc\u0085d\u00A0e\u2028f\u3000g") ==
               "a[ ]b[\t]c[\u0085]d[\u00A0]e[\u2028]f[\u3000]g");
    BOOST_TEST(marked("\\s", "a\u180Eb\u200Bc") ==
               "a\u180Eb\u200Bc"); // PCRE2's own \s takes U+180E
    BOOST_TEST(marked("[^\\s]+", " a\u180Eb ") == " [a\u180Eb] ");
    BOOST_TEST(marked("[\\S]+", " a\u180Eb ") == " [a\u180Eb] ");
    BOOST_TEST(marked("\\S+", " a\u180Eb ") == " [a\u180Eb] ");
    BOOST_TEST(marked("[[:space:]x]", "a\u180Ex\u3000") == "a\u180E[x][\u3000]");
}

BOOST_AUTO_TEST_CASE(words_include_marks_and_connectors)
{
    BOOST_TEST(marked("\\w+", "e\u0301a\u203Fb c-d") ==
               "[e\u0301a\u203Fb] [c]-[d]"); // PCRE2 10.42's own \w stops at U+0301
    BOOST_TEST(marked("\\W", "e\u0301-") == "e\u0301[-]");
    BOOST_TEST(marked("\\be", "e ee\u0301 a\u0301e") == "[e] [e]e\u0301 a\u0301e");
    BOOST_TEST(marked("e\\B", "e ee\u0301") == "e [e][e]\u0301");
}

BOOST_AUTO_TEST_CASE(escapes_that_mean_something_else_to_pcre2)
{
    BOOST_TEST(marked("\\h+", "xyz 09afAF g") == "xyz [09afAF] g");
    BOOST_TEST(marked("\\v", "a\x0B\nb") == "a[\x0B]\nb");
    BOOST_TEST(marked("\\u00e9", "cafe caf\u00E9") == "cafe caf[\u00E9]");
    BOOST_TEST(marked("a{,2}b", "b ab aab aaab") == "[b] [ab] [aab] a[aab]");
    BOOST_TEST(marked("(?m:a.b)", "a\nb") == "[a\nb]");
    BOOST_TEST(marked("a.b", "a\nb") == "a\nb");
    BOOST_TEST(marked("^a$", "a\na\nb") == "[a]\n[a]\nb"); // always at each line
}

BOOST_AUTO_TEST_CASE(properties_go_by_oniguruma_s_names)
{
    BOOST_TEST(marked("\\p{Letter}+", "ab1\u00E9") == "[ab]1[\u00E9]");
    BOOST_TEST(marked("\\p{^L}+", "ab12c") == "ab[12]c");
    BOOST_TEST(marked("[\\p{Lu}\\P{L}]+", "aB1c") == "a[B1]c");
    // The Script property; Script_Extensions has U+30FC and U+3001 too.
    BOOST_TEST(marked("\\p{Han}+", "\u4E2D\u6587\u30FC\u3001a") == "[\u4E2D\u6587]\u30FC\u3001a");
    BOOST_TEST(marked("\\p{alpha}+", "a\u0345b1") == "[a\u0345b]1");
}

BOOST_AUTO_TEST_CASE(classes_may_stand_in_classes)
{
    BOOST_TEST(marked("[a-c[x-z]]+", "abdxyz[]") == "[ab]d[xyz][]");
    BOOST_TEST(marked("[^a[b]]", "abc") == "ab[c]");
    BOOST_TEST(marked("[^a-c[^x-z]]", "abxw") == "ab[x]w");
    BOOST_TEST(marked("[a-w&&[^c-g]z]+", "abcz") == "[ab]cz");
    BOOST_TEST(marked("[^a-w&&[^c-g]z]+", "abcz") == "ab[cz]");
    BOOST_TEST(marked("[a&&]", "a&") == "a&"); // an empty operand leaves nothing
    BOOST_TEST(marked("[[ab]-z]+", "-az b-c") == "[-az] [b-]c");
    BOOST_TEST(marked("[]a]+", "]a[") == "[]a][");
    BOOST_TEST(marked("[\\W\\d]+", "a1-b") == "a[1-]b");
    BOOST_TEST(marked("[\\Hx]+", "axyb") == "a[xy]b");
    // BLOOM's, as it stands in its file.
    BOOST_TEST(marked(" ?[^(\\s|[.,!?\u2026\u3002])]+", "Hi, (you) there.") ==
               "[Hi], ([you])[ there].");
}

BOOST_AUTO_TEST_CASE(classes_by_name_are_oniguruma_s)
{
    BOOST_TEST(marked("[[:alpha:]]+", "a\u0345b1") == "[a\u0345b]1"); // PCRE2's has no marks
    BOOST_TEST(marked("[[:^alpha:]]+", "a1-b") == "a[1-]b");
    BOOST_TEST(marked("[[:punct:]]+", "a$\u00A9!") == "a[$\u00A9!]");
    BOOST_TEST(marked("\\p{Punct}+", "a$\u00A9!") == "a$\u00A9[!]");
    BOOST_TEST(marked("\\p{Alnum}+", "a1\u00B2") == "[a1]\u00B2");
    BOOST_TEST(marked("\\P{Alnum}+", "a1\u00B2") == "a1[\u00B2]");
    BOOST_TEST(marked("\\p{Space}", "a\u3000b") == "a[\u3000]b");
    BOOST_TEST(marked("\\p{Emoji}", "a\u2764b") == "a[\u2764]b");
    BOOST_TEST(marked("[[:print:]]+", "a \x01") == "[a ]\x01");
}

BOOST_AUTO_TEST_CASE(six_digits_of_latin_1_are_words_by_themselves_but_not_in_a_class)
{
    BOOST_TEST(marked("\\w+", "a\u00B2\u00BD") == "[a\u00B2\u00BD]");
    BOOST_TEST(marked("[\\w]+", "a\u00B2\u00BD") == "[a]\u00B2\u00BD");
    BOOST_TEST(marked("\\p{Word}+", "a\u00B2") == "[a\u00B2]");
    BOOST_TEST(marked("[\\p{Word}]+", "a\u00B2") == "[a]\u00B2");
    BOOST_TEST(marked("a\\b", "a\u00B2 a") == "a\u00B2 [a]");
}

BOOST_AUTO_TEST_CASE(the_patterns_of_the_field_are_read_as_they_are)
{
    constexpr const char* cl100k =
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}|)"
        R"( ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
    BOOST_TEST(marked(cl100k, "I'D say  12345 \u017F'\u017F!!\n\n  x") ==
               "[I]['D][ say][ ][ ][123][45][ \u017F]['\u017F][!!\n\n][ ][ x]");
    constexpr const char* deepseek =
        R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)";
    BOOST_TEST(marked(deepseek, "x#ab [c] \u0905\u093E") == "[x][#ab] [[c]][ \u0905\u093E]");
}

BOOST_DATA_TEST_CASE(what_pcre2_would_read_otherwise_is_refused_by_name,
                     data::make({"a{1,2}+", "a(?i)b", "(?x:a)", "(?s:a)", "[a-[bc]]", "[a[bc]",
                                 "[\\B]", "\\Qa", "\\N", "\\xE9", "(*ACCEPT)", "\\pL",
                                 "[[[[[[[[[[[[[[[[[[a"}))
{
    const result<std::string> translated = pcre2_from_oniguruma(sample);
    BOOST_REQUIRE(!translated);
    BOOST_TEST((translated.error().code == errc::unsupported));
    BOOST_TEST(translated.error().detail.find(sample) != std::string::npos);
}

BOOST_DATA_TEST_CASE(what_does_not_compile_is_refused_with_the_pattern,
                     data::make({"(a", "a**", "\\p{Klingon}", "(?<=a+)b", "[z-a]",
                                 "(((a{900}b){900}c){900}d){900}", "\\C", "*"}))
{
    const result<regex> compiled = regex::from_oniguruma(sample);
    BOOST_REQUIRE(!compiled);
    BOOST_TEST((compiled.error().code == errc::unsupported));
    BOOST_TEST(compiled.error().detail.find(sample) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_pattern_without_end_is_cut_off)
{
    BOOST_CHECK_THROW(marked("(a+)+$", std::string(100, 'a') + "b"), std::runtime_error);
    BOOST_CHECK_THROW(marked("(a|aa|(?R))*b", std::string(5000, 'a')), std::runtime_error);
    BOOST_TEST(!regex::from_oniguruma(std::string(100'000, 'a')));
}

BOOST_AUTO_TEST_CASE(all_pieces_of_a_text_share_one_budget)
{
    const text_pattern letter(regex::from_oniguruma("a").value());
    match_budget none(-1);
    const auto search_pieces = [&](int count) {
        for (int i = 0; i < count; ++i)
            text_search(letter, none).find_all("a");
    };
    BOOST_CHECK_NO_THROW(search_pieces(2)); // the clock is looked at now and then
    BOOST_CHECK_THROW(search_pieces(100), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(empty_matches_are_found_once)
{
    BOOST_TEST(marked("x*", "axb") == "[]a[x]b[]"); // none directly after the x
    BOOST_TEST(marked("(?=b)", "\u00E9b") == "\u00E9[]b");
    BOOST_TEST(marked("a", "") == "");
}

// -- Split and its behaviours (the tokenizers library documents this example) ---

BOOST_AUTO_TEST_CASE(matches_go_where_the_behavior_says)
{
    constexpr const char* text = "the-final--countdown";
    BOOST_TEST(cut(split_on_dash("Removed"), text) == "the|final|countdown");
    BOOST_TEST(cut(split_on_dash("Isolated"), text) == "the|-|final|-|-|countdown");
    BOOST_TEST(cut(split_on_dash("MergedWithPrevious"), text) == "the-|final-|-|countdown");
    BOOST_TEST(cut(split_on_dash("MergedWithNext"), text) == "the|-final|-|-countdown");
    BOOST_TEST(cut(split_on_dash("Contiguous"), text) == "the|-|final|--|countdown");
    BOOST_TEST(cut(split_on_dash("Removed", true), text) == "-|-|-");
    BOOST_TEST(cut(split_on_dash("Removed"), "-a-") == "a");
    BOOST_TEST(cut(split_on_dash("Removed"), "--") == "");
    BOOST_TEST(cut(split_on_dash("MergedWithNext"), "") == "");
}

BOOST_AUTO_TEST_CASE(a_sequence_looks_at_each_piece_by_itself)
{
    constexpr const char* rules = R"~({"type":"Sequence","pretokenizers":[
        {"type":"Split","pattern":{"String":"-"},"behavior":"Isolated"},
        {"type":"Split","pattern":{"Regex":"a(?!-)"},"behavior":"Isolated"}]})~";
    BOOST_TEST(cut(rules, "xa-ab") == "x|a|-|a|b"); // the lookahead does not see past the piece
}

BOOST_AUTO_TEST_CASE(digits_are_all_of_unicode_s_numbers)
{
    BOOST_TEST(cut(R"({"type":"Digits","individual_digits":true})", "a12\u00BD\u0663b") ==
               "a|1|2|\u00BD|\u0663|b");
    BOOST_TEST(cut(R"({"type":"Digits","individual_digits":false})", "a12\u00BD\u0663b") ==
               "a|12\u00BD\u0663|b");
}

BOOST_AUTO_TEST_CASE(metaspace_marks_words_as_its_scheme_says)
{
    const auto rules = [](const char* members) {
        return R"({"type":"Metaspace","replacement":"_")" + std::string(members) + "}";
    };
    BOOST_TEST(cut(rules(""), "a b") == "_a|_b");
    BOOST_TEST(cut(rules(R"(,"prepend_scheme":"never")"), "a b") == "a|_b");
    BOOST_TEST(cut(rules(R"(,"add_prefix_space":false)"), "a b") == "a|_b");
    BOOST_TEST(cut(rules(R"(,"prepend_scheme":"first","split":false)"), " a b") == "_a_b");
    const std::string after_split =
        R"({"type":"Sequence","pretokenizers":[)" + split_on_dash("Removed") + ",";
    BOOST_TEST(cut(after_split + rules(R"(,"prepend_scheme":"first")") + "]}", "a-b") == "_a|b");
    BOOST_TEST(cut(after_split + rules(R"(,"prepend_scheme":"first")") + "]}", "-b") ==
               "b"); // not at the start of the text
    BOOST_TEST(cut(after_split + rules("") + "]}", "a-b") == "_a|_b");
}

BOOST_AUTO_TEST_CASE(byte_level_spells_bytes)
{
    BOOST_TEST(cut(R"({"type":"ByteLevel","add_prefix_space":true,"use_regex":true})",
                   "a b\n\u00E9") == "\u0120a|\u0120b|\u010A|\u00C3\u00A9");
    BOOST_TEST(cut(R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":false})", "a b") ==
               "a\u0120b");
}

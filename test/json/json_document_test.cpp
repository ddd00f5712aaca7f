#include "json/json_document.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <random>

using namespace warmd;

namespace {

const char* const texts[] = {
    "null",
    "true",
    "false",
    " 1 ",
    "-1",
    "0",
    "-0",
    "1.5",
    "-0.0",
    "1e3",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e400",
    R"("")",
    R"("plain")",
    R"("a\"b\\c\n\u00e9\ud83d\ude00")",
    "\"\xC3\xA9\"",
    "[]",
    "{}",
    "[1,2,3]",
    "[[],[[]],{}]",
    R"({"a":1})",
    R"({"a":{"b":[1,"two",null,true,{"c":2.5}]},"d":[]})",
    R"({"a":1,"a":2})",
    R"({"\u0061":1})",
    R"(  { "x" : [ 1 , 2 ] }  )",
};

const char* const broken[] = {
    "",        "{",   "[1",   "[1,]",     "{\"a\"}",     "{\"a\":}", "{\"a\":1,}",
    "01",      "+1",  "1.",   "tru",      "nul l",       "\"a",      "\"\x01\"",
    "\"\\x\"", "1 2", "[1]]", "\"\xff\"", "\"\\ud800\"", "{1:2}",    "NaN"};

/// Equal, but for the last bits of a double: Boost.JSON 1.81 does not always round to the nearest,
/// and takes 0e400 for no number.
bool same(const json::value& a, const json::value& b)
{
    if (a.kind() != b.kind() || (a.is_array() && a.get_array().size() != b.get_array().size()) ||
        (a.is_object() && a.get_object().size() != b.get_object().size()))
        return false;
    if (a.is_double())
        return a.get_double() == b.get_double() || std::isnan(b.get_double()) ||
               std::abs(a.get_double() / b.get_double() - 1) < 1e-14;
    if (a.is_array())
        return std::equal(a.get_array().begin(), a.get_array().end(), b.get_array().begin(), same);
    if (a.is_object())
        return std::all_of(a.get_object().begin(), a.get_object().end(), [&](const auto& member) {
            const json::value* const other = b.get_object().if_contains(member.key());
            return other && same(member.value(), *other);
        });
    return a == b;
}

/// One of the texts above with up to three pieces of JSON put in the place of some of its bytes.
std::string mutated(std::mt19937& random)
{
    static const std::string pieces[] = {"{",
                                         "}",
                                         "[",
                                         "]",
                                         ":",
                                         ",",
                                         "\"",
                                         "\\",
                                         "\\u",
                                         "\\ud83d",
                                         "\\ude00",
                                         "\\n",
                                         "00e9",
                                         "0",
                                         "1",
                                         "-",
                                         ".",
                                         "e",
                                         "+",
                                         "308",
                                         "99999999999999999999",
                                         " ",
                                         "\n",
                                         "\t",
                                         "true",
                                         "null",
                                         "a",
                                         "\xC3\xA9",
                                         "\xE2\x82\xAC",
                                         "\xF0\x9F\x98\x80",
                                         "\xED\xA0\x80",
                                         "\xC0\x80",
                                         "\xFF",
                                         "\x80",
                                         "\x1F",
                                         "\x7F",
                                         "",
                                         std::string(1, '\0')};
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
    std::string text =
        below(4) == 0 ? broken[below(std::size(broken))] : texts[below(std::size(texts))];
    for (std::size_t i = 0, changes = below(4); i != changes; ++i)
        text.replace(below(text.size() + 1), below(3), pieces[below(std::size(pieces))]);
    return text;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_document_reads_what_the_tree_parser_reads)
{
    json_document document; // one for all: nothing of a text may be left for the next
    for (const std::string text : texts) {
        const auto root = document.read(text);
        BOOST_REQUIRE_MESSAGE(root.has_value(), text);
        BOOST_TEST(json::serialize((*root)->value()) == json::serialize(parse_json(text).value()),
                   text);
    }
}

BOOST_AUTO_TEST_CASE(a_document_refuses_what_the_tree_parser_refuses_in_the_same_words)
{
    json_document document;
    for (const std::string text : broken) {
        const auto root = document.read(text);
        BOOST_REQUIRE_MESSAGE(!root.has_value(), text);
        BOOST_TEST(root.error().detail == parse_json(text).error().detail, text);
    }
}

BOOST_AUTO_TEST_CASE(a_document_and_the_tree_parser_agree_on_mutated_texts)
{
    std::mt19937 random(1);
    json_document document;
    std::size_t read = 0;
    for (int i = 0; i != 200'000; ++i) {
        const std::string text = mutated(random);
        const auto root = document.read(text);
        const auto tree = parse_json(text);
        if (!tree && tree.error().detail.starts_with("exponent overflow"))
            continue; // JSON all the same: no more than Boost's parser can count
        BOOST_REQUIRE_MESSAGE(root.has_value() == tree.has_value(), text);
        BOOST_REQUIRE_MESSAGE(!tree || same((*root)->value(), *tree), text);
        read += tree.has_value();
    }
    BOOST_TEST(read > 20'000U);
}

BOOST_AUTO_TEST_CASE(a_structure_is_kept_as_it_was_written)
{
    json_document document;
    const std::string text = R"( {"a" : [1, {}] ,"b":"\n"} )";
    const json_node& root = **document.read(text);
    BOOST_TEST(root.literal() == R"({"a" : [1, {}] ,"b":"\n"})");
    BOOST_TEST(root.find("a")->literal() == "[1, {}]");
    BOOST_TEST(root.find("a")->size() == 2U);
}

BOOST_AUTO_TEST_CASE(nesting_is_bounded_as_it_is_for_the_tree_parser)
{
    json_document document;
    for (const std::size_t depth : {max_json_depth - 1, max_json_depth, max_json_depth + 1}) {
        const std::string text = std::string(depth, '[') + std::string(depth, ']');
        BOOST_TEST(document.read(text).has_value() == parse_json(text).has_value(), depth);
    }
}

BOOST_AUTO_TEST_CASE(the_last_member_of_a_name_is_found)
{
    json_document document;
    const std::string text = R"({"a":{"b":0},"b":1,"b":2})";
    const json_node& root = **document.read(text);
    BOOST_TEST(root.find("b")->int64() == 2);
    BOOST_TEST(root.find("c") == nullptr);
}

BOOST_AUTO_TEST_CASE(a_numbers_literal_is_kept)
{
    json_document document;
    for (const std::string text : {"1e400", "-0.50", "12345678901234567890123", "7"})
        BOOST_TEST((*document.read(text))->literal() == text);
}

BOOST_AUTO_TEST_CASE(strings_with_escapes_outlive_those_read_after_them)
{
    json_document document;
    std::string text = "[";
    for (int i = 0; i != 1000; ++i)
        text += (i == 0 ? "" : ",") + std::string(R"("\n)") + std::to_string(i) + R"(\t")";
    text += ']';
    const json_node& root = **document.read(text);
    int i = 0;
    for (const json_node* each = root.begin(); each != root.end(); each = each->next(), ++i)
        BOOST_TEST(each->string() == '\n' + std::to_string(i) + '\t');
    BOOST_TEST(i == 1000);
}

BOOST_AUTO_TEST_CASE(every_value_knows_where_it_stood)
{
    json_document document;
    for (const std::string text :
         {R"(  {"a" : [1, -2.5, "x\n\"", "y"], "\u0062": {"c": null, "d": true}} )", R"( "\n" )",
          " 17"}) {
        const json_node* const root = *document.read(text);
        for (const json_node* each = root; each != root->next(); ++each) {
            const std::size_t at = document.offset_of(*each);
            if (each->is_string())
                BOOST_TEST(text.at(at) == '"');
            else if (each->is_array() || each->is_object() || each->is_number())
                BOOST_TEST(text.substr(at, each->literal().size()) == each->literal());
            else
                BOOST_TEST((text.at(at) == 'n' || text.at(at) == 't'));
        }
    }
    const std::string text = R"(["\t", "\n"])";
    const json_node& root = **document.read(text);
    BOOST_TEST(document.offset_of(*root.begin()) == 1U);
    BOOST_TEST(document.offset_of(root.begin()[1]) == 7U);
}

BOOST_AUTO_TEST_CASE(a_text_is_read_in_steps_as_at_once)
{
    const std::string text =
        R"( {"a":[1,2,[],{},[[3]]],"b":{"c":null,"d":"\u00e9","e":-1.5e3},"f":[true,false,""]} )";
    json_document whole, by_steps;
    const json::value expected = (*whole.read(text))->value();
    for (std::size_t values = 1; values != 20; ++values) {
        by_steps.begin(text);
        auto root = by_steps.read_some(values);
        while (root && !*root)
            root = by_steps.read_some(values);
        BOOST_REQUIRE(root.has_value());
        BOOST_TEST((*root)->value() == expected);
    }
    for (const char* cut_off : {"[1,2,3", "[1,2,}]", "", "[1] 2", "{\"a\":[1,2],}"}) {
        by_steps.begin(cut_off);
        auto root = by_steps.read_some(1);
        while (root && !*root)
            root = by_steps.read_some(1);
        BOOST_TEST(!root.has_value());
        BOOST_TEST(root.error().detail == whole.read(cut_off).error().detail);
    }
}

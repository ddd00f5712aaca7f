#include "json/json_document.hpp"
#include <warmd/json.hpp>
#include <warmd/json_writer.hpp>

#include <boost/test/unit_test.hpp>

#include <limits>

using namespace warmd;

BOOST_AUTO_TEST_CASE(nesting_is_accepted_to_the_limit_and_no_deeper)
{
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    BOOST_TEST(parse_json(nested(max_json_depth)).has_value());
    BOOST_TEST((parse_json(nested(max_json_depth + 1)).error().code == errc::parse_error));
    BOOST_TEST((parse_json(std::string(1'000'000, '[')).error().code == errc::parse_error));
}

BOOST_AUTO_TEST_CASE(text_that_is_not_json_is_refused_with_its_place)
{
    for (const char* text : {"", "{", "[1,]", "nul", "{\"a\":1}}", "\"\xff\"", "1 2"})
        BOOST_TEST(!parse_json(text), text);
    BOOST_TEST(parse_json("[1,2,x]").error().detail.find("at byte") != std::string::npos);
    BOOST_TEST(parse_json(" {\"a\": 1} \n").has_value());
}

BOOST_AUTO_TEST_CASE(equal_values_have_equal_canonical_text)
{
    const auto canonical = [](const char* text) {
        return canonical_json(parse_json(text).value());
    };
    BOOST_TEST(canonical("{\"b\": [1, {\"y\":2,\"x\":null}], \"a\": \"\\u0041\"}") ==
               R"({"a":"A","b":[1,{"x":null,"y":2}]})");
    BOOST_TEST(canonical("{}") == "{}");
    BOOST_TEST(canonical("[[],[]]") == "[[],[]]");
}

BOOST_AUTO_TEST_CASE(written_json_reads_back_the_same)
{
    std::string out;
    json_writer(out)
        .begin_object()
        .member("text", "quote \" slash \\ line \n control \x01 \xC3\xA9")
        .member("yes", true)
        .key("numbers")
        .array(std::vector<float>{1.5F, -0.1F, 0.0F})
        .key("none")
        .begin_array()
        .end_array()
        .member("nan", std::numeric_limits<double>::quiet_NaN())
        .key("inner")
        .begin_object()
        .member("n", std::uint64_t(18446744073709551615U))
        .end_object()
        .end_object();
    BOOST_TEST(out == "{\"text\":\"quote \\\" slash \\\\ line \\n control \\u0001 "
                      "\xC3\xA9\",\"yes\":true,\"numbers\":[1.5,-0.1,0],"
                      "\"none\":[],\"nan\":null,\"inner\":{\"n\":18446744073709551615}}");
    const json::value back = parse_json(out).value();
    BOOST_TEST(back.at("text").as_string() == "quote \" slash \\ line \n control \x01 \xC3\xA9");
    BOOST_TEST(back.at("inner").at("n").as_uint64() == 18446744073709551615U);
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_utf8_are_written_as_text)
{
    const std::pair<std::string_view, std::string_view> texts[] = {
        {"caf\xE9/x", "caf\\\\xe9/x"},                        // Latin-1
        {"\xE2\x82", "\\\\xe2\\\\x82"},                       // cut short
        {"\xC0\xAF", "\\\\xc0\\\\xaf"},                       // longer than it need be
        {"\xED\xA0\x80", "\\\\xed\\\\xa0\\\\x80"},            // half of a pair
        {"\xF4\x90\x80\x80", "\\\\xf4\\\\x90\\\\x80\\\\x80"}, // beyond U+10FFFF
        {"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"},
    };
    for (const auto& [text, written] : texts) {
        std::string out;
        append_quoted(out, text);
        BOOST_TEST(out == '"' + std::string(written) + '"');
        BOOST_TEST(parse_json(out).has_value());
    }
}

BOOST_AUTO_TEST_CASE(a_full_writer_leaves_off_the_rest_of_an_array)
{
    std::string out;
    json_writer to(out, 10);
    to.begin_object().key("ids").array(std::vector<int>(1000, 7));
    BOOST_TEST(to.full());
    BOOST_TEST(out == R"({"ids":[7,7])");
    json_writer enough(out, out.size());
    BOOST_TEST(!enough.full());
}

// Strings are written and read sixteen bytes at a time.
BOOST_AUTO_TEST_CASE(a_character_to_escape_is_noticed_wherever_it_stands)
{
    json_document document;
    for (std::size_t length = 1; length != 40; ++length)
        for (std::size_t place = 0; place != length; ++place)
            for (const std::string special :
                 {"\"", "\\", "\n", "\x1F", "\x01", " ", "\x7F", "\xC3\xA9", "\xF4\x8F\xBF\xBF"}) {
                std::string text(length, 'x');
                text.replace(place, 1, special);
                std::string quoted;
                append_quoted(quoted, text);
                const std::string array = '[' + quoted + ']', unquoted = "[\"" + text + "\"]";
                const auto read = document.read(array);
                BOOST_REQUIRE_MESSAGE(read.has_value(), quoted);
                BOOST_REQUIRE((*read)->begin()->string() == text);
                BOOST_REQUIRE(special[0] == '\x7F' || special[0] == ' ' || special.size() > 1
                                  ? quoted == '"' + text + '"'
                                  : quoted != '"' + text + '"');
                if (static_cast<unsigned char>(special[0]) < 0x20)
                    BOOST_REQUIRE(!document.read(unquoted)); // it must be escaped
            }
}

BOOST_AUTO_TEST_CASE(a_quotation_in_a_message_is_short_and_never_cuts_a_character)
{
    BOOST_TEST(shortened("short") == "short");
    BOOST_TEST(shortened(std::string(80, 'x')) == std::string(80, 'x'));
    BOOST_TEST(shortened(std::string(81, 'x')) == std::string(77, 'x') + "...");
    std::string accents;
    for (int i = 0; i != 60; ++i)
        accents += "\xC3\xA9";
    for (const std::string& text : {accents, "x" + accents})
        BOOST_TEST(parse_json('"' + shortened(text) + '"').has_value());
    BOOST_TEST(excerpt(parse_json(R"({"a":[1,"x"]})").value()) == R"({"a":[1,"x"]})");
    BOOST_TEST(excerpt(2.5) == "2.5");
    BOOST_TEST(excerpt(json::string(1'000'000, 'x')) == '"' + std::string(76, 'x') + "...");
    BOOST_TEST(parse_json('"' + excerpt(json::value(accents)).substr(1) + '"').has_value());
}

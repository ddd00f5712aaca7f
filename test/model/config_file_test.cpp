// The configuration file: what it means, and that every mistake is named with line and column.

#include "model/config_file.hpp"

#include <warmd/json.hpp>

#include "support/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>

using namespace warmd;
using test::scratch_directory;
using test::write_file;

namespace {

config_file parsed(const std::string& text)
{
    const auto file = parse_config(text, "/etc/warmd/warmd.conf");
    BOOST_REQUIRE_MESSAGE(file.has_value(), (file ? "" : file.error().detail));
    return *file;
}
/// The message without the path of the file: "line:column: …".
std::string mistake(const std::string& text)
{
    const auto file = parse_config(text, "/c");
    BOOST_REQUIRE_MESSAGE(!file, text + " was read");
    BOOST_TEST((file.error().code == errc::invalid_params));
    BOOST_REQUIRE_MESSAGE(file.error().detail.starts_with("/c:"), file.error().detail);
    return file.error().detail.substr(3);
}
std::string content(const std::string& path)
{
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}
std::string example() { return content(WARMD_TEST_DATA "/../../tools/warmd.conf.example"); }

using names = std::vector<std::string>;

} // namespace

BOOST_AUTO_TEST_CASE(the_example_is_read)
{
    const config_file file = parsed(example());
    BOOST_TEST(file.models.size() == 2U);
    BOOST_TEST(file.models.at("verses").base == "/srv/models/SmolLM2-135M");
    BOOST_TEST(file.models.at("verses").adapter.value() == "/etc/warmd/adapters/verses");
    BOOST_TEST(file.models.at("plain").base == "HuggingFaceTB/SmolLM2-135M");
    BOOST_TEST(file.models.at("plain").dtype == "bf16");
    BOOST_TEST((file.preload == names{"plain"}));
    BOOST_TEST((file.pin == names{"verses"}));
    BOOST_REQUIRE(file.limits.size() == 23U);
    BOOST_TEST(file.limits[0].name == "max_loaded_models");
    BOOST_TEST(file.limits[0].value == "3");
    BOOST_TEST(file.limits[1].value == "50%");
    BOOST_TEST(file.limits[1].place == "/etc/warmd/warmd.conf:24:9");
}

BOOST_AUTO_TEST_CASE(access_is_one_setting_for_each_value)
{
    const config_file file =
        parsed(R"({"access": {"socket_mode": "0660", "allow_uid": ["alice", 7]}})");
    BOOST_REQUIRE(file.access.size() == 3U);
    BOOST_TEST(file.access[0].name == "socket_mode");
    BOOST_TEST(file.access[1].value == "alice");
    BOOST_TEST(file.access[2].name == "allow_uid");
    BOOST_TEST(file.access[2].value == "7");
}

BOOST_AUTO_TEST_CASE(a_number_beyond_every_double_in_a_model_is_refused_with_its_place)
{
    const auto read = parse_config("{\"models\": {\n \"a\": 1e99999}}", "/etc/warmd/warmd.conf");
    BOOST_REQUIRE(!read);
    BOOST_TEST(read.error().detail.find(":2:") != std::string::npos, read.error().detail);
    for (const char* number : {"-1e99999", "1e400"}) // whatever Boost.JSON makes of it
        BOOST_TEST(mistake(R"({"models": {"a": {"base": "/a", "options": {"x": )" +
                           std::string(number) + "}}}}") ==
                   "1:50: " + std::string(number) + " is beyond every number that is kept");
    BOOST_TEST(mistake(R"({"limits": {"max_wait": 1e999}})").starts_with("1:25: 1e999 is beyond"));
}

BOOST_AUTO_TEST_CASE(an_empty_object_is_a_configuration)
{
    const config_file file = parsed("{}");
    BOOST_TEST(
        (file.models.empty() && file.limits.empty() && file.preload.empty() && file.pin.empty()));
}

BOOST_AUTO_TEST_CASE(comments_and_trailing_commas_may_stand_anywhere)
{
    for (const char* text :
         {"// a\n{}", "{} // a", "{}\n/* a */",
          "/* { */ {\"preload\" /* : */ : [ /* ] */ ], } // \"", "{\"preload\": [],\n // a\n}"})
        parsed(text);
    BOOST_TEST(parsed(R"({"models": {"a": {"base": "/*no*/", "adapter": "//comment"}}})")
                   .models.at("a")
                   .adapter.value() == "//comment");
}

BOOST_AUTO_TEST_CASE(relative_paths_are_relative_to_the_files_directory)
{
    const auto base = [](const std::string& written) {
        return parsed(R"({"models":{"a":{"base":")" + written + "\"}}}").models.at("a").base;
    };
    BOOST_TEST(base("/m/a") == "/m/a");
    BOOST_TEST(base("./a") == "/etc/warmd/a");
    BOOST_TEST(base("../a/b") == "/etc/a/b");
    BOOST_TEST(base("org/name") == "org/name"); // a repository in the local cache
    const auto adapter = [](const std::string& written) {
        return parsed(R"({"models":{"a":{"base":"x","adapter":")" + written + "\"}}}")
            .models.at("a")
            .adapter.value();
    };
    BOOST_TEST(adapter("/m/a") == "/m/a");
    BOOST_TEST(adapter("a/b") == "/etc/warmd/a/b");
    BOOST_TEST(adapter("../a") == "/etc/a");
}

BOOST_AUTO_TEST_CASE(a_syntax_error_is_named_with_line_and_column)
{
    struct {
        std::string text, expected;
    } const faults[] = {
        {"", "1:1: incomplete JSON, found the end of the file"},
        {"{\n", "2:1: incomplete JSON, found the end of the file"},
        {"{\n  \"models\" {}\n}", "2:12: syntax error, found '{'"},
        {"{\"preload\": [\"a\" \"b\"]}", "1:18: syntax error, found '\"'"},
        {"{\"préload\": ?}", "1:13: syntax error, found '?'"}, // columns count characters
        {"{\"preload\": []}\n\n  }", "3:3: extra data, found '}'"},
        {"{'models': {}}", "1:2: syntax error, found '''"},
        {"{\"models\": tru}", "1:12: syntax error, found 't'"},
        {"{\"a\": \"b\n\"}", "1:9: syntax error, found the end of the line"},
        {"{\"preload\": [\"\xff\"]}", "1:15: syntax error, found a byte that cannot stand here"},
        {"{ /* a", "1:7: incomplete JSON, found the end of the file"},
        {"{,}", "1:2: syntax error, found ','"},
        {"{\"pin\": [,]}", "1:10: syntax error, found ','"},
        {"{\"pin\": [] // é\n ?}", "2:2: syntax error, found '?'"},
    };
    for (const auto& [text, expected] : faults)
        BOOST_TEST(mistake(text) == expected,
                   text << "\n  expected " << expected << "\n  got      " << mistake(text));
    BOOST_TEST(mistake(std::string(65, '[') + std::string(65, ']')).starts_with("1:65: "));
}

BOOST_AUTO_TEST_CASE(a_member_that_is_not_as_it_must_be_is_named_with_line_and_column)
{
    struct {
        std::string text, place, named;
    } const faults[] = {
        {"[]", "1:1", "must be an object, found []"},
        {"{\n \"model\": {}}", "2:2",
         "'model' is unknown; a configuration has models, workers, limits, access, preload, pin"},
        {"{\"models\": []}", "1:2", "models must be an object, found []"},
        {"{\"models\": {\n\t\"a\": 7}}", "2:2", "models.a must be a ModelSpec object, found 7"},
        {"{\"models\": {\"a\": {}}}", "1:13", "models.a.base is missing"},
        {"{\"models\": {\"a\": {\"base\": \"/x\",\n \"dtype\": \"fp8\"}}}", "2:2",
         "models.a.dtype must be one of auto, fp32, bf16, fp16, int8, int4, found \"fp8\""},
        {"{\"models\": {\"a\": {\"base\": \"/x\", \"adaptor\": 1}}}", "1:33",
         "models.a.adaptor is unknown; a ModelSpec has kind, base, adapter"},
        {"{\"models\": {\"a\": {\"base\": \"~/x\"}}}", "1:19",
         "models.a.base must be an absolute path"},
        {"{\"models\": {\"a\": {\"base\": \"x\", \"adapter\": \"~\"}}}", "1:32",
         "without ~; found '~'"},
        {"{\"models\": {\"a\": {\"base\": \"x\", \"adapter\": \"\"}}}", "1:32",
         "adapter must be a non-empty string"},
        {"{\"models\": {\"a\": {\"base\": \"./\\u0000\"}}}", "1:19", "without NUL"},
        {"{\"models\": {\"\": {\"base\": \"x\"}}}", "1:13", "cannot name a model"},
        {"{\"models\": {\"/a\": {\"base\": \"x\"}}}", "1:13",
         "'/a' cannot name a model: a name is not empty"},
        {"{\"models\": {\"a b\": {\"base\": \"x\"}}}", "1:13", "white space"},
        {"{\"models\": {\"a\\u001b\": {\"base\": \"x\"}}}", "1:13", "control characters"},
        {"{\"models\": {\"a\": {\"base\": \"x\"},\n\"\\u0061\": {\"base\": \"y\"}}}", "2:1",
         "'a' is there twice"},
        {"{\"pin\": [],\n \"pin\": []}", "2:2", "'pin' is there twice"},
        {"{\"models\": {\"a\": {\"base\": \"x\", \"options\": {\"n\": 1, \"n\": 2}}}}", "1:52",
         "'n' is there twice"},
        {"{\"limits\": 3}", "1:2", "limits must be an object, found 3"},
        {"{\"limits\": {\n\n  \"max_wait\": true}}", "3:3",
         "limits.max_wait must be a string or a number, found true"},
        {"{\"preload\": \"a\"}", "1:2", "preload must be an array of names of models, found \"a\""},
        {"{\"preload\": [\n \"a\"], \"models\": {}}", "2:2",
         "preload[0] must be one of the names in models, found \"a\""},
        {"{\"models\": {\"a\": {\"base\": \"x\"}}, \"pin\": [\"a\", 1]}", "1:47",
         "pin[1] must be one of the names in models, found 1"},
    };
    for (const auto& [text, place, named] : faults) {
        const std::string said = mistake(text);
        BOOST_TEST(said.starts_with(place + ": "),
                   text << ": expected " << place << ", got " << said);
        BOOST_TEST(said.find(named) != std::string::npos,
                   text << ": expected " << named << ", got " << said);
    }
}

BOOST_AUTO_TEST_CASE(a_file_is_read_up_to_its_limit_of_size)
{
    const scratch_directory directory;
    const std::string path = directory.path / "warmd.conf";
    std::string text = R"({"models":{"a":{"base":"./m"}}})";
    text.resize(1 << 20, ' ');
    write_file(path, text);
    BOOST_TEST(read_config(path).value().models.at("a").base == (directory.path / "m").string());
    write_file(path, text + ' ');
    BOOST_TEST(read_config(path).error().detail.find("more than 1048576 bytes") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_named_with_the_reason)
{
    const scratch_directory directory;
    const std::string absent = directory.path / "absent", pipe = directory.path / "pipe";
    BOOST_REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    for (const auto& [path, reason] : {std::pair(absent, "No such file"),
                                       {directory.path.string(), "not a regular file"},
                                       {pipe, "not a regular file"}}) {
        const auto refused = read_config(path);
        BOOST_REQUIRE(!refused);
        BOOST_TEST(refused.error().detail.find(path + ": ") != std::string::npos);
        BOOST_TEST(refused.error().detail.find(reason) != std::string::npos,
                   refused.error().detail);
    }
}

BOOST_AUTO_TEST_CASE(names_are_compared_by_what_they_stand_for)
{
    const named_models before{
        {"gone", {.base = "g"}}, {"kept", {.base = "k"}}, {"other", {.base = "o"}}};
    const named_models after{
        {"kept", {.base = "k"}}, {"new", {.base = "g"}}, {"other", {.base = "o", .dtype = "bf16"}}};
    const model_changes found = compare(before, after);
    BOOST_TEST((found.added == names{"new"}));
    BOOST_TEST((found.removed == names{"gone"}));
    BOOST_TEST((found.changed == names{"other"}));
    BOOST_TEST((found.unchanged == names{"kept"}));
}

BOOST_AUTO_TEST_CASE(whatever_is_in_the_file_it_is_read_or_refused_with_a_place_within_it)
{
    const char* given = std::getenv("WARMD_TEST_SEED");
    const std::uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    BOOST_TEST_MESSAGE("WARMD_TEST_SEED=" << seed);
    std::mt19937_64 random(seed);
    const std::string whole = example();
    const std::string interesting = "{}[]\",:/*\\\n \x80\xc3u0";
    for (int run = 0; run != 5'000; ++run) {
        std::string text = whole;
        if (run < static_cast<int>(whole.size()))
            text.resize(static_cast<std::size_t>(run)); // every place to break off
        for (auto changes = random() % 4; changes != 0 && !text.empty(); --changes)
            text[random() % text.size()] = random() % 2 ? interesting[random() % interesting.size()]
                                                        : static_cast<char>(random());
        const auto file = parse_config(text, "/c");
        if (file)
            continue;
        const std::string said = file.error().detail;
        std::size_t line = 0, column = 0;
        BOOST_TEST_REQUIRE(std::sscanf(said.c_str(), "/c:%zu:%zu: ", &line, &column) == 2,
                           "seed " << seed << ": " << said);
        const auto lines = static_cast<std::size_t>(1 + std::count(text.begin(), text.end(), '\n'));
        BOOST_TEST_REQUIRE((line >= 1 && line <= lines && column >= 1 && column <= text.size() + 1),
                           "seed " << seed << ": " << said);
        const json::value quoted = json::string(said);
        BOOST_TEST_REQUIRE(parse_json(canonical_json(quoted)).has_value(),
                           "seed " << seed << ": " << said); // UTF-8: can be sent
    }
}

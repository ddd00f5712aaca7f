#include "suite_file/load.hpp"
#include "suite_file/yaml.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace warmd;
using namespace warmd::suite_file;

namespace {

std::string written(std::string_view yaml)
{
    return json::serialize(parse_yaml(yaml, "s.yaml").value().form);
}

std::string refusal(std::string_view yaml)
{
    const auto read = parse_yaml(yaml, "s.yaml");
    return read ? "none" : read.error().detail;
}

/// A folder that is gone at the end.
struct folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("suite_file_test_" + std::to_string(::getpid()));
    folder() { std::filesystem::create_directories(path / "store/logs"); }
    ~folder() { std::filesystem::remove_all(path); }
    std::string put(const std::string& name, std::string_view content) const
    {
        std::ofstream(path / name) << content;
        return path / name;
    }
};

const std::string one_entry = "suite:\n  - {name: a, kind: delta_kl, prompts: [b]}\n";

} // namespace

BOOST_AUTO_TEST_CASE(plain_scalars_are_those_of_the_core_schema)
{
    BOOST_TEST(written("[1, -2, 0x1f, 0o17, 1.5, .5, 1., -1e3, 18446744073709551615]") ==
               "[1,-2,31,15,1.5E0,5E-1,1E0,-1E3,18446744073709551615]");
    BOOST_TEST(written("[true, False, null, ~, '', \"1\", yes, on, 1_0, 0x, ., 1e, -.]") ==
               R"([true,false,null,null,"","1","yes","on","1_0","0x",".","1e","-."])");
    BOOST_TEST(written("{1: a, true: b, ~: c, d: }") ==
               R"({"1":"a","true":"b","null":"c","d":null})");
}

BOOST_AUTO_TEST_CASE(the_demo_suite_is_the_json_that_it_stands_for)
{
    const std::string suites = WARMD_TEST_DATA "/suites/demo/";
    const auto yaml = parse_yaml(read_file(suites + "suite.yaml").value(), "suite.yaml");
    json::value form = yaml.value().form;
    form.as_object().erase("models");
    const json::value same = parse_json(read_file(suites + "suite.json").value()).value();
    BOOST_TEST(canonical_json(form) == canonical_json(same));
}

BOOST_AUTO_TEST_CASE(what_a_suite_does_not_need_is_refused_where_it_stands)
{
    BOOST_TEST(refusal("a: 1\nb: !!int 2\n") ==
               "s.yaml:2:4: found the tag 'tag:yaml.org,2002:int'; a suite has none");
    BOOST_TEST(refusal("{ä: 1, ä: 2}\n") == "s.yaml:1:8: found the key 'ä' a second time");
    BOOST_TEST(refusal("a: 1\n---\nb: 2\n") ==
               "s.yaml:2:1: found a second document; a suite is one");
    BOOST_TEST(refusal("[a]: 1\n") == "s.yaml:1:1: found a key that is no scalar");
    BOOST_TEST(refusal("a: &x [*x]\n") ==
               "s.yaml:1:8: found an alias of something that it is part of");
    BOOST_TEST(refusal("ö: [1\n") != "none");
    BOOST_TEST(refusal(std::string(64, '[') + std::string(64, ']')) == "none");
    BOOST_TEST(refusal(std::string(65, '[') + std::string(65, ']')) ==
               "s.yaml:1:65: found more than 64 levels");
}

BOOST_AUTO_TEST_CASE(aliases_cannot_grow_without_bound)
{
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i != 9; ++i) {
        const std::string below = "*a" + std::to_string(i - 1);
        bomb += 'a' + std::to_string(i) + ": &a" + std::to_string(i) + " [" + below;
        for (int j = 1; j != 10; ++j)
            bomb += ", " + below;
        bomb += "]\n";
    }
    BOOST_TEST(refusal(bomb).ends_with("aliases that stand for more than 100000 nodes"));
    BOOST_TEST(written("{a: &x [1], b: *x}") == R"({"a":[1],"b":[1]})");
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_suite_is_told_by_line_and_column)
{
    const folder in;
    const std::string path = in.put("s.yaml", "suite:\n"
                                              "  - name: ä\n"
                                              "    kind: delta_kl\n"
                                              "    top_k: 0\n"
                                              "  - {name: ö, kind: x}\n");
    const auto read = load(path);
    BOOST_REQUIRE(!read);
    BOOST_TEST(read.error().detail.starts_with(path + ":4:5: suite[0] \"ä\": top_k: found 0"));
    BOOST_TEST(read.error().detail.find('\n' + path + ":5:15: suite[1] \"ö\": kind: found \"x\"") !=
               std::string::npos);
    const std::string as_json = in.put("s.json", R"({"suite": [
  {"name": "a", "kind": "delta_kl", "prompts": [1]}]})");
    BOOST_TEST(load(as_json).error().detail ==
               as_json + ":2:49: suite[0] \"a\": prompts[0]: found 1, allowed a string");
}

BOOST_AUTO_TEST_CASE(paths_in_a_suite_are_relative_to_its_folder)
{
    const folder in;
    const auto read = load(in.put("s.yaml", one_entry + R"(
models:
  base: {base: ./model, adapter: null}
  ft: {kind: hf, base: ./model, adapter: tuned/../adapter}
)"));
    const json::value& ft = read.value().at("models").at("ft");
    BOOST_TEST(ft.at("base").as_string() == (in.path / "model").native());
    BOOST_TEST(ft.at("adapter").as_string() == (in.path / "adapter").native());
    const auto named = load(in.put("t.yaml", one_entry + "models: {ft: {base: a/b, adapter: c}}"));
    BOOST_TEST(named.value().at("models").at("ft").at("base").as_string() == "a/b");
}

BOOST_AUTO_TEST_CASE(documents_become_sections_of_six_hundred_characters)
{
    const std::string piece(299, 'a'), longer(700, 'b');
    const json::array made =
        sections_of("\n \n " + piece + " \n\t\n" + piece + "\n\n\n" + longer + "\n\nrest", "d.txt");
    BOOST_REQUIRE(made.size() == 3u); // 299 + 2 + 299 are 600
    BOOST_TEST(made[0].at("content").as_string() == piece + "\n\n" + piece);
    BOOST_TEST(made[1].at("content").as_string() == longer);
    BOOST_TEST(made[2].at("content").as_string() == "rest");
}

BOOST_AUTO_TEST_CASE(a_suite_has_the_files_that_it_names)
{
    const folder in;
    in.put("d.txt", "one\n\ntwo\n");
    in.put("store/logs/train-2.jsonl", R"({"type": "step", "step": 3, "loss": null}
{"type": "ep)");
    in.put("store/logs/train-1.jsonl", R"({"type": "step", "step": 1, "loss": 2.5}
{"type": "epoch", "step": 1}
)");
    const auto read = load(in.put("s.yaml", R"(
documents: [d.txt]
sections: [{content: zero}]
suite:
  - {name: t, kind: training_drift, store_path: store}
)"));
    const json::value& form = read.value();
    BOOST_TEST(!form.as_object().contains("documents"));
    BOOST_TEST(form.at("sections").at(1).at("content").as_string() == "one\n\ntwo");
    BOOST_TEST(form.at("sections").at(1).at("tag").as_string() == "d.txt");
    BOOST_TEST(json::serialize(form.at("suite").at(0).at("losses")) == "[[1,2.5E0],[3,null]]");
    const auto without = load(in.put("t.yaml", one_entry + "documents: [none.txt]"));
    BOOST_TEST((without.error().code == errc::not_found));
}

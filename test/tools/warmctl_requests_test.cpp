// What warmctl asks for.

#include "tools/warmctl_runs.hpp"

#include <filesystem>

using namespace warmd;
using namespace warmd::test;

BOOST_AUTO_TEST_CASE(a_model_is_selected_alike_by_every_command_that_takes_one)
{
    const std::string model =
        R"("model":{"kind":"dummy","dtype":"fp32","base":"/m","adapter":"/a","entry_point":"e",)"
        R"("options":{"load_ms":5}})";
    for (const words& command : std::vector<words>{{"load"},
                                                   {"unload"},
                                                   {"tokenize", "x"},
                                                   {"next", "x"},
                                                   {"logprob", "x", "y"},
                                                   {"perplexity", "x"},
                                                   {"generate", "x"},
                                                   {"kl", "x"}}) {
        words typed = command;
        typed.insert(typed.end(), {"-m", "/m", "-a", "/a", "--dtype", "fp32", "--kind", "dummy",
                                   "--entry-point", "e", "--options", "{\"load_ms\": 5}"});
        check_contains(params_of(typed), model);
    }
    BOOST_TEST(params_of({"load", "-m", "org/name", "--revision", "v1"}) ==
               R"({"model":{"revision":"v1","base":"org/name"}})");
    BOOST_TEST(params_of({"load", "-m", "@big"}) == R"({"model":"big"})");
    BOOST_TEST(params_of({"load", "-m", "/m", "--pin", "--keep-alive", "60", "--timeout", "2.5"}) ==
               R"({"model":{"base":"/m"},"timeout":2.5E0,"keep_alive":60,"pin":true})");
}

BOOST_AUTO_TEST_CASE(what_looks_like_a_path_or_is_one_is_sent_absolute_and_a_repository_id_as_it_is)
{
    const test::scratch_directory home;
    std::filesystem::create_directories(home.path / "org" / "here");
    program_input input;
    input.directory = home.path;
    input.environment = {"HOME=/home/of/me"};
    const auto base = [&](const std::string& typed, const words& more = {}) {
        words all{"load", "-m", typed};
        all.insert(all.end(), more.begin(), more.end());
        return params_of(all, input);
    };
    const auto sent = [](const std::string& path) {
        return R"({"model":{"base":")" + path + "\"}}";
    };
    const std::string here = home.path;
    BOOST_TEST(base("org/name") == sent("org/name"));
    BOOST_TEST(base("org/here") == sent(here + "/org/here"));
    BOOST_TEST(base("./org/name") == sent(here + "/org/name"));
    BOOST_TEST(base("../x") == sent(home.path.parent_path() / "x"));
    BOOST_TEST(base("~/m") == sent("/home/of/me/m"));
    BOOST_TEST(base("/m/./n") == sent("/m/n"));
    BOOST_TEST(base("org/here", {"--kind", "dummy"}) ==
               R"({"model":{"kind":"dummy","base":"org/here"}})");
    BOOST_TEST(base("gpt2", {"-a", "adapter"}) ==
               R"({"model":{"base":"gpt2","adapter":")" + here + "/adapter\"}}");
}

BOOST_AUTO_TEST_CASE(a_name_is_sent_as_it_is_and_a_path_with_a_view_absolute)
{
    const test::scratch_directory home;
    std::filesystem::create_directories(home.path / "tuned");
    std::filesystem::create_directories(home.path / "run@2");
    program_input input;
    input.directory = home.path;
    const auto sent = [&](const std::string& typed) {
        return params_of({"load", "-m", typed}, input);
    };
    const auto name = [](const std::string& text) { return R"({"model":")" + text + "\"}"; };
    const std::string here = home.path;
    BOOST_TEST(sent("verses") == name("verses"));
    BOOST_TEST(sent("verses:base") == name("verses:base"));
    BOOST_TEST(sent("@verses@0.5") == name("verses@0.5"));
    BOOST_TEST(sent("/m:null-7") == name("/m:null-7"));
    BOOST_TEST(sent("./m/../n@0.5") == name(here + "/n@0.5"));
    BOOST_TEST(sent("tuned:base") == name(here + "/tuned:base"));
    BOOST_TEST(sent("run@2") == R"({"model":{"base":")" + here + "/run@2\"}}");
    BOOST_TEST(sent("run@2:base") == name(here + "/run@2:base"));
    BOOST_TEST(sent("/m:basic") == R"({"model":{"base":"/m:basic"}})");
}

BOOST_AUTO_TEST_CASE(views_are_sent_as_the_protocol_has_them)
{
    const auto view = [](const std::string& typed) {
        return params_of({"next", "-m", "/m", "--view", typed, "x"});
    };
    check_contains(view("base"), R"("view":"base")");
    check_contains(view("scaled:-0.5"), R"("view":{"scaled":-5E-1})");
    check_contains(view("null"), R"("view":{"null":{"seed":0}})");
    check_contains(view("null:18446744073709551615"),
                   R"("view":{"null":{"seed":18446744073709551615}})");
}

BOOST_AUTO_TEST_CASE(an_adapter_alone_stands_in_the_bases_place)
{
    BOOST_TEST(params_of({"load", "-a", "/out/adapter"}) == R"({"model":{"base":"/out/adapter"}})");
    BOOST_TEST(params_of({"load", "-a", "/out/adapter", "--dtype", "bf16"}) ==
               R"({"model":{"dtype":"bf16","base":"/out/adapter"}})");
}

BOOST_AUTO_TEST_CASE(a_repository_is_looked_for_in_the_cache_of_who_asks_if_its_place_is_set)
{
    const test::scratch_directory cache;
    const std::string root = std::filesystem::canonical(cache.path);
    const std::string snapshot = root + "/models--org--name/snapshots/1111";
    std::filesystem::create_directories(snapshot);
    program_input input;
    input.environment = {"HF_HUB_CACHE=" + root};
    BOOST_TEST(params_of({"load", "-m", "org/name"}, input) ==
               R"({"model":{"base":")" + snapshot + "\"}}");
    BOOST_TEST(params_of({"load", "-m", "org/name", "--revision", "1111"}, input) ==
               R"({"model":{"base":")" + snapshot + "\"}}");
    BOOST_TEST(params_of({"load", "-m", "org/other"}, input) ==
               R"({"model":{"base":"org/other"}})");
}

BOOST_AUTO_TEST_CASE(texts_come_from_files_and_from_lines_of_them)
{
    const test::scratch_directory home;
    test::write_file(home.path / "two.txt", "one\n two \n");
    test::write_file(home.path / "rows.jsonl", R"({"p":"a","c":"b"})"
                                               "\n\n"
                                               R"({"p":"c","c":"d"})");
    program_input input;
    input.directory = home.path;
    const auto texts = [&](words typed) {
        typed.insert(typed.begin(), {"perplexity", "-m", "/m"});
        return params_of(typed, input);
    };
    check_contains(texts({"@two.txt", "@@x", "y"}), R"("texts":["one\n two ","@x","y"])");
    check_contains(texts({"y", "--file", "two.txt"}), R"("texts":["y","one\n two "])");
    check_contains(texts({"--lines", "@two.txt"}), R"("texts":["one"," two "])");
    check_contains(texts({"--jsonl", "p", "@rows.jsonl"}), R"("texts":["a","c"])");
    check_contains(
        params_of({"logprob", "-m", "/m", "--jsonl", "p,c", "--file", "rows.jsonl"}, input),
        R"({"prompt":"a","completion":"b"},{"prompt":"c","completion":"d"})");
    const program_result odd =
        run({"perplexity", "-m", "/m", "--jsonl", "q", "@rows.jsonl"}, input);
    BOOST_TEST(odd.status == 2);
    check_contains(odd.err, R"(@rows.jsonl, line 1 has no text "q", found {"p":"a","c":"b"})");
}

BOOST_AUTO_TEST_CASE(a_files_name_is_a_text_and_a_note_says_so)
{
    const test::scratch_directory home;
    test::write_file(home.path / "README.md", "text");
    program_input input;
    input.directory = home.path;
    const exchange made =
        run_answered("{}", {"--json", "perplexity", "-m", "/m", "README.md"}, input);
    check_contains(made.params(), R"("texts":["README.md"])");
    check_contains(made.said.err,
                   "note: 'README.md' is taken as a text; @README.md is what the file");
}

BOOST_AUTO_TEST_CASE(texts_come_from_arguments_and_from_standard_input)
{
    program_input input;
    input.in = "one\n two \n";
    check_contains(params_of({"next", "-m", "/m", "zero", "-"}, input),
                   R"("prompts":["zero","one\n two "],"top_k":10)");
    check_contains(params_of({"next", "-m", "/m", "zero", "--lines", "-"}, input),
                   R"("prompts":["zero","one"," two "],"top_k":10)");
    check_contains(params_of({"perplexity", "-m", "/m", "--", "-x"}), R"("texts":["-x"])");
    check_contains(params_of({"generate", "-m", "/m", "-"}, input), R"("prompt":"one\n two ")");
    check_contains(params_of({"logprob", "-m", "/m", "a", "b"}),
                   R"("items":[{"prompt":"a","completion":"b"}])");
    input.in = "a\t b\n";
    check_contains(params_of({"logprob", "-m", "/m", "-"}, input),
                   R"("items":[{"prompt":"a","completion":" b"}])");
    input.in = "\xff\n";
    BOOST_TEST(run({"next", "-m", "/m", "-"}, input).status == 2);
}

BOOST_AUTO_TEST_CASE(a_conversation_is_read_from_a_file)
{
    const test::scratch_directory home;
    const std::string talk = (home.path / "talk.json").native();
    test::write_file(talk, "[{\"role\": \"user\",\n  \"content\": \"a\\nb\"}]\n");
    BOOST_TEST(params_of({"render", "-m", "/m", "--messages", talk}) ==
               R"({"model":{"base":"/m"},"messages":[{"role":"user","content":"a\nb"}]})");
    BOOST_TEST(params_of({"render", "-m", "/m", "--messages", talk, "--tools", talk, "--kwargs",
                          "{\"x\":1}", "--template", "rag", "--no-generation-prompt", "--continue"})
                   .ends_with(R"("chat_template_kwargs":{"x":1},"add_generation_prompt":false,)"
                              R"("continue_final_message":true,"chat_template":"rag"})"));
    BOOST_TEST(params_of({"chat-template", "-m", "/m", "--name", "rag"}) ==
               R"({"model":{"base":"/m"},"name":"rag"})");
    test::write_file(talk, "[");
    BOOST_TEST(run({"render", "-m", "/m", "--messages", talk}).status == 2);
    BOOST_TEST(run({"render", "-m", "/m", "--messages", talk + "x"}).status == 2);
    BOOST_TEST(run({"render", "-m", "/m"}).status == 2);
}

BOOST_AUTO_TEST_CASE(each_command_asks_its_method_with_its_own_options)
{
    const auto asked = [](words typed) {
        typed.push_back("--json");
        const exchange made = run_answered("{}", typed);
        return made.method() + ' ' + made.params();
    };
    BOOST_TEST(asked({"stats"}) == "stats {}");
    BOOST_TEST(asked({"unload", "--all", "--no-wait"}) == R"(unload {"all":true,"wait":false})");
    BOOST_TEST(asked({"reload"}) == "reload {}");
    BOOST_TEST(asked({"unload", "--key", "k"}) == R"(unload {"key":"k"})");
    BOOST_TEST(asked({"tokenize", "-m", "/m", "--no-special-tokens", "x"}) ==
               R"(tokenize {"model":{"base":"/m"},"text":"x","add_special_tokens":false})");
    BOOST_TEST(asked({"generate", "-m", "/m", "--temperature", "1", "--top-p", "1", "--top-k", "5",
                      "--seed", "3", "--max-new-tokens", "7", "--stop", "a", "--stop", "b", "x"}) ==
               R"(generate {"model":{"base":"/m"},"prompt":"x","max_new_tokens":7,"temperature":1,)"
               R"("top_p":1,)"
               R"("top_k":5,"seed":3,"stop":["a","b"]})");
    BOOST_TEST(
        asked({"generate", "-m", "/m", "--stop-token", "3", "--stop-token", "4", "--bos", "x"}) ==
        R"(generate {"model":{"base":"/m"},"prompt":"x","max_new_tokens":64,"stop_token_ids":)"
        R"([3,4],"bos":true})");
    BOOST_TEST(
        asked(
            {"kl", "-m", "/m", "--kl", "--from", "base", "--to", "null:1", "--top-k", "9", "x"}) ==
        R"(divergence {"model":{"base":"/m"},"prompts":["x"],"kind":"kl","from":"base","to":)"
        R"({"null":{"seed":1}},"top_k":9})");
    BOOST_TEST(asked({"kl", "-m", "/m", "x"}) ==
               R"(divergence {"model":{"base":"/m"},"prompts":["x"]})"); // the daemon's default
    check_contains(asked({"kl", "-m", "/m", "--js", "x"}), R"("kind":"js")");
    for (words each : std::vector<words>{{"next", "x"},
                                         {"logprob", "x", "y"},
                                         {"perplexity", "x"},
                                         {"generate", "x"},
                                         {"kl", "x"}}) {
        each.insert(each.end(), {"-m", "/m", "--priority", "batch", "--fresh"});
        check_contains(asked(each), R"("priority":"batch","fresh":true)");
    }
    BOOST_TEST(run({"next", "-m", "/m", "--priority", "low", "x"})
                   .err.find(R"(--priority must be "interactive" or "batch", found 'low')") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(call_sends_any_json_on_one_line)
{
    program_input input;
    input.in = "{\n \"keys\": [1,\r\n2] }\n";
    const exchange made = run_answered("[1]", {"call", "some.method", "-"}, input);
    BOOST_TEST(made.method() == "some.method");
    BOOST_TEST(made.params() == R"({"keys":[1,2]})");
    BOOST_TEST(made.said.out == "[1]\n");
}

// The built warmctl against a scripted peer.

#include "support/program.hpp"
#include "support/scripted_peer.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>
#include <future>

using namespace warmd;
using test::answer;
using test::program;
using test::program_input;
using test::program_result;
using test::refusal;
using test::scripted_peer;

namespace {

using words = std::vector<std::string>;

program_result run(const words& typed, program_input input = {})
{
    input.words = typed;
    input.words.insert(input.words.begin(), WARMCTL);
    return program(input).result();
}

/// What warmctl said, and what it asked: the first request, if any.
struct exchange {
    program_result said;
    std::vector<json::object> asked;

    std::string method() const { return std::string(asked.at(0).at("method").as_string()); }
    std::string params() const { return json::serialize(asked.at(0).at("params")); }
};

/// Runs warmctl against a peer that gives `result`, JSON text, to every request.
exchange run_answered(const std::string& result, words typed, program_input input = {})
{
    scripted_peer peer([&](const json::object& request) { return answer(request, result); });
    typed.insert(typed.begin(), {"--socket", peer.path()});
    program_result said = run(typed, std::move(input));
    return {std::move(said), peer.finish()};
}

/// The params that warmctl sends for `typed`.
std::string params_of(words typed, program_input input = {})
{
    typed.insert(typed.begin(), "--json");
    const exchange made = run_answered("{}", std::move(typed), std::move(input));
    BOOST_REQUIRE_MESSAGE(made.asked.size() == 1, made.said.err);
    return made.params();
}

void check_contains(const std::string& text, const std::string& part)
{
    BOOST_TEST(text.find(part) != std::string::npos, text);
}

const words all_commands{"health",     "stats",    "metrics", "ps",       "top",  "watch",
                         "load",       "unload",   "reload",  "tokenize", "next", "logprob",
                         "perplexity", "generate", "kl",      "call"};

} // namespace

BOOST_AUTO_TEST_CASE(every_help_is_one_screen_with_an_example)
{
    const program_result overview = run({"--help"});
    BOOST_TEST(overview.status == 0);
    BOOST_TEST(std::count(overview.out.begin(), overview.out.end(), '\n') <= 24);
    for (const std::string& command : all_commands) {
        const program_result help = run({command, "--help"});
        BOOST_TEST(help.status == 0);
        BOOST_TEST(std::count(help.out.begin(), help.out.end(), '\n') <= 24, command);
        check_contains(help.out, "usage: warmctl " + command);
        check_contains(help.out, "\n  $ warmctl ");
        check_contains(overview.out, "\n  " + command + " ");
    }
    BOOST_TEST(run({"--version"}).out.starts_with("warmctl "));
}

BOOST_AUTO_TEST_CASE(a_usage_error_says_what_was_wrong_and_where_help_is)
{
    const std::vector<std::pair<words, std::string>> cases{
        {{}, "no command"},
        {{"lod"}, "there is no command 'lod'"},
        {{"ps", "--colour"}, "unrecognised option '--colour'"},
        {{"ps", "x"}, "unexpected argument 'x'"},
        {{"load"}, "no model"},
        {{"load", "-m"}, "--model"},
        {{"load", "-m", "/a", "-m", "/b"}, "--model"},
        {{"load", "-m", "/a", "--options", "[1]"}, "--options must be a JSON object, found '[1]'"},
        {{"load", "-m", "@big", "-a", "/b"}, "--adapter cannot go with a configured model"},
        {{"next", "-m", "/a"}, "no prompt"},
        {{"next", "-m", "/a", "--top-k", "0", "x"},
         "--top-k must be a whole number of at least 1 and at most 2147483647, found '0'"},
        {{"next", "-m", "/a", "--top-k", "-1", "x"}, "found '-1'"},
        {{"next", "-m", "/a", "--top-k", "3.5", "x"}, "found '3.5'"},
        {{"next", "-m", "/a", "--view", "both", "x"},
         "--view must be base, ft, scaled:NUMBER or null[:SEED], found 'both'"},
        {{"next", "-m", "/a", "--view", "scaled:nan", "x"}, "found 'nan'"},
        {{"next", "-m", "/a", "--view", "null:-1", "x"}, "found '-1'"},
        {{"next", "-m", "/a", "\xff"}, "is not UTF-8"},
        {{"logprob", "-m", "/a", "alone"}, "come in pairs, found 1 texts"},
        {{"generate", "-m", "/a", "two", "prompts"},
         "exactly one prompt is wanted (- for standard input), found 2"},
        {{"generate", "-m", "/a", "--top-p", "1.5", "x"},
         "--top-p must be a finite number of at least 0 and at most 1, found '1.5'"},
        {{"kl", "-m", "/a", "--js", "--kl", "x"}, "--js and --kl exclude each other"},
        {{"unload"}, "say what to unload"},
        {{"unload", "--all", "--key", "k"}, "say what to unload"},
        {{"call"}, "call wants METHOD"},
        {{"top", "--interval", "0"}, "--interval must be a finite number of at least 0.1"},
        {{"top", "--count", "0"}, "--count must be a whole number of at least 1"},
        {{"watch", "--repeat", "2"}, "--repeat cannot go with watch"},
        {{"top", "x"}, "unexpected argument 'x'"},
        {{"call", "health", "{"}, "PARAMS are not JSON"},
        {{"--timeout", "0", "ps"}, "--timeout must be"},
        {{"ps", "--timeout", "soon"}, "found 'soon'"},
    };
    for (const auto& [typed, said] : cases) {
        const program_result result = run(typed);
        BOOST_TEST(result.status == 2, said);
        BOOST_TEST(result.out == "");
        check_contains(result.err, said);
        check_contains(result.err, "for help: warmctl ");
    }
    check_contains(run({"load"}).err, "for help: warmctl load --help");
}

BOOST_AUTO_TEST_CASE(without_a_daemon_the_status_is_3_and_the_message_says_how_to_start_one)
{
    const program_result result = run({"--socket", "/nonexistent/w.sock", "ps"});
    BOOST_TEST(result.status == 3);
    BOOST_TEST(result.out == "");
    check_contains(result.err, "No such file or directory");
    check_contains(result.err, "warmd --socket /nonexistent/w.sock &");
}

BOOST_AUTO_TEST_CASE(a_daemon_that_hangs_up_is_no_daemon)
{
    scripted_peer peer([](const json::object&) { return std::nullopt; });
    const program_result result = run({"--socket", peer.path(), "health"});
    BOOST_TEST(result.status == 3);
    check_contains(result.err, "hung up");
}

BOOST_AUTO_TEST_CASE(a_daemon_that_says_nothing_is_not_waited_for_and_what_to_do_is_said)
{
    scripted_peer peer([](const json::object&) { return std::string(); });
    const program_result result = run({"--socket", peer.path(), "--timeout", "0.05", "health"});
    BOOST_TEST(result.status == 1);
    check_contains(result.err, "warmctl: timeout: no answer from the daemon in time");
    check_contains(result.err, "says nothing: it may be stopped (kill -CONT PID goes on)");
    check_contains(result.err, "--timeout S waits longer");
}

BOOST_AUTO_TEST_CASE(the_socket_is_the_option_then_the_environment)
{
    program_input environment;
    environment.environment = {"WARMD_SOCKET=/nonexistent/from-environment.sock"};
    check_contains(run({"ps"}, environment).err, "/nonexistent/from-environment.sock");
    check_contains(run({"ps", "--socket", "/nonexistent/option.sock"}, environment).err,
                   "/nonexistent/option.sock");
}

BOOST_AUTO_TEST_CASE(a_refused_request_has_status_1_and_names_its_kind)
{
    scripted_peer peer([](const json::object& request) {
        return refusal(
            request,
            R"({"code":-32002,"message":"cannot load\n\u001b[2J","data":{"kind":"load_failed",)"
            R"("cause":"no config.json","retry_after_seconds":2}})");
    });
    const program_result result = run({"--socket", peer.path(), "load", "-m", "/m"});
    BOOST_TEST(result.status == 1);
    BOOST_TEST(result.out == "");
    BOOST_TEST(result.err == "warmctl: load_failed: cannot load\\n\\x1b[2J (no config.json); worth "
                             "another try in 2.0 s\n");
}

BOOST_AUTO_TEST_CASE(an_answer_of_another_shape_is_a_failure_not_a_crash)
{
    const std::vector<std::pair<words, words>> wrong{
        {{"health"}, {"null", "[]", "{}", R"({"status":1,"ready":true})"}},
        {{"stats"}, {"null", "[]"}},
        {{"ps"}, {"7", R"({"models":7})", R"({"models":[{"key":"k"}]})"}},
        {{"load", "-m", "/m"}, {R"({"key":"k","cached":1})"}},
        {{"tokenize", "-m", "/m", "x"},
         {R"({"ids":[1,2],"tokens":["a"]})", R"({"ids":["a"],"tokens":["a"]})"}},
        {{"next", "-m", "/m", "x"},
         {R"({"distributions":[{"token_ids":[1],"logprobs":[],"tail_logprob":null,"vocab_size":1}]})"}},
        {{"generate", "-m", "/m", "x"}, {R"({"text":null})"}},
        {{"kl", "-m", "/m", "x"},
         {R"({"kind":"js","per_prompt":[],"mean":0,"max":0,"ci_95":[0]})"}},
    };
    for (const auto& [typed, results] : wrong)
        for (const std::string& result : results) {
            const program_result said = run_answered(result, typed).said;
            BOOST_TEST(said.status == 1, typed[0] + ' ' + result);
            BOOST_TEST(said.out == "");
            check_contains(said.err, "not understood");
        }
}

BOOST_AUTO_TEST_CASE(health_has_status_0_only_when_ok_and_ready)
{
    const auto status = [](const std::string& state, const std::string& ready) {
        const std::string result =
            R"({"status":")" + state + R"(","ready":)" + ready +
            R"(,"reasons":["r1"],"version":"0.1.0","pid":7,"uptime_seconds":75,"loaded_models":[{"key":"k1"}],)"
            R"("max_loaded_models":2,"oldest_waiter_seconds":0.5})";
        const exchange plain = run_answered(result, {"health"});
        BOOST_TEST(run_answered(result, {"--json", "health"}).said.status == plain.said.status);
        for (const std::string part :
             {"r1", "0.1.0", "7", "1 min 15 s", "1 of at most 2", "k1", "500.0 ms"})
            check_contains(plain.said.out, part);
        return plain.said.status;
    };
    BOOST_TEST(status("ok", "true") == 0);
    BOOST_TEST(status("ok", "false") == 1);
    BOOST_TEST(status("degraded", "true") == 1);
}

BOOST_AUTO_TEST_CASE(json_prints_the_result_as_it_came)
{
    const std::string result =
        R"({"b":1.5,"a":[-0.25,18446744073709551615,null,true,"\"\n"],"e":1e-9})";
    BOOST_TEST(run_answered(result, {"ps", "--json"}).said.out ==
               R"({"b":1.5,"a":[-0.25,18446744073709551615,null,true,"\"\n"],"e":1e-09})"
               "\n");
}

BOOST_AUTO_TEST_CASE(ps_lines_its_columns_up)
{
    const exchange made = run_answered(
        R"({"models":[{"key":"a-1","state":"ready","bytes":2000000,"estimated_bytes":1,"leases":0,"waiters":0,"pinned":true,)"
        R"("load_seconds":1,"idle_seconds":3.25,"expires_in_seconds":3700,"generation":"g","calls":12},)"
        R"({"key":"longer-2","state":"loading","bytes":0,"estimated_bytes":999,"leases":0,"waiters":3,"pinned":false,)"
        R"("load_seconds":0,"idle_seconds":null,"expires_in_seconds":null,"generation":"g","calls":0}]})",
        {"ps"});
    BOOST_TEST(made.method() == "models");
    BOOST_TEST(made.said.out ==
               "KEY       STATE            SIZE  LEASES  WAITERS   IDLE    EXPIRES  CALLS\n"
               "a-1       ready, pinned  2.0 MB       0        0  3.2 s  1 h 1 min     12\n"
               "longer-2  loading        ~999 B       0        3      -          -      0\n");
    BOOST_TEST(run_answered(R"({"models":[]})", {"ps"}).said.out == "no models\n");
}

BOOST_AUTO_TEST_CASE(stats_have_the_units_that_their_names_say)
{
    BOOST_TEST(run_answered(R"({"a_total":1234567,"b_bytes":1500,"c_seconds":0,"d_seconds":7200})",
                            {"stats"})
                   .said.out == "a_total      1234567\n"
                                "b_bytes       1.5 kB\n"
                                "c_seconds        0 s\n"
                                "d_seconds  2 h 0 min\n");
}

BOOST_AUTO_TEST_CASE(load_says_whose_load_it_was)
{
    const auto out = [](const std::string& cached, const std::string& joined) {
        return run_answered(R"({"key":"k1","model":{},"state":"ready","cached":)" + cached +
                                R"(,"joined":)" + joined +
                                R"(,"load_seconds":3.21,"bytes":2005216,"generation":"g"})",
                            {"load", "-m", "/m"})
            .said.out;
    };
    for (const std::string part : {"k1", "now", "3.2 s", "2.0 MB"})
        check_contains(out("false", "false"), part);
    check_contains(out("true", "false"), "cached");
    check_contains(out("false", "true"), "joined");
}

BOOST_AUTO_TEST_CASE(reload_prints_the_names_of_each_kind)
{
    const exchange made = run_answered(
        R"({"added":["c","d\u001b"],"removed":[],"changed":[],"unchanged":["a"]})", {"reload"});
    BOOST_TEST(made.said.status == 0);
    check_contains(made.said.out, "added      c, d");
    BOOST_TEST(made.said.out.find('\x1b') == std::string::npos);
    check_contains(made.said.out, "removed    -\n");
    check_contains(made.said.out, "unchanged  a\n");
}

BOOST_AUTO_TEST_CASE(a_model_is_selected_alike_by_every_command_that_takes_one)
{
    const std::string model =
        R"("model":{"kind":"dummy","dtype":"fp32","base":"/m","adapter":"/a","entry_point":"e","options":{"load_ms":5}})";
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

BOOST_AUTO_TEST_CASE(texts_come_from_arguments_and_from_lines_of_standard_input)
{
    program_input input;
    input.in = "one\n two \n";
    check_contains(params_of({"next", "-m", "/m", "zero", "-"}, input),
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
    BOOST_TEST(
        asked({"generate", "-m", "/m", "--temperature", "1", "--top-p", "1", "--top-k", "5",
               "--seed", "3", "--max-new-tokens", "7", "--stop", "a", "--stop", "b", "x"}) ==
        R"(generate {"model":{"base":"/m"},"prompt":"x","max_new_tokens":7,"temperature":1,"top_p":1,)"
        R"("top_k":5,"seed":3,"stop":["a","b"]})");
    BOOST_TEST(
        asked({"generate", "-m", "/m", "--stop-token", "3", "--stop-token", "4", "--bos", "x"}) ==
        R"(generate {"model":{"base":"/m"},"prompt":"x","max_new_tokens":64,"stop_token_ids":[3,4],"bos":true})");
    BOOST_TEST(
        asked(
            {"kl", "-m", "/m", "--kl", "--from", "base", "--to", "null:1", "--top-k", "9", "x"}) ==
        R"(divergence {"model":{"base":"/m"},"prompts":["x"],"kind":"kl","from":"base","to":{"null":{"seed":1}},"top_k":9})");
    BOOST_TEST(asked({"kl", "-m", "/m", "x"}) ==
               R"(divergence {"model":{"base":"/m"},"prompts":["x"]})"); // the daemon's default
    check_contains(asked({"kl", "-m", "/m", "--js", "x"}), R"("kind":"js")");
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

BOOST_AUTO_TEST_CASE(next_names_its_tokens_visibly_and_gives_probabilities)
{
    scripted_peer peer([](const json::object& request) {
        if (request.at("method").as_string() == "next_token")
            return answer(
                request,
                R"({"distributions":[{"token_ids":[5,6],"logprobs":[-0.6931472,-1.3862944],)"
                R"("tail_logprob":-1.3862944,"vocab_size":10}]})");
        const bool first = request.at("params").at("ids").at(0).as_int64() == 5;
        return answer(request, first ? R"({"text":" t\u001b\u202e\"\n"})" : R"({"text":"é"})");
    });
    const program_result said = run({"--socket", peer.path(), "next", "-m", "/m", "In\tthe"});
    BOOST_TEST(said.out == "\"In\\tthe\"\n"
                           "  ID  TOKEN                      P  LOGPROB\n"
                           "   5  \" t\\x1b\\u{202e}\\\"\\n\"  0.5000  -0.6931\n"
                           "   6  \"é\"                   0.2500  -1.3863\n"
                           "      8 others              0.2500  -1.3863\n");
    BOOST_TEST(peer.finish().size() == 3u);
}

BOOST_AUTO_TEST_CASE(scores_are_tabulated_and_tokens_shown_on_request)
{
    scripted_peer peer([](const json::object& request) {
        return request.at("method").as_string() == "logprob"
                   ? answer(
                         request,
                         R"({"results":[{"logprob":-2.0,"num_tokens":1,"token_ids":[5,6],"logprobs":[-2.0]}]})")
                   : refusal(request,
                             R"({"code":-32009,"message":"no","data":{"kind":"unsupported"}})");
    });
    const program_result said =
        run({"--socket", peer.path(), "logprob", "-m", "/m", "--tokens", "p", "c"});
    BOOST_TEST(said.out == "COMPLETION  TOKENS       P  LOGPROB  PER TOKEN\n"
                           "\"c\"              1  0.1353  -2.0000    -2.0000\n"
                           "\n"
                           "\"c\"\n"
                           "  ID  TOKEN       P  LOGPROB\n"
                           "   5              -        -\n"
                           "   6         0.1353  -2.0000\n");

    const exchange perplexity = run_answered(
        R"({"results":[{"token_ids":[1,2],"logprobs":[-1],"num_tokens":2,"total_logprob":-1,"mean_logprob":-1,)"
        R"("perplexity":2.7182818}]})",
        {"perplexity", "-m", "/m", "some text"});
    BOOST_TEST(perplexity.method() == "rolling_logprob");
    BOOST_TEST(perplexity.said.out == "TEXT         TOKENS  LOGPROB  PER TOKEN  PERPLEXITY\n"
                                      "\"some text\"       2  -1.0000    -1.0000      2.7183\n");

    const exchange nothing = run_answered(
        R"({"results":[{"token_ids":[1],"logprobs":[],"num_tokens":1,"num_scored":0,"total_logprob":0,)"
        R"("mean_logprob":null,"perplexity":null},{"error":{"code":-32602,"message":"texts[1]: no\u001b",)"
        R"("data":{"kind":"invalid_params"}}}]})",
        {"perplexity", "-m", "/m", "--on-error", "item", "--bos", "a", "b"});
    BOOST_TEST(nothing.params() ==
               R"({"model":{"base":"/m"},"texts":["a","b"],"bos":true,"on_error":"item"})");
    BOOST_TEST(nothing.said.out == "TEXT  TOKENS  LOGPROB  PER TOKEN  PERPLEXITY\n"
                                   "\"a\"        1        –          –           –\n"
                                   "\"b\"        –        –          –           –\n"
                                   "\"b\": texts[1]: no\\x1b\n");
    BOOST_TEST(nothing.said.status == 1); // a part of it failed
    const exchange unscored = run_answered(
        R"({"results":[{"logprob":null,"num_tokens":0,"num_scored":0,"token_ids":[5],"logprobs":[]}]})",
        {"logprob", "-m", "/m", "", "c"});
    BOOST_TEST(unscored.said.out == "COMPLETION  TOKENS  P  LOGPROB  PER TOKEN\n"
                                    "\"c\"              0  –        –          –\n");

    const exchange divergence = run_answered(
        R"({"kind":"js","per_prompt":[0.25,0.5],"mean":0.375,"max":0.5,"ci_95":[0.25,0.5]})",
        {"kl", "-m", "/m", "a", "b"});
    BOOST_TEST(divergence.said.out == "PROMPT                            JS (NATS)\n"
                                      "\"a\"                                  0.2500\n"
                                      "\"b\"                                  0.5000\n"
                                      "mean                                 0.3750\n"
                                      "max                                  0.5000\n"
                                      "95 % interval of the mean  0.2500 to 0.5000\n");

    BOOST_TEST(
        run_answered(R"({"ids":[7,8],"tokens":["In","Ġthe"]})", {"tokenize", "-m", "/m", "In the"})
            .said.out == "#  ID  TOKEN\n"
                         "0   7  \"In\"\n"
                         "1   8  \"Ġthe\"\n");
}

BOOST_AUTO_TEST_CASE(generate_prints_the_text_once_streamed_or_not)
{
    const auto serve = [](const json::object& request) {
        std::string lines;
        if (request.at("params").as_object().contains("stream"))
            for (const std::string text : {"In the", " beg\\n"})
                lines += R"({"jsonrpc":"2.0","method":"$/token","params":{"id":1,"text":")" + text +
                         R"(","token_id":1,"logprob":-1}})" + '\n';
        return lines +
               answer(request,
                      R"({"text":"In the beg\n!","token_ids":[1],"finish_reason":"length"})");
    };
    for (const words& more : std::vector<words>{{}, {"--stream"}}) {
        scripted_peer peer(serve);
        words typed{"--socket", peer.path(), "generate", "-m", "/m", "x"};
        typed.insert(typed.end(), more.begin(), more.end());
        BOOST_TEST(run(typed).out == "In the beg\n!\n");
        BOOST_TEST(peer.finish().at(0).at("params").as_object().contains("stream") ==
                   !more.empty());
    }
}

BOOST_AUTO_TEST_CASE(a_load_is_watched_on_a_terminal_and_leaves_no_trace)
{
    const auto serve = [](const json::object& request) {
        std::string lines;
        for (const std::string value :
             {R"({"stage":"waiting_for_room","position":2})",
              R"({"stage":"loading","bytes_done":500000000,"bytes_total":2000000000})",
              R"({"stage":"running"})"})
            lines += R"({"jsonrpc":"2.0","method":"$/progress","params":{"id":1,"value":)" + value +
                     "}}\n";
        return lines + answer(request, R"({"text":"x"})");
    };
    for (const bool terminal : {true, false}) {
        scripted_peer peer(serve);
        program_input input;
        input.terminal = terminal;
        const program_result said =
            run({"--socket", peer.path(), "generate", "-m", "/m", "x"}, input);
        BOOST_TEST(said.out == "x\n");
        BOOST_TEST(said.err == (terminal ? "waiting for room, position 2\033[K"
                                           "\rloading [#######-----------------------] 25 %, 500.0 "
                                           "MB of 2.0 GB\033[K\r\033[K"
                                         : ""));
        BOOST_TEST(peer.finish().at(0).at("params").as_object().contains("progress") == terminal);
    }
}

BOOST_AUTO_TEST_CASE(an_interrupt_hangs_up_and_exits_130)
{
    std::promise<void> asked;
    scripted_peer peer([&](const json::object&) {
        asked.set_value();
        return std::string();
    });
    program_input input;
    input.words = {WARMCTL, "--socket", peer.path(), "load", "-m", "/m"};
    program waiting(input);
    asked.get_future().wait();
    ::kill(waiting.id(), SIGINT);
    BOOST_TEST(waiting.result().status == 130);
    BOOST_TEST(peer.finish().size() == 1u); // returns only once the connection is closed
}

// -- watch ------------------------------------------------------------

namespace {

std::string event(const std::string& params)
{
    return R"({"jsonrpc":"2.0","method":"event","params":)" + params + "}\n";
}

const std::vector<std::string> some_events{
    R"({"type":"state","time":1767225600.25,"key":"a-1","from":null,"to":"waiting","reason":"requested"})",
    R"({"type":"evicted","time":1767225601,"key":"a-1","reason":"capacity"})",
    R"({"type":"load_failed","time":1767225602,"key":"a-1","message":"no\u001b[2J","cause":"c"})",
    R"({"type":"close_failed","time":1767225603,"key":"a-1","message":"why"})",
    R"({"type":"lost","time":1767225604,"count":3})",
    R"({"type":"newer","time":1767225605,"key":"a-1","x":1})",
};

/// What `watch` prints of some_events before the peer hangs up.
program_result watched(const words& more, std::vector<json::object>& asked)
{
    scripted_peer peer(
        [](const json::object& request) {
            std::string lines = event(some_events[0]) + answer(request, R"({"subscribed":[]})");
            for (std::size_t i = 1; i != some_events.size(); ++i)
                lines += event(some_events[i]);
            return lines;
        },
        true);
    words typed{"--socket", peer.path(), "watch"};
    typed.insert(typed.end(), more.begin(), more.end());
    program_input input;
    input.environment = {"TZ=UTC0"};
    const program_result said = run(typed, input);
    asked = peer.finish();
    return said;
}

} // namespace

BOOST_AUTO_TEST_CASE(watch_prints_a_line_for_each_event_and_ends_with_status_3_when_the_daemon_goes)
{
    std::vector<json::object> asked;
    const program_result said = watched({"evicted", "state"}, asked);
    BOOST_TEST(said.out ==
               "2026-01-01 00:00:00.250  state         a-1  none -> waiting (requested)\n"
               "2026-01-01 00:00:01.000  evicted       a-1  capacity\n"
               "2026-01-01 00:00:02.000  load_failed   a-1  no\\x1b[2J\n"
               "2026-01-01 00:00:03.000  close_failed  a-1  why\n"
               "2026-01-01 00:00:04.000  lost          3 events were not sent, because what came "
               "before them was not read in time\n"
               "2026-01-01 00:00:05.000  newer         a-1  "
               "{\"type\":\"newer\",\"time\":1767225605,\"key\":\"a-1\",\"x\":1}\n");
    BOOST_TEST(said.status == 3);
    check_contains(said.err, "hung up");
    BOOST_REQUIRE(asked.size() == 1U);
    BOOST_TEST(asked[0].at("method").as_string() == "subscribe");
    BOOST_TEST(json::serialize(asked[0].at("params")) == R"({"events":["evicted","state"]})");
}

BOOST_AUTO_TEST_CASE(watch_prints_events_as_json_as_they_came)
{
    std::vector<json::object> asked;
    std::string expected;
    for (const std::string& each : some_events)
        expected += each + '\n';
    BOOST_TEST(watched({"--json"}, asked).out == expected);
}

BOOST_AUTO_TEST_CASE(watch_ends_quietly_at_an_interrupt)
{
    std::promise<void> asked;
    scripted_peer peer([&](const json::object& request) {
        asked.set_value();
        return answer(request, R"({"subscribed":[]})");
    });
    program_input input;
    input.words = {WARMCTL, "--socket", peer.path(), "watch"};
    program watching(input);
    asked.get_future().wait();
    ::kill(watching.id(), SIGINT);
    const program_result said = watching.result();
    BOOST_TEST(said.status == 130);
    BOOST_TEST(said.out + said.err == "");
}

// -- top ------------------------------------------------------------

namespace {

/// A daemon with one model, for top; `looks` counts the samples taken of it.
struct daemon_to_look_at {
    int looks = 0;
    std::promise<void> looked; // once
    scripted_peer peer{[this](const json::object& request) { return serve(request); }};

    std::string serve(const json::object& request)
    {
        const auto method = request.at("method").as_string();
        if (method == "health")
            return answer(
                request,
                R"({"status":"degraded","ready":true,"reasons":["a-1 is late"],"version":"1.2","pid":1,)"
                R"("uptime_seconds":192,"loaded_models":[],"max_loaded_models":2,"oldest_waiter_seconds":0})");
        if (method == "stats")
            return answer(
                request,
                R"({"hits_total":3,"misses_total":1,"joins_total":0,"loaded_models":1,"charged_bytes":2000000})");
        if (++looks == 1)
            looked.set_value();
        return answer(
            request,
            R"({"models":[{"key":"a-1","state":"ready","bytes":2000000,"estimated_bytes":1,"leases":1,"waiters":0,)"
            R"("pinned":false,"load_seconds":1,"idle_seconds":null,"expires_in_seconds":null,"generation":"g",)"
            R"("calls":)" +
                std::to_string(looks == 3 ? 1'000'012 : 12) + "}]}");
    }
};

const std::string header = "warmd 1.2: degraded, up 3 min 12 s; 1 of at most 2 models, 2.0 MB; "
                           "hits 3 (75.0 %)\na-1 is late\n\n"
                           "KEY  STATE    SIZE  LEASES  WAITERS  IDLE  EXPIRES  CALLS/S\n";
const std::string row = "a-1  ready  2.0 MB       1        0     -        -        ";

} // namespace

BOOST_AUTO_TEST_CASE(top_in_a_pipe_prints_one_table_below_the_other)
{
    daemon_to_look_at daemon;
    const program_result said =
        run({"--socket", daemon.peer.path(), "top", "--count", "2", "--interval", "0.1"});
    BOOST_TEST(said.status == 0);
    BOOST_TEST(said.out ==
               header + row + "-\n\n" + header + row.substr(0, row.size() - 2) + "0.0\n");
}

BOOST_AUTO_TEST_CASE(top_as_json_prints_each_look_on_a_line)
{
    daemon_to_look_at daemon;
    const program_result said =
        run({"--socket", daemon.peer.path(), "--json", "top", "--count", "2", "--interval", "0.1"});
    BOOST_TEST(std::count(said.out.begin(), said.out.end(), '\n') == 2);
    const json::value first = parse_json(said.out.substr(0, said.out.find('\n'))).value();
    BOOST_TEST(first.at("models").at(0).at("key").as_string() == "a-1");
    BOOST_TEST(first.at("health").at("version").as_string() == "1.2");
}

BOOST_AUTO_TEST_CASE(top_tells_calls_per_second)
{
    daemon_to_look_at daemon;
    const program_result said =
        run({"--socket", daemon.peer.path(), "top", "--count", "3", "--interval", "0.1"});
    const double rate = std::stod(said.out.substr(said.out.rfind(' ')));
    BOOST_TEST(rate > 0); // a million calls in at least a tenth of a second
    BOOST_TEST(rate <= 1e7);
}

BOOST_AUTO_TEST_CASE(top_on_a_terminal_draws_in_place_until_q_and_gives_it_back)
{
    daemon_to_look_at daemon;
    program_input input;
    input.words = {WARMCTL, "--socket", daemon.peer.path(), "top", "--interval", "3600"};
    input.terminal = input.screen = true;
    program looking(input);
    daemon.looked.get_future().wait();
    looking.type("xq");
    const program_result said = looking.result();
    BOOST_TEST(said.status == 0);
    BOOST_TEST(said.restored);
    BOOST_TEST(said.err.starts_with("\033[?1049h\033[?25l\033[?7l\033[Hwarmd 1.2: degraded"),
               said.err);
    const std::size_t given_back = said.err.find("\033[?7h\033[?25h\033[?1049l");
    BOOST_REQUIRE(given_back != std::string::npos);
    check_contains(said.err.substr(given_back), row); // the last table stays
    BOOST_TEST(said.err.find('x', given_back) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(top_gives_the_terminal_back_at_an_interrupt_and_when_the_daemon_goes)
{
    for (const bool interrupt : {true, false}) {
        std::promise<void> asked;
        scripted_peer peer([&](const json::object&) {
            asked.set_value();
            return interrupt ? std::optional<std::string>("") : std::nullopt;
        });
        program_input input;
        input.words = {WARMCTL, "--socket", peer.path(), "top"};
        input.terminal = input.screen = true;
        program looking(input);
        asked.get_future().wait();
        if (interrupt)
            ::kill(looking.id(), SIGINT);
        const program_result said = looking.result();
        BOOST_TEST(said.status == (interrupt ? 130 : 3));
        BOOST_TEST(said.restored);
        check_contains(said.err, "\033[?7h\033[?25h\033[?1049l");
        if (!interrupt)
            check_contains(said.err.substr(said.err.find("\033[?1049l")), "hung up");
    }
}

BOOST_AUTO_TEST_CASE(output_that_cannot_be_written_is_a_failure)
{
    program_input input;
    input.words = {"/bin/sh", "-c", "exec " WARMCTL " --help > /dev/full"};
    const program_result said = program(input).result();
    BOOST_TEST(said.status == 1);
    check_contains(said.err, "cannot write to standard output");
}

BOOST_AUTO_TEST_CASE(a_reader_that_has_seen_enough_is_no_failure)
{
    // The reader closes its end before warmctl starts; SIGPIPE is ignored, as some parents have it.
    const test::scratch_directory scratch;
    program_input input;
    input.directory = scratch.path;
    input.words = {"/bin/sh", "-c",
                   "trap '' PIPE; mkfifo go; (read line < go; exec " WARMCTL
                   " --help) | (exec <&-; echo go > go)"};
    BOOST_TEST(program(input).result().err == "");
}

// How warmctl is told what to do, and how it ends.

#include "tools/warmctl_runs.hpp"

#include <algorithm>

using namespace warmd;
using namespace warmd::test;

namespace {

const words all_commands{"health",
                         "stats",
                         "metrics",
                         "ps",
                         "top",
                         "watch",
                         "load",
                         "unload",
                         "reload",
                         "tokenize",
                         "render",
                         "chat-template",
                         "next",
                         "logprob",
                         "perplexity",
                         "generate",
                         "kl",
                         "call",
                         "check",
                         "run",
                         "gate",
                         "report",
                         "compare",
                         "chat",
                         "compare-generate",
                         "doctor"};

} // namespace

BOOST_AUTO_TEST_CASE(every_help_is_one_screen_with_an_example)
{
    const program_result overview = run({"--help"});
    BOOST_TEST(overview.status == 0);
    BOOST_TEST(std::count(overview.out.begin(), overview.out.end(), '\n') <= 40); // a line each
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
        {{"load", "-m", "/a@0.5", "--dtype", "bf16"},
         "--dtype cannot go with a view behind the model, '/a@0.5': --view says it"},
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
         "exactly one prompt is wanted (@FILE for a file, - for standard input), found 2"},
        {{"generate", "-m", "/a", "--top-p", "1.5", "x"},
         "--top-p must be a finite number of at least 0 and at most 1, found '1.5'"},
        {{"kl", "-m", "/a", "--js", "--kl", "x"}, "--js and --kl exclude each other"},
        {{"kl", "-m", WARMD_TEST_DATA "/demo/model", "x"}, "both views are the base"},
        {{"perplexity", "-m", "/a", "@/nonexistent"},
         "cannot read the file '/nonexistent' (@@/nonexistent is the text @/nonexistent)"},
        {{"perplexity", "-m", "/a", "--file", "/"}, "cannot read the file '/'"},
        {{"chat", "-m", "/a", "hello"}, "chat takes no words"},
        {{"doctor", "x"}, "doctor takes no words"},
        {{"diff", "s.yaml", "--a", "/a"}, "--a DIR and --b DIR are wanted"},
        {{"watch", "--suite", "s.yaml"}, "say what to watch by one of -a DIR, --pointer FILE"},
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
    check_contains(result.err, "warmctl --start --socket /nonexistent/w.sock COMMAND");
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
         {R"({"distributions":[{"token_ids":[1],"logprobs":[],"tail_logprob":null,)"
          R"("vocab_size":1}]})"}},
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

// How warmctl shows what it was answered.

#include "tools/warmctl_runs.hpp"

using namespace warmd;
using namespace warmd::test;

BOOST_AUTO_TEST_CASE(health_has_status_0_only_when_ok_and_ready)
{
    const auto status = [](const std::string& state, const std::string& ready) {
        const std::string result =
            R"({"status":")" + state + R"(","ready":)" + ready +
            R"(,"reasons":["r1"],"version":"0.1.0","pid":7,"uptime_seconds":75,"loaded_models":)"
            R"([{"key":"k1"}],)"
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
        R"({"models":[{"key":"a-1","state":"ready","bytes":2000000,"estimated_bytes":1,)"
        R"("leases":0,"waiters":0,"pinned":true,)"
        R"("load_seconds":1,"idle_seconds":3.25,"expires_in_seconds":3700,"generation":"g",)"
        R"("calls":12,"running":2,"queued_tokens":1500,"kv_bytes":1,"tokenizer":"base"},)"
        R"({"key":"longer-2","state":"loading","bytes":0,"estimated_bytes":999,"leases":0,)"
        R"("waiters":3,"pinned":false,)"
        R"("load_seconds":0,"idle_seconds":null,"expires_in_seconds":null,"generation":"g",)"
        R"("calls":0,"running":0,"queued_tokens":0,"kv_bytes":0,"tokenizer":null}]})",
        {"ps"});
    BOOST_TEST(made.method() == "models");
    BOOST_TEST(made.said.out ==
               "KEY       STATE            SIZE  RUN  QUEUED  WAIT   IDLE    EXPIRES  CALLS\n"
               "a-1       ready, pinned  2.0 MB    2    1500     0  3.2 s  1 h 1 min     12\n"
               "longer-2  loading        ~999 B    0       0     3      -          -      0\n");
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
                   ? answer(request,
                            R"({"results":[{"logprob":-2.0,"num_tokens":1,"token_ids":[5,6],)"
                            R"("logprobs":[-2.0]}]})")
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
        R"({"results":[{"token_ids":[1,2],"logprobs":[-1],"num_tokens":2,"total_logprob":-1,)"
        R"("mean_logprob":-1,)"
        R"("perplexity":2.7182818}]})",
        {"perplexity", "-m", "/m", "some text"});
    BOOST_TEST(perplexity.method() == "rolling_logprob");
    BOOST_TEST(perplexity.said.out == "TEXT         TOKENS  LOGPROB  PER TOKEN  PERPLEXITY\n"
                                      "\"some text\"       2  -1.0000    -1.0000      2.7183\n");

    const std::string scored = R"({"results":[{"token_ids":[1,2],"perplexity":2.5},)"
                               R"({"error":{"message":"no"}}]})";
    const auto rows = [&](const std::string& form) {
        return run_answered(scored, {"perplexity", "-m", "/m", "--format", form, "a \"b\"", "c"});
    };
    BOOST_TEST(rows("csv").said.out == "text,token_ids,perplexity,error\n"
                                       "\"a \"\"b\"\"\",\"[1,2]\",2.5,\n"
                                       "c,,,\"{\"\"message\"\":\"\"no\"\"}\"\n");
    BOOST_TEST(rows("jsonl").said.out ==
               "{\"text\":\"a \\\"b\\\"\",\"token_ids\":[1,2],\"perplexity\":2.5}\n"
               "{\"text\":\"c\",\"error\":{\"message\":\"no\"}}\n");
    check_contains(rows("xml").said.err, "--format must be table, json, jsonl or csv, found 'xml'");

    const exchange nothing =
        run_answered(R"({"results":[{"token_ids":[1],"logprobs":[],"num_tokens":1,"num_scored":0,)"
                     R"("total_logprob":0,)"
                     R"("mean_logprob":null,"perplexity":null},{"error":{"code":-32602,)"
                     R"("message":"texts[1]: no\u001b",)"
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
        R"({"results":[{"logprob":null,"num_tokens":0,"num_scored":0,"token_ids":[5],"logprobs":)"
        R"([]}]})",
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
    const std::string asked = R"({"template":"default","file":"/m/f","templates":["default"],)"
                              R"("variables":["messages","tools"]})";
    BOOST_TEST(run_answered(asked, {"chat-template", "-m", "/m"}).said.out ==
               "  template   default\n"
               "  file       /m/f\n"
               "  templates  default\n"
               "  variables  messages, tools\n");
}

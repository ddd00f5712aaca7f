#include "warmctl/commands.hpp"

#include "warmctl/doctor.hpp"
#include "warmctl/live.hpp"
#include "warmctl/over_http.hpp"
#include "warmctl/requests.hpp"
#include "warmctl/rows.hpp"
#include "warmctl/saved_reports.hpp"
#include "warmctl/suite_watch.hpp"
#include "warmctl/suites.hpp"
#include "warmctl/talking.hpp"

namespace warmd::ctl {

namespace {

request ask_watch(const question& from)
{
    return from.typed.has("suite") ? ask_suite_watch(from) : ask_subscribe(from);
}

result<bool> watch_what(client& daemon, const arguments& typed, const request& asked)
{
    return typed.has("suite") ? watch_suite(daemon, typed, asked) : watch(daemon, typed, asked);
}

std::vector<command> about_the_daemon()
{
    return {{.name = "health",
             .summary = "is the daemon well?",
             .method = "health",
             .usage = R"(health
Says whether the daemon is well and what is loaded.
exit status: 0 status ok and ready, 1 otherwise, 3 no daemon
)",
             .example = R"(health
  status   ok, ready
  version  0.1.0
  pid      4242
  uptime   3 min 12 s
  models   0 of at most 2
)",
             .ask = ask_plain,
             .show = show_health,
             .good =
                 [](const json::value& result, const arguments&) {
                     return result.at("status") == "ok" && result.at("ready") == true;
                 }},
            {.name = "stats",
             .summary = "counters and gauges",
             .method = "stats",
             .usage = R"(stats
Prints the daemon's counters since its start and its gauges now.
)",
             .example = "--json stats | jq .loads_total\n",
             .ask = ask_plain,
             .show = show_stats},
            {.name = "metrics",
             .summary = "the same and more, as Prometheus reads it",
             .method = "metrics",
             .usage = R"(metrics
Prints the daemon's counters, gauges and histograms in the text format of
Prometheus: for the textfile collector of its node exporter, and for promtool.
)",
             .example = "metrics | promtool check metrics\n",
             .ask = ask_plain,
             .show = show_metrics},
            {.name = "ps",
             .summary = "what is loaded, least recently used first",
             .method = "models",
             .usage = R"(ps
Lists the models that are loaded, loading, waited for or failed, least recently
used first. SIZE is measured, or with ~ estimated. RUN is how many calls are under
way, QUEUED how many tokens of their inputs are not computed yet, WAIT how many
requests wait for the model. IDLE counts from the last use; EXPIRES is when an
idle model goes; - means that it does not apply.
)",
             .example = "ps\n",
             .options = {format_option()},
             .rows = "models",
             .ask = ask_plain,
             .show = show_models},
            {.name = "top",
             .summary = "the same, live",
             .method = "models",
             .usage = R"(top [--interval S] [--count N]
Shows the daemon and its models (as ps does, and calls per second), drawn anew
every few seconds; q ends it. In a pipe: one table below the other. The second
line is about the calls of all models: how many run, how many tokens wait (and of
these of batch requests), how many tokens one step computes and what it takes. The
third is about what need not be computed: beginnings of texts, by the tokens of all
that was asked for, and answers of base views. Both count from the look before.
)",
             .example = "top\n",
             .options = {{.name = "interval", .value = "S", .doc = "seconds between two looks (2)"},
                         {.name = "count", .value = "N", .doc = "end after N looks"}},
             .ask = ask_top,
             .follow = top},
            {.name = "watch",
             .summary = "events as they come; with --suite, an adapter judged as it changes",
             .method = "subscribe",
             .usage = R"(watch [EVENT…] | watch --suite SUITE (-a DIR | --pointer FILE) [OPTION…]
Prints events as they come, one line each, until interrupted: state, evicted (why:
capacity, bytes, idle, stale, admin, shutdown), load_failed, close_failed; without
EVENT, all. With --suite, runs its gate whenever the adapter's files, or the path in
the pointer file, have changed, and keeps the reports.
exit status: of the last gate; 3 when the daemon goes
)",
             .example = R"(watch --suite suite.yaml -a ./out --on-fail 'notify-send failed'
)",
             .options = watch_options(),
             .words = "Event",
             .judges = true,
             .ask = ask_watch,
             .follow = watch_what},
            {.name = "reload",
             .summary = "read the configuration file again",
             .method = "reload",
             .usage = R"(reload
Makes the daemon read its configuration file again, as SIGHUP does, and prints
the names of models that it added, removed, changed and left alone. A file with
a mistake changes nothing.
)",
             .example = R"(reload
  added      smol
  removed    -
  changed    -
  unchanged  llama, llama-tuned
)",
             .ask = ask_plain,
             .show = show_reload}};
}

std::vector<command> about_models()
{
    return {
        {.name = "load",
         .summary = "load a model, or find it loaded",
         .method = "load",
         .usage = R"(load -m BASE [-a DIR] [--pin]
Loads a model, or finds it loaded, and prints its key and size.
)",
         .example = "load -m ./model -a ./adapter\n",
         .options = model_options() + std::vector<option>{{.name = "pin", .sets = "pin"}},
         .scores = true,
         .ask = ask_load,
         .show = show_load},
        {.name = "unload",
         .summary = "let go of a model",
         .method = "unload",
         .usage = R"(unload (-m BASE [-a DIR] | --key KEY | --all) [--no-wait]
Unloads a model once nobody uses it any more, and waits for that.
)",
         .example = "unload --all\n",
         .options = model_options() +
                    std::vector<option>{
                        {.name = "key",
                         .value = "KEY",
                         .sets = "key",
                         .doc = "by its key, as ps prints it"},
                        {.name = "all", .sets = "all", .doc = "every model"},
                        {.name = "no-wait", .sets = "wait", .doc = "do not wait until it is gone"}},
         .ask = ask_unload,
         .show = show_unload},
        {.name = "tokenize",
         .summary = "a text as tokens",
         .method = "tokenize",
         .usage = R"(tokenize -m BASE [--no-special-tokens] TEXT
Prints the tokens of TEXT as the vocabulary has them; @FILE is a file, - standard
input.
)",
         .example = "tokenize -m ./model 'In the beginning'\n",
         .options =
             model_options() +
             std::vector<option>{{.name = "no-special-tokens",
                                  .sets = "add_special_tokens",
                                  .doc = "do not add what the tokenizer puts around a text"}},
         .scores = true,
         .ask = ask_tokenize,
         .show = show_tokens}};
}

std::vector<command> about_chats()
{
    return {
        {.name = "render",
         .summary = "a conversation as the model's chat template writes it",
         .method = "render",
         .usage = R"(render -m BASE [-a DIR] --messages FILE [OPTION…]
Prints the text that the model would see of a conversation: a JSON array of
{"role", "content"} in FILE; - is standard input.
)",
         .example = "render -m ./model --messages talk.json\n",
         .options =
             model_options() +
             std::vector<option>{
                 {.name = "messages", .value = "FILE", .doc = "the conversation", .type = "path"},
                 {.name = "tools", .value = "FILE", .doc = "a JSON array of tools", .type = "path"},
                 {.name = "template", .value = "NAME", .sets = "chat_template"},
                 {.name = "kwargs", .value = "JSON", .doc = "what else the template sees"},
                 {.name = "no-generation-prompt", .doc = "do not begin the answer"},
                 {.name = "continue", .doc = "end where the last message ends"},
                 {.name = "ids", .doc = "print its tokens instead"}},
         .scores = true,
         .ask = ask_render,
         .show = show_rendered},
        {.name = "chat-template",
         .summary = "where the chat template is from, and what it reads",
         .method = "chat_template",
         .usage = R"(chat-template -m BASE [-a DIR] [--name NAME]
Prints the model's chat template's name and file, the names of all that it has, and
the variables that the template takes from outside.
)",
         .example = "chat-template -m ./model\n",
         .options = model_options() +
                    std::vector<option>{{.name = "name", .value = "NAME", .sets = "name"}},
         .scores = true,
         .ask = ask_chat_template,
         .show = show_chat_template}};
}

const option bos = bos_option();
const option on_error{.name = "on-error", .value = "WHAT", .sets = "on_error"};

/// Whether every input could be scored.
bool none_failed(const json::value& result, const arguments&)
{
    for (const auto& [name, parts] : result.as_object())
        if (parts.is_array())
            for (const json::value& part : parts.get_array())
                if (part.is_object() && part.get_object().contains("error"))
                    return false;
    return true;
}

std::vector<command> that_score()
{
    return {
        {.name = "next",
         .summary = "the most probable next tokens after each prompt",
         .method = "next_token",
         .usage = R"(next -m BASE [-a DIR] [--view VIEW] [--top-k K] PROMPT…
Prints the K most probable next tokens after each prompt; @FILE is one in a file,
- one on standard input, with --lines one on each line of it.
)",
         .example = "next -m ./model -a ./adapter --view base 'In the' 'The king'\n",
         .options =
             viewing_options({{.name = "top-k", .value = "K", .sets = "top_k", .otherwise = "10"},
                              bos,
                              on_error,
                              format_option()}),
         .scores = true,
         .rows = "distributions",
         .ask = ask_next,
         .show = show_distributions,
         .good = none_failed},
        {.name = "logprob",
         .summary = "log probability of completions",
         .method = "logprob",
         .usage = R"(logprob -m BASE [-a DIR] [--view VIEW] [--tokens] PROMPT COMPLETION …
Prints how probable each completion is after its prompt, logprobs in nats; - is
a prompt, a tab and a completion on each line of standard input, --file FILE of a
file; --jsonl PROMPT,COMPLETION two members of each line instead.
)",
         .example = "logprob -m ./model 'The sky is' ' blue' 'The sky is' ' green'\n",
         .options = viewing_options({{.name = "tokens", .doc = "each token of the completions too"},
                                     bos,
                                     on_error,
                                     format_option()}),
         .scores = true,
         .rows = "results",
         .ask = ask_logprob,
         .show = show_logprobs,
         .good = none_failed},
        {.name = "perplexity",
         .summary = "perplexity of texts",
         .method = "rolling_logprob",
         .usage = R"(perplexity -m BASE [-a DIR] [--view VIEW] [--tokens] TEXT…
Prints logprob (nats) and perplexity of each text; @FILE is one in a file, - one
on standard input, with --lines one on each line of it.
)",
         .example = "perplexity -a ./adapter --lines @verses.txt\n",
         .options = viewing_options({{.name = "tokens", .doc = "each token of the texts too"},
                                     bos,
                                     on_error,
                                     format_option()}),
         .scores = true,
         .rows = "results",
         .ask = ask_perplexity,
         .show = show_perplexities,
         .good = none_failed},
        {.name = "kl",
         .summary = "how far two views are apart on each prompt",
         .method = "divergence",
         .usage = R"(kl [-m BASE] -a DIR [--js | --kl] [--from VIEW] [--to VIEW] PROMPT…
Prints how far two views' next-token distributions are apart after each prompt, in
nats; @FILE is one in a file, - one on standard input.
)",
         .example = "kl -a ./adapter 'The king said' 'The database'\n",
         .options = scoring_options(
             {{.name = "js", .sets = "kind", .doc = "Jensen-Shannon divergence"},
              {.name = "kl", .sets = "kind", .doc = "Kullback-Leibler divergence KL(to || from)"},
              {.name = "from", .value = "VIEW", .sets = "from"},
              {.name = "to", .value = "VIEW", .sets = "to"},
              {.name = "top-k", .value = "K", .sets = "top_k"},
              bos,
              on_error,
              format_option()}),
         .scores = true,
         .rows = "per_prompt",
         .ask = ask_kl,
         .show = show_divergence,
         .good = none_failed},
        {.name = "call",
         .summary = "any method, parameters as JSON",
         .method = "",
         .usage = R"(call METHOD [PARAMS]
Calls any method with PARAMS, a JSON object (- reads it from standard input), and
prints the result as JSON. Paths must be absolute. rpc.discover lists the methods,
as does warmd-protocol(7).
)",
         .example = R"(call pin '{"model": {"base": "/models/llama"}}'
)",
         .words = "method",
         .ask = ask_call,
         .show = show_json}};
}

std::vector<command> all_commands()
{
    std::vector<command> all;
    for (auto part :
         {about_the_daemon(), std::vector{that_examines()}, commands_over_http(), about_models(),
          about_chats(), that_score(), that_write(), about_suites(), about_saved_reports()})
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

} // namespace

std::span<const command> commands()
{
    static const std::vector<command> all = all_commands();
    return all;
}

} // namespace warmd::ctl

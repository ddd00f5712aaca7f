#include "warmctl/commands.hpp"

#include "warmctl/live.hpp"
#include "warmctl/over_http.hpp"
#include "warmctl/requests.hpp"
#include "warmctl/saved_reports.hpp"
#include "warmctl/suites.hpp"

namespace warmd::ctl {

namespace {

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
             .summary = "events as they come",
             .method = "subscribe",
             .usage = R"(watch [EVENT…]
Prints events as they come, one line each, until interrupted. Without EVENT, all:
  state                 a model waits, loads, is ready, draining, closing, failed
  evicted               it was closed, and why: capacity (for another), bytes,
                        idle, stale (its files changed), admin, shutdown
  load_failed, close_failed
exit status: 3 when the daemon goes
)",
             .example = R"(watch evicted load_failed
  2026-01-31 12:00:00.250  evicted       llama-1f2e…  capacity
)",
             .words = "Event",
             .ask = ask_subscribe,
             .follow = watch},
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
Prints the tokens of TEXT as the vocabulary has them; - is standard input.
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

const option bos{.name = "bos", .sets = "bos"};
const option on_error{.name = "on-error", .value = "WHAT", .sets = "on_error"};

std::vector<option> for_scoring(std::vector<option> own)
{
    return model_options() + std::move(own) +
           std::vector<option>{{.name = "priority",
                                .value = "WHAT",
                                .sets = "priority",
                                .doc = "batch: let others go first"},
                               {.name = "fresh", .sets = "fresh"}};
}

std::vector<option> with_view(std::vector<option> own)
{
    return for_scoring(std::vector<option>{view_option()} + std::move(own));
}

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
Prints the K most probable next tokens after each prompt; - is a prompt on each
line of standard input.
)",
         .example = "next -m ./model -a ./adapter --view base 'In the' 'The king'\n",
         .options = with_view(
             {{.name = "top-k", .value = "K", .sets = "top_k", .otherwise = "10"}, bos, on_error}),
         .scores = true,
         .ask = ask_next,
         .show = show_distributions,
         .good = none_failed},
        {.name = "logprob",
         .summary = "log probability of completions",
         .method = "logprob",
         .usage = R"(logprob -m BASE [-a DIR] [--view VIEW] [--tokens] PROMPT COMPLETION …
Prints how probable each completion is after its prompt, logprobs in nats; - is
a prompt, a tab and a completion on each line of standard input.
)",
         .example = "logprob -m ./model 'The sky is' ' blue' 'The sky is' ' green'\n",
         .options = with_view(
             {{.name = "tokens", .doc = "each token of the completions too"}, bos, on_error}),
         .scores = true,
         .ask = ask_logprob,
         .show = show_logprobs,
         .good = none_failed},
        {.name = "perplexity",
         .summary = "perplexity of texts",
         .method = "rolling_logprob",
         .usage = R"(perplexity -m BASE [-a DIR] [--view VIEW] [--tokens] TEXT…
Prints logprob (nats) and perplexity of each text; - is a text on each line of
standard input.
)",
         .example = "perplexity -m ./model -a ./adapter - < verses.txt\n",
         .options =
             with_view({{.name = "tokens", .doc = "each token of the texts too"}, bos, on_error}),
         .scores = true,
         .ask = ask_perplexity,
         .show = show_perplexities,
         .good = none_failed},
        {.name = "generate",
         .summary = "continue a prompt",
         .method = "generate",
         .usage = R"(generate -m BASE [-a DIR] [--view VIEW] [OPTION…] PROMPT
Continues PROMPT (- is standard input), token by token on a terminal.
)",
         .example = "generate -m ./model -a ./adapter --temperature 0.8 'In the beginning'\n",
         .options = with_view(
             {{.name = "max-new-tokens", .value = "N", .sets = "max_new_tokens", .otherwise = "64"},
              {.name = "temperature", .value = "T", .sets = "temperature"},
              {.name = "top-p", .value = "P", .sets = "top_p"},
              {.name = "top-k", .value = "K", .sets = "top_k"},
              {.name = "seed", .value = "N", .sets = "seed"},
              {.name = "stop",
               .value = "TEXT",
               .sets = "stop",
               .doc = "end before TEXT; may be repeated",
               .repeats = true},
              {.name = "stop-token",
               .value = "ID",
               .sets = "stop_token_ids",
               .doc = "end at this token; may be repeated",
               .repeats = true},
              bos,
              {.name = "stream", .sets = "stream", .doc = "token by token, terminal or not"}}),
         .scores = true,
         .ask = ask_generate,
         .show = show_text},
        {.name = "kl",
         .summary = "how far two views are apart on each prompt",
         .method = "divergence",
         .usage = R"(kl -m BASE -a DIR [--js | --kl] [--from VIEW] [--to VIEW] PROMPT…
Prints how far the next-token distributions of two views are apart after each
prompt, in nats; - is a prompt on each line of standard input.
)",
         .example = "kl -m ./model -a ./adapter 'The king said' 'The database'\n",
         .options = for_scoring(
             {{.name = "js", .sets = "kind", .doc = "Jensen-Shannon divergence"},
              {.name = "kl", .sets = "kind", .doc = "Kullback-Leibler divergence KL(to || from)"},
              {.name = "from", .value = "VIEW", .sets = "from"},
              {.name = "to", .value = "VIEW", .sets = "to"},
              {.name = "top-k", .value = "K", .sets = "top_k"},
              bos,
              on_error}),
         .scores = true,
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
    for (auto part : {about_the_daemon(), commands_over_http(), about_models(), about_chats(),
                      that_score(), about_suites(), about_saved_reports()})
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

#include "warmctl/help.hpp"

#include "warmctl/commands.hpp"

#include <map>

namespace warmd::ctl {

std::string overview()
{
    std::string text = "usage: warmctl [--socket PATH] [--json] [--timeout S] COMMAND …\n"
                       "Talks to warmd, the daemon that keeps language models warm.\n";
    for (const command& each : commands())
        text += "  " + std::string(each.name) + std::string(12 - each.name.size(), ' ') +
                std::string(each.summary) + '\n';
    return text + R"(
  --socket PATH  the daemon's socket (else $WARMD_SOCKET, else the daemon's default)
  --json         print the result as JSON;  --timeout S  give up after S seconds
  --repeat N     ask N times more, and tell on standard error how long that took
  --version, -h, --help;  warmctl COMMAND --help tells of one command
exit status: 0 done, 1 the request failed, 2 usage, 3 no daemon, 130 interrupted
)";
}

namespace {

constexpr std::string_view model_options =
    R"(  -m, --model BASE      the base model: a directory, a Hugging Face repository id
                        (org/name, in the local cache), or @NAME: one of the
                        daemon's configuration
  -a, --adapter DIR     a LoRA adapter
  --dtype auto|fp32|bf16|fp16  --kind KIND  --options JSON  --entry-point NAME
  --keep-alive S        stay loaded for at least S seconds after this
)";
constexpr std::string_view view_option =
    R"(  --view VIEW           base, ft (default), scaled:0.5, null or null:SEED
)";

struct screen {
    std::string_view usage;
    bool has_model = false;
    bool has_view = false;
    std::string_view options; ///< its own
    std::string_view example;
};

const std::map<std::string_view, screen> screens{
    {"health",
     {.usage = R"(health
Says whether the daemon is well and what is loaded.
exit status: 0 status ok and ready, 1 otherwise, 3 no daemon
)",
      .example = R"(health
  status   ok, ready
  version  0.1.0
  pid      4242
  uptime   3 min 12 s
  models   0 of at most 2
)"}},
    {"stats",
     {.usage = R"(stats
Prints the daemon's counters since its start and its gauges now.
)",
      .example = "--json stats | jq .loads_total\n"}},
    {"metrics",
     {.usage = R"(metrics
Prints the daemon's counters, gauges and histograms in the text format of
Prometheus: for the textfile collector of its node exporter, and for promtool.
)",
      .example = "metrics | promtool check metrics\n"}},
    {"ps",
     {.usage = R"(ps
Lists the models that are loaded, loading, waited for or failed, least recently
used first. SIZE is measured, or with ~ estimated; IDLE counts from the last use;
EXPIRES is when an idle model goes; - means that it does not apply.
)",
      .example = "ps\n"}},
    {"top",
     {.usage = R"(top [--interval S] [--count N]
Shows the daemon and its models (as ps does, and calls per second), drawn anew
every few seconds; q ends it. In a pipe: one table below the other.
)",
      .options = R"(  --interval S          seconds between two looks (2)
  --count N             end after N looks
)",
      .example = "top\n"}},
    {"watch",
     {.usage = R"(watch [EVENT…]
Prints events as they come, one line each, until interrupted. Without EVENT, all:
  state                 a model waits, loads, is ready, draining, closing, failed
  evicted               it was closed, and why: capacity (for another), bytes,
                        idle, stale (its files changed), admin, shutdown
  load_failed, close_failed
exit status: 3 when the daemon goes
)",
      .example = R"(watch evicted load_failed
  2026-01-31 12:00:00.250  evicted       llama-1f2e…  capacity
)"}},
    {"load",
     {.usage = R"(load -m BASE [-a DIR] [--pin]
Loads a model, or finds it loaded, and prints its key and size.
)",
      .has_model = true,
      .options = R"(  --pin                 keep it: it is never unloaded to make room
)",
      .example = "load -m ./model -a ./adapter\n"}},
    {"unload",
     {.usage = R"(unload (-m BASE [-a DIR] | --key KEY | --all) [--no-wait]
Unloads a model once nobody uses it any more, and waits for that.
)",
      .has_model = true,
      .options = R"(  --key KEY             by its key, as ps prints it
  --all                 every model
  --no-wait             do not wait until it is gone
)",
      .example = "unload --all\n"}},
    {"reload",
     {.usage = R"(reload
Makes the daemon read its configuration file again, as SIGHUP does, and prints
the names of models that it added, removed, changed and left alone. A file with
a mistake changes nothing.
)",
      .example = R"(reload
  added      smol
  removed    -
  changed    -
  unchanged  llama, llama-tuned
)"}},
    {"tokenize",
     {.usage = R"(tokenize -m BASE [--no-special-tokens] TEXT
Prints the tokens of TEXT as the vocabulary has them; - is standard input.
)",
      .has_model = true,
      .options = R"(  --no-special-tokens   do not add what the tokenizer puts around a text
)",
      .example = "tokenize -m ./model 'In the beginning'\n"}},
    {"next",
     {.usage = R"(next -m BASE [-a DIR] [--view VIEW] [--top-k K] PROMPT…
Prints the K most probable next tokens after each prompt; - is a prompt on each
line of standard input.
)",
      .has_model = true,
      .has_view = true,
      .options = R"(  --top-k K             how many (10)
)",
      .example = "next -m ./model -a ./adapter --view base 'In the' 'The king'\n"}},
    {"logprob",
     {.usage = R"(logprob -m BASE [-a DIR] [--view VIEW] [--tokens] PROMPT COMPLETION …
Prints how probable each completion is after its prompt, logprobs in nats; - is
a prompt, a tab and a completion on each line of standard input.
)",
      .has_model = true,
      .has_view = true,
      .options = R"(  --tokens              each token of the completions too
)",
      .example = "logprob -m ./model 'The sky is' ' blue' 'The sky is' ' green'\n"}},
    {"perplexity",
     {.usage = R"(perplexity -m BASE [-a DIR] [--view VIEW] [--tokens] TEXT…
Prints logprob (nats) and perplexity of each text; - is a text on each line of
standard input.
)",
      .has_model = true,
      .has_view = true,
      .options = R"(  --tokens              each token of the texts too
)",
      .example = "perplexity -m ./model -a ./adapter - < verses.txt\n"}},
    {"generate",
     {.usage = R"(generate -m BASE [-a DIR] [--view VIEW] [OPTION…] PROMPT
Prints the continuation of PROMPT, token by token on a terminal; - is standard
input.
)",
      .has_model = true,
      .has_view = true,
      .options = R"(  --max-new-tokens N    at most so many (64)
  --temperature T       0 (default): always the most probable token
  --top-p P             draw from the smallest set of mass P (1)
  --top-k K             draw from the K most probable (0: all)
  --seed N              the same seed gives the same text (0)
  --stop TEXT           end before TEXT; may be repeated
  --stream              token by token, terminal or not
)",
      .example = "generate -m ./model -a ./adapter --temperature 0.8 'In the beginning'\n"}},
    {"kl",
     {.usage = R"(kl -m BASE -a DIR [--js | --kl] [--from VIEW] [--to VIEW] PROMPT…
Prints how far the next-token distributions of two views are apart after each
prompt, in nats; - is a prompt on each line of standard input.
)",
      .has_model = true,
      .options = R"(  --js                  Jensen-Shannon divergence (default)
  --kl                  Kullback-Leibler divergence KL(to || from)
  --from VIEW           base (default), ft, scaled:0.5, null or null:SEED
  --to VIEW             ft by default
  --top-k K             compare the K most probable tokens (256)
)",
      .example = "kl -m ./model -a ./adapter 'The king said' 'The database'\n"}},
    {"call",
     {.usage = R"(call METHOD [PARAMS]
Calls any method with PARAMS, a JSON object (- reads it from standard input), and
prints the result as JSON. Paths must be absolute. rpc.discover lists the methods.
)",
      .example = R"(call pin '{"model": {"base": "/models/llama"}}'
)"}},
};

} // namespace

std::string help_of(std::string_view command)
{
    const screen& found = screens.at(command);
    std::string text = "usage: warmctl " + std::string(found.usage);
    const std::string_view model = found.has_model ? model_options : "";
    const std::string_view view = found.has_view ? view_option : "";
    for (const std::string_view part : {model, view, found.options})
        text += part;
    return text + "\n  $ warmctl " + std::string(found.example);
}

} // namespace warmd::ctl

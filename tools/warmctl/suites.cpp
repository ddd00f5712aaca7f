#include "warmctl/suites.hpp"

#include "warmctl/difference.hpp"
#include "warmctl/format.hpp"

#include "evaluation/packs.hpp"
#include "report/report.hpp"
#include "suite_file/load.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <sstream>

namespace warmd::ctl {

namespace {

namespace files = warmd::suite_file;

/// What can be said of a file that cannot be read is about what was typed.
template <class T>
T readable(result<T> of)
{
    if (!of)
        throw usage_error(of.error().detail);
    return std::move(*of);
}

std::string only_word(const arguments& typed, const std::string& what)
{
    if (typed.words().size() != 1)
        throw usage_error("one " + what + " is wanted, found " +
                          std::to_string(typed.words().size()));
    return typed.words().front();
}

reports::report report_of(const json::value& result)
{
    return reports::read_report(result).value();
}

// -- what is asked
// ---------------------------------------------------------------------------------

/// As far as the command line names a model: else the suite does.
void write_examined(json_writer& out, const arguments& typed)
{
    if (typed.has("model"))
        out.key("model").raw(model_text(typed));
    else if (const auto adapter = typed.text("adapter"))
        out.member("model", absolute_path(*adapter)); // its file names the base
}

request run_of(const question& from, const json::value& suite)
{
    request made{typed_method(from), "", {}};
    json_writer out(made.params);
    out.begin_object().key("suite").raw(json_text(suite));
    if (made.method == "suite.run") {
        write_examined(out, from.typed);
        if (const auto timeout = from.typed.timeout())
            out.member("timeout", *timeout);
        if (from.progress)
            out.member("progress", true);
    }
    write_options(out, from.by, made.method, from.asked.options, from.typed);
    if (const auto only = from.typed.text("only")) {
        out.key("only").begin_array();
        std::istringstream names(*only);
        for (std::string name; std::getline(names, name, ',');)
            out.value(name);
        out.end_array();
    }
    out.end_object();
    return made;
}

/// adherence=1,ablation=0 over the suite's own weights.
void set_weights(json::value& suite, const std::string& typed)
{
    json::object& form = suite.as_object();
    json::value& defaults = form["defaults"];
    if (!defaults.is_object())
        defaults.emplace_object();
    json::value& weights = defaults.get_object()["score_weights"];
    if (!weights.is_object())
        weights.emplace_object();
    std::istringstream parts(typed);
    for (std::string part; std::getline(parts, part, ',');) {
        const std::size_t equals = part.find('=');
        if (equals == part.npos)
            throw usage_error("--weights must be NAME=NUMBER,…, found '" + typed + "'");
        weights.get_object()[part.substr(0, equals)] =
            read_number<double>("--weights", part.substr(equals + 1), 0, 1e9);
    }
}

} // namespace

request ask_suite(const question& from, const std::string& file)
{
    const bool named = from.typed.has("model") || from.typed.has("adapter") ||
                       from.typed.has("pointer") || from.typed.has("a");
    json::value suite = readable(files::load(file, !named));
    if (const auto weights = from.typed.text("weights"))
        set_weights(suite, *weights);
    return run_of(from, suite);
}

namespace {

request ask_run(const question& from) { return ask_suite(from, only_word(from.typed, "SUITE")); }

/// The lines of a file as prompts of everything that `check` asks one.
void set_prompts(json::array& entries, const std::string& file)
{
    json::array prompts;
    std::istringstream lines(readable(files::read_file(file)));
    for (std::string line; std::getline(lines, line);)
        if (!line.empty())
            prompts.emplace_back(line);
    if (prompts.empty())
        throw usage_error(file + " has no prompts: one on each line");
    for (json::value& each : entries)
        if (each.get_object().contains("prompts"))
            each.get_object()["prompts"] = prompts;
}

/// What the adapter was trained on: whether it was learned, and whether it is recited.
void add_documents(json::object& suite, json::array& entries, const std::vector<std::string>& of)
{
    json::array sections;
    for (const std::string& each : of)
        for (json::value& section : files::sections_of(readable(files::read_file(each)), each))
            sections.push_back(std::move(section));
    entries.push_back({{"name", "sections"}, {"kind", "section_internalization"}});
    entries.push_back({{"name", "recital"}, {"kind", "leakage"}});
    entries.front().get_object().erase("draws"); // as many as two comparisons need
    suite["sections"] = std::move(sections);
}

request ask_check(const question& from)
{
    const std::string adapter = absolute_path(only_word(from.typed, "ADAPTER"));
    json::value suite = parse_json(evaluation::check_suite_text()).value();
    json::object& form = suite.get_object();
    json::array& entries = form["suite"].get_array();
    if (const auto prompts = from.typed.text("prompts"))
        set_prompts(entries, *prompts);
    if (const auto documents = from.typed.texts("document"); !documents.empty())
        add_documents(form, entries, documents);
    request made{"suite.run", "", {}};
    json_writer out(made.params);
    out.begin_object().key("suite").raw(json_text(suite)).key("model");
    if (const auto base = from.typed.text("base")) {
        const bool path =
            base->starts_with('/') || base->starts_with('.') || base->starts_with('~');
        out.begin_object().member("base", path ? absolute_path(*base) : *base);
        out.member("adapter", adapter).end_object();
    } else {
        out.value(adapter); // its adapter_config.json names the base
    }
    if (const auto timeout = from.typed.timeout())
        out.member("timeout", *timeout);
    if (from.progress)
        out.member("progress", true);
    out.end_object();
    return made;
}

// -- what is shown
// ---------------------------------------------------------------------------------

std::string show_report(const answer& from)
{
    const json::object& result = from.result.as_object();
    if (!result.contains("schema_version")) // a dry run
        return "probes  " + json_text(result.at("probes")) + "\ndraws   " +
               json_text(result.at("draws")) + ", at least " + json_text(result.at("need_draws")) +
               '\n';
    return reports::terminal_text(report_of(from.result), from.coloured);
}

std::string show_check(const answer& from)
{
    const light shown = light_of(from.result);
    static constexpr std::string_view words[] = {"green", "yellow", "red"};
    static constexpr std::string_view paints[] = {"\033[1;32m", "\033[1;33m", "\033[1;31m"};
    const auto which = static_cast<std::size_t>(shown.is);
    const std::string word =
        from.coloured ? std::string(paints[which]) + std::string(words[which]) + "\033[0m"
                      : std::string(words[which]);
    return word + ": " + shown.sentence + "\n\n" +
           reports::terminal_text(report_of(from.result), from.coloured);
}

bool check_is_good(const json::value& result, const arguments& typed)
{
    const auto is = light_of(result).is;
    return is == light::colour::green || (is == light::colour::yellow && !typed.has("strict"));
}

std::vector<output_file> outputs_of(const json::value& result, const arguments& typed)
{
    std::vector<output_file> made;
    if (!result.as_object().contains("schema_version"))
        return made;
    const reports::report read = report_of(result);
    using renderer = std::string (*)(const reports::report&);
    for (const auto& [option, render] :
         {std::pair<const char*, renderer>("markdown", reports::markdown),
          std::pair<const char*, renderer>("junit", reports::junit),
          std::pair<const char*, renderer>("html", reports::html)})
        if (const auto path = typed.text(option))
            made.push_back({*path, render(read)});
    if (const auto path = typed.text("out"))
        made.push_back({*path, json_text(result) + '\n'});
    return made;
}

// -- the commands
// ----------------------------------------------------------------------------------

std::vector<option> output_options()
{
    return {{.name = "markdown",
             .value = "FILE",
             .doc = "write the report as Markdown, too",
             .type = "path"},
            {.name = "junit", .value = "FILE", .doc = "as JUnit's XML", .type = "path"},
            {.name = "html", .value = "FILE", .doc = "as one page with its charts", .type = "path"},
            {.name = "out", .value = "FILE", .doc = "as JSON", .type = "path"}};
}

std::vector<option> run_options()
{
    return model_options() +
           std::vector<option>{
               {.name = "mode", .value = "MODE", .sets = "mode", .doc = "default or compat"},
               {.name = "weights", .value = "NAME=W,…", .doc = "of the score's components"},
               {.name = "only", .value = "NAMES", .doc = "these entries, with commas between"}} +
           output_options();
}

const option strict{.name = "strict", .doc = "nothing may be skipped, missing or doubtful either"};

command check_command()
{
    return {.name = "check",
            .summary = "does this adapter work, and what did it break?",
            .method = "suite.run",
            .usage = R"(check ADAPTER [--base BASE] [OPTION…]
Measures an adapter against random ones of its size, at several scales, on common
facts and on ordinary prose. green: it works, and nothing broke; yellow: it works,
and something broke; red: it does no more than chance.
exit status: 0 green or yellow, 1 red, 2 it could not be measured, 3 no daemon
)",
            .example = "check ./adapter --html report.html\n",
            .options = std::vector<option>{{.name = "base",
                                            .value = "BASE",
                                            .doc = "else as adapter_config.json says",
                                            .type = "path"},
                                           {.name = "prompts",
                                            .value = "FILE",
                                            .doc = "one on each line, in place of ours",
                                            .type = "path"},
                                           {.name = "document",
                                            .value = "FILE",
                                            .doc = "what it was trained on; may be repeated",
                                            .type = "path",
                                            .repeats = true},
                                           {.name = "strict", .doc = "1 for yellow, too"}} +
                       output_options(),
            .scores = true,
            .judges = true,
            .ask = ask_check,
            .show = show_check,
            .good = check_is_good,
            .files = outputs_of};
}

command run_command()
{
    return {.name = "run",
            .summary = "ask all of a suite, and show the report",
            .method = "suite.run",
            .usage = R"(run SUITE [-m BASE] [-a ADAPTER] [OPTION…]
Asks all of a suite, a file in YAML or JSON, and prints the report.
exit status: 0 it ran, 2 the suite is wrong or could not be run, 3 no daemon
)",
            .example = "run suite.yaml -a ./adapter --html report.html\n",
            .options = run_options() + std::vector<option>{{.name = "dry-run",
                                                            .doc = "read it, and say what it "
                                                                   "would ask"}},
            .scores = true,
            .judges = true,
            .ask = ask_run,
            .show = show_report,
            .files = outputs_of};
}

command gate_command()
{
    return {.name = "gate",
            .summary = "run a suite, and say whether the adapter passes",
            .method = "suite.run",
            .usage = R"(gate SUITE [-m BASE] [-a ADAPTER] [--threshold T] [--strict] [OPTION…]
Runs a suite as run does.
exit status: 0 the adapter passes, 1 it does not, 2 it could not be judged, 3 no daemon
)",
            .example = "gate suite.yaml -a ./adapter --threshold 0.6 --junit gate.xml\n",
            .options = run_options() + std::vector<option>{{.name = "threshold",
                                                            .value = "T",
                                                            .doc = "the least score that passes"},
                                                           strict},
            .scores = true,
            .judges = true,
            .ask = ask_run,
            .show = show_report,
            .good = passes_gate,
            .files = outputs_of};
}

} // namespace

request on_adapter(const request& run, const arguments& typed, const std::string& adapter)
{
    json::object params = parse_json(run.params).value().as_object();
    if (const auto base = typed.text("model"))
        params["model"] = json::object{{"base", absolute_path(*base)}, {"adapter", adapter}};
    else
        params["model"] = adapter; // its file names the base
    return {run.method, json_text(params), run.texts};
}

std::string typed_method(const question& from)
{
    return from.typed.has("dry-run") ? "suite.validate" : "suite.run";
}

light light_of(const json::value& result)
{
    const reports::report read = report_of(result);
    const reports::probe* const effect = reports::find_kind(read, "delta_kl");
    if (!effect || effect->verdict != "pass") {
        if (effect && effect->raw == 0.0)
            return {light::colour::red, "the adapter changes nothing"};
        const bool measured = effect && effect->verdict == "fail";
        const bool by_chance = measured && effect->evidence.contains("chance");
        return {light::colour::red, by_chance  ? "no more than a random adapter of its size"
                                    : measured ? "it moves the model less than an adapter should"
                                               : "its effect could not be measured"};
    }
    std::string broken;
    for (const reports::probe& each : read.probes)
        if (each.verdict == "fail" || each.verdict == "error")
            broken += (broken.empty() ? "" : ", ") + visible(each.name);
    if (broken.empty())
        return {light::colour::green, "it works, and nothing broke"};
    return {light::colour::yellow, "it works, and it broke " + broken};
}

bool passes_gate(const json::value& result, const arguments& typed)
{
    const reports::report read = report_of(result);
    if (!read.gate_ok.value_or(false) ||
        read.overall < typed.number("threshold", 0.0, 1.0).value_or(0))
        return false;
    return !typed.has("strict") ||
           (read.missing.empty() &&
            std::none_of(read.probes.begin(), read.probes.end(), [](const reports::probe& each) {
                return each.verdict == "skip" || each.verdict == "warn";
            }));
}

std::vector<command> about_suites()
{
    return {check_command(), run_command(), gate_command(), that_differs()};
}

} // namespace warmd::ctl

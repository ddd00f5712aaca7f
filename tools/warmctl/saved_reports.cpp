#include "warmctl/saved_reports.hpp"

#include "warmctl/format.hpp"

#include "report/report.hpp"
#include "suite_file/load.hpp"

#include <utility>

namespace warmd::ctl {

namespace {

struct saved {
    json::value content;
    reports::report read;
};

/// Throws usage_error if there is no report in the file.
saved read_saved(const std::string& path)
{
    const auto text = suite_file::read_file(path);
    if (!text)
        throw usage_error(text.error().detail);
    auto content = parse_json(*text);
    if (!content)
        throw usage_error(path + ": " + content.error().detail);
    auto read = reports::read_report(*content);
    if (!read)
        throw usage_error(path + ": " + read.error().detail);
    return {std::move(*content), std::move(*read)};
}

std::string rendered(const saved& of, const std::string& format, bool coloured)
{
    if (format == "text")
        return reports::terminal_text(of.read, coloured);
    if (format == "markdown")
        return reports::markdown(of.read);
    if (format == "junit")
        return reports::junit(of.read);
    if (format == "html")
        return reports::html(of.read);
    if (format == "json")
        return json_text(of.content) + '\n';
    throw usage_error("--format must be text, markdown, junit, html or json, found '" + format +
                      "'");
}

local_answer render_report(const arguments& typed, bool coloured)
{
    if (typed.words().size() != 1)
        throw usage_error("one REPORT is wanted, found " + std::to_string(typed.words().size()));
    const auto out = typed.text("out");
    std::string text = rendered(read_saved(typed.words().front()),
                                typed.text("format").value_or("text"), coloured && !out);
    if (out)
        return {.shown = "", .files = {{*out, std::move(text)}}};
    return {.shown = std::move(text)};
}

local_answer compare_reports(const arguments& typed, bool coloured)
{
    if (typed.words().size() < 2)
        throw usage_error("two reports or more are wanted, found " +
                          std::to_string(typed.words().size()));
    std::vector<reports::named_report> all;
    for (const std::string& each : typed.words())
        all.emplace_back(each, read_saved(each).read);
    reports::comparison made =
        reports::compare(all, typed.number<double>("fail-on-regression", 0), coloured);
    return {.shown = std::move(made.text), .files = {}, .good = !made.regressed};
}

} // namespace

std::vector<command> about_saved_reports()
{
    return {{.name = "compare",
             .summary = "saved reports of suites, side by side",
             .method = "",
             .usage = R"(compare REPORT… [--fail-on-regression D]
Shows what changed from each report to the next. Asks no daemon.
exit status: 1 if a verdict went from pass to fail, or a score fell by more than D
)",
             .example = "compare monday.json today.json --fail-on-regression 0.1\n",
             .options = {{.name = "fail-on-regression",
                          .value = "D",
                          .doc = "by how much a score may fall"}},
             .local = compare_reports},
            {.name = "report",
             .summary = "a saved report of a suite in another form",
             .method = "",
             .usage = R"(report REPORT [--format WHAT] [--out FILE]
Renders a report of a suite that stands in a file. Asks no daemon.
)",
             .example = "report today.json --format html --out today.html\n",
             .options = {{.name = "format",
                          .value = "WHAT",
                          .doc = "text, markdown, junit, html or json",
                          .otherwise = "text"},
                         {.name = "out", .value = "FILE", .doc = "write it there", .type = "path"}},
             .local = render_report}};
}

} // namespace warmd::ctl

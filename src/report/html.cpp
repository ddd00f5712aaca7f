#include "report/charts.hpp"
#include "report/svg.hpp"
#include "report/words.hpp"

namespace warmd::reports {

namespace {

// Every pair of text and ground has a contrast of at least 4.5 (WCAG 2.1 §1.4.3), in both schemes.
constexpr std::string_view style = R"(<style>
:root { color-scheme: light dark; --ground: #fff; --ink: #1b1d20; --faint: #595f66;
  --rule: #c9ced4; --accent: #1f5fa8; --on: #fff; --pass: #176b34; --fail: #a11622; --warn: #7a5200;
  --band0: #d9dde2; --band1: #b9cbe0; --band2: #a5d3b4; --band3: #7dbb93; --chance: #e6e9ed; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14171a; --ink: #e9ebee; --faint: #a9b0b8; --rule: #454c54; --accent: #7db7ff;
    --on: #10202f; --pass: #6fd08c; --fail: #ff9a9a; --warn: #f0c060; --band0: #30363d;
    --band1: #2b4360; --band2: #22553a; --band3: #2f7a50; --chance: #262c33; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; background: var(--ground);
  color: var(--ink); font: 1rem/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: .4rem 0; } h2 { font-size: 1.15rem; margin: 1.6rem 0 .4rem; }
p { margin: .3rem 0; } .faint { color: var(--faint); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--rule);
  vertical-align: top; font-variant-numeric: tabular-nums; }
th { color: var(--faint); font-weight: 600; }
.probes td, .probes th, .heat td, .heat th { white-space: nowrap; }
.probes td.words { white-space: normal; min-width: 14rem; }
.pass { color: var(--pass); } .fail, .error { color: var(--fail); } .warn { color: var(--warn); }
.skip { color: var(--faint); }
.verdict { white-space: nowrap; font-weight: 600; }
.charts { display: grid; gap: 1.2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); }
figure { margin: 0; } figcaption { margin-bottom: .4rem; }
svg { width: 100%; height: auto; max-width: 34rem; display: block; }
details { color: var(--faint); } summary { cursor: pointer; }
.t, .on { font: 12px system-ui, sans-serif; fill: var(--ink); } .on { fill: var(--on); }
.axis { stroke: var(--faint); stroke-width: 1; }
.limit { stroke: var(--ink); stroke-dasharray: 4 3; }
.curve { stroke: var(--accent); stroke-width: 2; fill: none; }
.dashed { stroke: var(--faint); stroke-dasharray: 5 4; fill: none; }
.point, .bar { fill: var(--accent); } .draw { fill: var(--faint); } .chance { fill: var(--chance); }
.real { fill: var(--ink); stroke: var(--ground); stroke-width: 1.5; }
.band0 { fill: var(--band0); } .band1 { fill: var(--band1); } .band2 { fill: var(--band2); }
.band3 { fill: var(--band3); }
.heat1 { background: var(--band0); } .heat2 { background: var(--band1); }
.heat3, .heat4 { background: var(--band2); }
@media print { :root { --ground: #fff; --ink: #000; --faint: #444; --rule: #bbb; --accent: #1f5fa8;
    --on: #fff; --pass: #176b34; --fail: #a11622; --warn: #7a5200; --band0: #d9dde2;
    --band1: #b9cbe0; --band2: #a5d3b4; --band3: #7dbb93; --chance: #e6e9ed; }
  figure { break-inside: avoid; } .charts { display: block; } .scroll { overflow: visible; } }
</style>
)";

std::string cell(const std::string& text, std::string_view css = {})
{
    return (css.empty() ? "<td>" : "<td class=\"" + std::string(css) + "\">") + html_escaped(text) +
           "</td>";
}

/// A class of the style, whatever a report says.
std::string_view verdict_class(std::string_view verdict)
{
    for (const std::string_view known : {"pass", "fail", "warn", "skip", "error"})
        if (verdict == known)
            return known;
    return "skip";
}

std::string row_of(const probe& of)
{
    return "<tr>" +
           cell(verdict_text(of.verdict), "verdict " + std::string(verdict_class(of.verdict))) +
           cell(of.name) + cell(of.kind, "faint") + cell(number_text(of.score)) +
           cell(number_text(of.raw)) + cell(interval_text(of)) + cell(chance_text(of)) +
           cell(of.message, "words") + "</tr>\n";
}

std::string table_of(const report& of)
{
    std::string made = "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Probes\">"
                       "<table class=\"probes\">\n<tr>";
    for (const std::string& head :
         {std::string("verdict"), std::string("probe"), std::string("kind"), std::string("score"),
          std::string("raw"), std::string("95 %"), std::string(chance_head(of)),
          std::string("note")})
        made += "<th scope=\"col\">" + head + "</th>";
    made += "</tr>\n";
    for (const probe& each : of.probes)
        made += row_of(each);
    return made + "</table></div>\n";
}

std::string list_of(std::string_view title, const std::vector<std::string>& lines)
{
    if (lines.empty())
        return {};
    std::string made = "<h2>" + std::string(title) + "</h2>\n<ul>\n";
    for (const std::string& each : lines)
        made += "<li>" + html_escaped(each) + "</li>\n";
    return made + "</ul>\n";
}

std::string origin_of(const report& of)
{
    return of.adapter + " on " + of.base + ", " + of.mode + " mode, " + of.started_at + ", " +
           number_text(of.seconds) + " s, " + of.made_by;
}

} // namespace

std::string html(const report& of)
{
    const std::string title =
        headline(of) + (of.adapter.empty() ? "" : ": " + short_name(of.adapter));
    std::vector<std::string> notes;
    for (const note& each : of.notes)
        notes.push_back(each.id + (each.probe.empty() ? "" : " (" + each.probe + ')') + ": " +
                        each.text);
    std::string made = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<title>" +
                       html_escaped(title) + "</title>\n" + std::string(style) +
                       "</head>\n<body>\n<main>\n<h1>" + html_escaped(headline(of)) +
                       "</h1>\n<p class=\"faint\">" + html_escaped(origin_of(of)) + "</p>\n";
    if (const std::string gate = gate_text(of); !gate.empty())
        made += "<p class=\"" + std::string(*of.gate_ok ? "pass" : "fail") + "\">" +
                html_escaped((*of.gate_ok ? "✓ " : "✗ ") + gate) + "</p>\n";
    made += list_of("Findings", of.findings) + "<h2>Score</h2>\n<div class=\"charts\">\n" +
            gauge(of) + dose_response(of) + "</div>\n<h2>Probes</h2>\n" + table_of(of);
    const std::string charts = null_strips(of) + prompt_bars(of) + section_table(of) +
                               perplexity_chart(of) + knowledge_chart(of) + collapse_chart(of);
    if (!charts.empty())
        made += "<h2>In detail</h2>\n<div class=\"charts\">\n" + charts + "</div>\n";
    return made + list_of("Notes", notes) + "</main>\n</body>\n</html>\n";
}

} // namespace warmd::reports

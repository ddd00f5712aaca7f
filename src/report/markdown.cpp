#include "report/words.hpp"

namespace warmd::reports {

namespace {

/// As a cell or a line of Markdown: what would be markup is not.
std::string escaped(std::string_view text)
{
    std::string made;
    for (const char each : one_line(text)) {
        if (std::string_view("\\|*_`<>[]#&~").find(each) != std::string_view::npos)
            made += '\\';
        made += each;
    }
    return made;
}

std::string row_of(const probe& of)
{
    std::string made = "|";
    for (const std::string& cell :
         {escaped(of.name), escaped(of.kind), verdict_text(of.verdict), number_text(of.score),
          number_text(of.raw), interval_text(of), number_text(of.z), number_text(of.p_adjusted),
          number_text(of.seconds) + " s", escaped(of.message)})
        made += ' ' + cell + " |";
    return made + '\n';
}

std::string list_of(std::string_view title, const std::vector<std::string>& lines)
{
    if (lines.empty())
        return {};
    std::string made = "\n### " + std::string(title) + "\n\n";
    for (const std::string& each : lines)
        made += "- " + each + '\n';
    return made;
}

} // namespace

std::string markdown(const report& of)
{
    std::string made = "## " + escaped(headline(of)) + "\n\n";
    if (!of.adapter.empty())
        made += escaped(of.adapter) + " on " + escaped(of.base) + ", ";
    made += escaped(of.mode) + " mode, " + escaped(of.started_at) + ", " + number_text(of.seconds) +
            " s\n\n| component | score | weight |\n| --- | --- | --- |\n";
    for (const auto& [name, score] : of.components) {
        const auto weight = of.weights.find(name);
        made += "| " + escaped(name) + " | " + number_text(score) + " | " +
                (weight == of.weights.end() ? "–" : number_text(weight->second)) + " |\n";
    }
    made += "\n| name | kind | verdict | score | raw | ci95 | z | p | duration | note |\n"
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
    std::vector<std::string> findings, skipped, notes;
    for (const probe& each : of.probes) {
        made += row_of(each);
        if (each.verdict == "skip")
            skipped.push_back(escaped(each.name) + ": " + escaped(each.message));
    }
    for (const std::string& each : of.findings)
        findings.push_back(escaped(each));
    for (const note& each : of.notes)
        notes.push_back(escaped(each.id) +
                        (each.probe.empty() ? "" : " (" + escaped(each.probe) + ')') + ": " +
                        escaped(each.text));
    made += list_of("Findings", findings) + list_of("Skipped", skipped) + list_of("Notes", notes);
    if (const std::string gate = gate_text(of); !gate.empty())
        made += "\n**" + escaped(gate) + "**\n";
    return made;
}

} // namespace warmd::reports

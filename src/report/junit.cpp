#include "report/words.hpp"

#include <algorithm>
#include <cstdio>

namespace warmd::reports {

namespace {

/// As an attribute's or an element's text. XML 1.0 has no controls.
std::string escaped(std::string_view text)
{
    std::string made;
    for (const char each : one_line(text))
        switch (each) {
        case '&': made += "&amp;"; break;
        case '<': made += "&lt;"; break;
        case '>': made += "&gt;"; break;
        case '"': made += "&quot;"; break;
        default: made += each;
        }
    return made;
}

std::string seconds_of(double seconds)
{
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", seconds);
    return text;
}

std::string property(const std::string& name, const std::string& value)
{
    return "    <property name=\"" + escaped(name) + "\" value=\"" + escaped(value) + "\"/>\n";
}

/// A probe that says nothing has numbers.
std::string said_of(const probe& of)
{
    return of.message.empty() ? "raw " + number_text(of.raw) + ", score " + number_text(of.score)
                              : of.message;
}

std::string case_of(const probe& of)
{
    const std::string message = " message=\"" + escaped(said_of(of)) + "\"/>\n";
    std::string within;
    if (of.verdict == "fail")
        within = "    <failure" + message;
    else if (of.verdict == "error")
        within = "    <error" + message;
    else if (of.verdict == "skip")
        within = "    <skipped" + message;
    else if (of.verdict == "warn")
        within = "    <system-out>" + escaped("warn: " + said_of(of)) + "</system-out>\n";
    const std::string begin = "  <testcase name=\"" + escaped(of.name) + "\" classname=\"" +
                              escaped(of.kind) + "\" time=\"" + seconds_of(of.seconds) + '"';
    return within.empty() ? begin + "/>\n" : begin + ">\n" + within + "  </testcase>\n";
}

std::string count_of(const report& of, std::string_view verdict)
{
    return std::to_string(std::count_if(of.probes.begin(), of.probes.end(), [&](const probe& each) {
        return each.verdict == verdict;
    }));
}

} // namespace

std::string junit(const report& of)
{
    std::string made =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"sway\" tests=\"" +
        std::to_string(of.probes.size()) + "\" failures=\"" + count_of(of, "fail") +
        "\" errors=\"" + count_of(of, "error") + "\" skipped=\"" + count_of(of, "skip") +
        "\" time=\"" + seconds_of(of.seconds) + "\">\n" + "  <properties>\n" +
        property("mode", of.mode) + property("overall", number_text(of.overall)) +
        property("band", of.band.value_or(""));
    for (const auto& [name, score] : of.components)
        made += property("component." + name, number_text(score));
    made += "  </properties>\n";
    for (const probe& each : of.probes)
        made += case_of(each);
    return made + "</testsuite>\n";
}

} // namespace warmd::reports

#include "report/words.hpp"

#include <algorithm>
#include <cstdio>

namespace warmd::reports {

namespace {

const probe* find_probe(const report& in, const std::string& name)
{
    const auto found = std::find_if(in.probes.begin(), in.probes.end(),
                                    [&](const probe& each) { return each.name == name; });
    return found == in.probes.end() ? nullptr : &*found;
}

std::string change_text(double from, double to)
{
    char text[32];
    std::snprintf(text, sizeof text, "%+.3f", to - from);
    return text;
}

struct step {
    const probe *before, *after;
    std::optional<double> allowed;
    bool comparable; ///< both reports are of one mode

    bool is_regression() const
    {
        if (!comparable || !before || !after)
            return false;
        const bool broken = before->verdict == "pass" && after->verdict == "fail";
        const bool fallen = allowed && before->score && after->score &&
                            *before->score - *after->score > *allowed + 1e-12;
        return broken || fallen;
    }
};

std::string line_of(const std::string& name, const step& of)
{
    std::string made = "    " + name;
    const probe& now = *of.after;
    if (!of.before)
        return made + ": " + verdict_text(now.verdict) + ' ' + number_text(now.score) + ", new\n";
    made += ": " + verdict_text(of.before->verdict) + ' ' + number_text(of.before->score) + " → " +
            verdict_text(now.verdict) + ' ' + number_text(now.score);
    if (of.comparable && of.before->score && now.score)
        made += " (" + change_text(*of.before->score, *now.score) + ')';
    if (of.before->raw && now.raw)
        made += ", raw " + number_text(of.before->raw) + " → " + number_text(now.raw) + " (" +
                change_text(*of.before->raw, *now.raw) + ')';
    return made + (of.is_regression() ? "  REGRESSED\n" : "\n");
}

} // namespace

comparison compare(const std::vector<named_report>& all, std::optional<double> allowed,
                   bool coloured)
{
    comparison made;
    const auto strong = [coloured](const std::string& text) {
        return coloured ? "\033[1m" + text + "\033[0m" : text;
    };
    for (std::size_t i = 0; i != all.size(); ++i) {
        const auto& [name, now] = all[i];
        made.text +=
            strong(one_line(name)) + ": " + headline(now) + " (" + one_line(now.mode) + " mode)\n";
        if (i == 0)
            continue;
        const report& before = all[i - 1].second;
        const bool comparable = before.mode == now.mode;
        if (!comparable)
            made.text += "    scores of " + one_line(before.mode) + " mode and of " +
                         one_line(now.mode) + " mode cannot be compared; raw values can\n";
        for (const probe& each : now.probes) {
            const step taken{find_probe(before, each.name), &each, allowed, comparable};
            made.text += line_of(one_line(each.name), taken);
            made.regressed |= taken.is_regression();
        }
        for (const probe& each : before.probes)
            if (!find_probe(now, each.name))
                made.text += "    " + one_line(each.name) + ": no longer there\n";
    }
    return made;
}

} // namespace warmd::reports

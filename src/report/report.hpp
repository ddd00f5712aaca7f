#pragma once
// A suite's report, read: the members of schema_version 1, and what stands under "warmd" where
// warmd made it. A report of sway itself is read as well; what it has not is absent.

#include <warmd/error.hpp>
#include <warmd/json.hpp>

#include <boost/json.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace warmd::reports {

struct probe {
    std::string name, kind;
    std::string verdict; ///< pass, fail, warn, skip or error
    std::string message;
    std::optional<double> score; ///< 0 to 1
    std::optional<double> raw;   ///< the kind's own statistic, in its own unit
    std::optional<double> z, base_value, ft_value;
    std::optional<std::pair<double, double>> ci_95; ///< of raw
    double seconds = 0;
    json::object evidence; ///< the kind's own
    // warmd's, in default mode:
    std::string category;
    std::optional<double> p, p_adjusted, effect_ratio;
    std::optional<double> credited;        ///< what the composite took of the score
    std::optional<std::string> null_match; ///< norm or fixed, if it was compared with null adapters
    bool judged = false;                   ///< and whether that decided anything
    json::object null;                     ///< draws, mean, sd, min, median, max, samples
};

struct note {
    std::string id, probe, text;
};

struct report {
    std::string made_by; ///< "warmd/0.1.0"
    std::string base, adapter;
    std::string started_at;
    double seconds = 0;
    std::string mode; ///< "default" or "compat: sway"
    double overall = 0;
    std::optional<std::string> band;
    std::map<std::string, double> components, weights;
    std::vector<std::string> findings;
    std::vector<probe> probes;
    std::vector<note> notes;
    std::optional<double>
        ceiling; ///< the highest score of an effect, beyond which none is credited
    std::vector<std::string> missing; ///< components that nothing measured
    std::optional<double> alpha;
    std::optional<bool> gate_ok;
    std::vector<std::string> gate_reasons;
};

/// invalid_params if it is no report of schema_version 1.
result<report> read_report(const json::value& from);

/// The first probe of that kind, or null.
const probe* find_kind(const report& in, std::string_view kind);

// -- members of evidence; absent where they are something else
// -------------------------------------

std::optional<double> number_in(const json::object& of, std::string_view name);
std::string text_in(const json::object& of, std::string_view name);
/// The numbers of a list; one that is none is left out.
std::vector<double> numbers_in(const json::object& of, std::string_view name);
/// The objects of a list.
std::vector<const json::object*> objects_in(const json::object& of, std::string_view name);

// -- the renderers
// ---------------------------------------------------------------------------------

/// For a terminal; `coloured`: with its escape sequences. Controls in names are shown as blanks.
std::string terminal_text(const report& of, bool coloured);
std::string markdown(const report& of);
/// JUnit's XML: one testsuite "sway", a testcase for each probe.
std::string junit(const report& of);
/// One file that loads nothing.
std::string html(const report& of);

/// A report and what to call it.
using named_report = std::pair<std::string, report>;
struct comparison {
    std::string text;
    bool regressed = false; ///< between two neighbours: from pass to fail, or a score by more than
                            ///< what is allowed
};
/// Side by side, each with the one before it. `allowed`: how much a score may fall.
comparison compare(const std::vector<named_report>& all, std::optional<double> allowed,
                   bool coloured);

} // namespace warmd::reports

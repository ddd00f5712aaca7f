#include "evaluation/suite.hpp"

#include "base/sha256.hpp"
#include "evaluation/entry_fields.hpp"
#include "evaluation/entry_reader.hpp"
#include "json/json_document.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

namespace warmd::evaluation {

namespace {

using namespace form;

constexpr std::size_t most_entries = 256;
constexpr std::array<std::string_view, 2> modes{"default", "compat"};

/// "default", "compat" or "compat: sway".
void read_mode(const value& from, mode& to)
{
    if (from.found().is_string() && from.found().get_string() == "compat: sway")
        to = mode::sway;
    else
        word(modes)(from, to);
}

/// A ModelSpec of sway: ours, with null for what is absent, and an endpoint that no kind here has.
void read_model(const value& from, std::optional<model_spec>& to)
{
    if (from.found().is_null())
        return;
    if (!from.found().is_object())
        return from.refuse("a ModelSpec object");
    json::object ours;
    for (const auto& [name, given] : from.found().get_object())
        if (!given.is_null())
            ours[name] = given;
    const json::value* const kind = ours.if_contains("kind");
    for (const std::string_view absent : {"mlx", "api", "custom"})
        if (kind && kind->is_string() && kind->get_string() == absent)
            return from.member("kind", *kind)
                .complain("unsupported: " + std::string(absent), errc::unsupported);
    if (const json::value* const endpoint = ours.if_contains("endpoint"))
        return from.member("endpoint", *endpoint)
            .complain("unsupported: a model behind an endpoint", errc::unsupported);
    const std::string text = json::serialize(ours);
    json_document document;
    const auto root = document.read(text);
    if (!root)
        return from.complain(root.error().detail);
    if (const auto why = parse_model_spec(**root, to.emplace())) {
        const json::value* const at = ours.if_contains(why->member);
        (at ? from.member(why->member, *at) : from)
            .complain((at || why->member.empty() ? "" : why->member + ' ') + why->what);
    }
}

bool same_base(const model_spec& a, const model_spec& b)
{
    const auto normal = [](const std::string& path) {
        return std::filesystem::path(path + '/').lexically_normal();
    };
    return a.kind == b.kind && normal(a.base) == normal(b.base);
}

void read_models(const value& from, suite& to)
{
    members in(from);
    in.take("base", to.base, read_model);
    in.take("ft", to.ft, read_model);
    in.note_unknown("models");
    if (to.ft && !to.ft->adapter)
        from.complain("ft has no adapter: there is nothing to judge");
    if (to.base && to.ft && !same_base(*to.base, *to.ft))
        from.complain("ft.base is " + shortened(to.ft->base) + ", and base.base is " +
                      shortened(to.base->base) + ": an adapter is judged on one base");
}

void read_weights(const value& from, score_weights& to)
{
    members in(from);
    in.take("adherence", to.adherence, number(0));
    in.take("attribution", to.attribution, number(0));
    in.take("calibration", to.calibration, number(0));
    in.take("ablation", to.ablation, number(0));
    in.take("baseline", to.baseline, number(0));
    in.note_unknown("score_weights");
    if (!(to.adherence + to.attribution + to.calibration + to.ablation + to.baseline > 0))
        from.complain("the weights sum to 0");
}

void read_defaults(const value& from, suite& to)
{
    double coverage = 0; // no effect here
    unsigned concurrent = 1;
    members in(from);
    in.take("seed", to.seed, any_whole);
    in.take("top_k", to.top_k, whole(1, 1u << 24));
    in.take("differential", to.differential, boolean);
    in.take("coverage_threshold", coverage, rate);
    in.take("concurrent_probes", concurrent, whole(1, 1024));
    in.take("score_weights", to.weights, read_weights);
    in.note_unknown("defaults");
}

void read_section(const value& from, section& to)
{
    members in(from);
    in.take("id", to.id, text);
    in.take("kind", to.kind, word(section_kinds));
    in.take("content", to.content, text);
    in.take("probes", to.probes, list(read_case));
    in.take("preferences", to.preferences, list(read_triple));
    in.take("tag", to.tag, text);
    in.note_unknown("a section");
    if (to.id.empty())
        to.id = sha256(to.content).substr(0, 16);
}

void read_entries(const value& from, suite& to)
{
    if (!from.found().is_array())
        return from.refuse("a list of entries");
    const json::array& given = from.found().get_array();
    if (given.empty() || given.size() > most_entries)
        return from.complain("has " + std::to_string(given.size()) + " entries, allowed " +
                             count_text(1, most_entries));
    std::set<std::string_view> names;
    to.entries.resize(given.size());
    for (std::size_t i = 0; i != given.size(); ++i) {
        const value at = from.element(i, given[i]);
        entry& read = to.entries[i];
        read_entry(at, i, to.judged_by, read);
        if (!read.name.empty() && !names.insert(read.name).second)
            at.complain("another entry is named \"" + shortened(read.name) + "\", too");
        if (i != 0 && std::holds_alternative<spec::null_adapter>(read.what))
            at.complain("null_adapter is the first entry, and the only one of its kind");
    }
}

/// Documents are files, and their pieces are sections by now.
void read_documents(const value& from, std::vector<std::string>& to)
{
    list(text)(from, to);
    if (!to.empty())
        from.complain("are files: who reads the suite's file puts their pieces among sections");
}

void check_draws(const value& from, const suite& of)
{
    const unsigned draws = draws_of(of), needed = needed_draws(of);
    if (draws < needed)
        from.complain("null_adapter has " + std::to_string(draws) +
                      " draws, and no probe could pass with fewer than " + std::to_string(needed));
}

bool is_compared(const entry& of, const spec::null_adapter& with)
{
    const std::string_view kind = kind_of(of.what);
    const auto& only = with.calibrate_kinds;
    const bool listed = only.empty() || std::find(only.begin(), only.end(), kind) != only.end();
    return of.enabled &&
           (std::holds_alternative<spec::cluster_kl>(of.what) ||
            (listed && (std::holds_alternative<spec::delta_kl>(of.what) ||
                        std::holds_alternative<spec::section_internalization>(of.what) ||
                        std::holds_alternative<spec::paraphrase_invariance>(of.what) ||
                        std::holds_alternative<spec::preference_flip>(of.what))));
}

} // namespace

suite_reading read_suite(const json::value& form, std::optional<mode> judged_by)
{
    suite_reading made;
    suite& to = made.read;
    const value root(form, made.faults);
    members in(root);

    unsigned version = 1;
    std::vector<std::string> documents;
    in.take("version", version, whole(1, 1));
    in.take("mode", to.judged_by, read_mode);
    to.judged_by = judged_by.value_or(to.judged_by);
    in.take("models", to, read_models);
    in.take("defaults", to, read_defaults);
    in.need("suite", to, read_entries);
    in.take("sections", to.sections, list(read_section));
    in.take("documents", documents, read_documents);
    in.take("doc_text", to.doc_text, text);
    in.take("dlm_source", to.dlm_source, maybe(text));
    in.note_unknown("a suite");
    if (made.faults.empty())
        check_draws(root, to);
    return made;
}

const spec::null_adapter* null_adapter_of(const suite& of)
{
    const bool first = !of.entries.empty() && of.entries.front().enabled;
    return first ? std::get_if<spec::null_adapter>(&of.entries.front().what) : nullptr;
}

unsigned needed_draws(const suite& of)
{
    const spec::null_adapter* const with = null_adapter_of(of);
    if (!with || of.judged_by == mode::sway)
        return 0;
    const auto compared =
        std::count_if(of.entries.begin(), of.entries.end(),
                      [&](const entry& each) { return is_compared(each, *with); });
    if (compared == 0)
        return 0;
    const bool each_alone = with->corrected == spec::null_adapter::correction::none;
    const double share = static_cast<double>(each_alone ? 1 : compared) / with->alpha;
    return static_cast<unsigned>(std::ceil(share - 1e-9)) - 1; // 5 / 0.05 is 100, not 101
}

unsigned draws_of(const suite& of)
{
    const spec::null_adapter* const with = null_adapter_of(of);
    if (!with)
        return 0;
    if (of.judged_by == mode::sway)
        return with->runs * static_cast<unsigned>(with->rank_multipliers.size());
    return with->draws.value_or(std::max(32u, needed_draws(of)));
}

} // namespace warmd::evaluation

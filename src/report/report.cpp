#include "report/report.hpp"

namespace warmd::reports {

namespace {

const json::object& object_in(const json::object& of, std::string_view name)
{
    static const json::object none;
    const json::value* const found = of.if_contains(name);
    return found && found->is_object() ? found->get_object() : none;
}

std::vector<std::string> texts_in(const json::object& of, std::string_view name)
{
    std::vector<std::string> texts;
    const json::value* const found = of.if_contains(name);
    if (found && found->is_array())
        for (const json::value& each : found->get_array())
            if (each.is_string())
                texts.emplace_back(each.get_string());
    return texts;
}

std::map<std::string, double> map_in(const json::object& of, std::string_view name)
{
    std::map<std::string, double> numbers;
    for (const auto& [key, value] : object_in(of, name))
        if (value.is_number())
            numbers[key] = value.to_number<double>();
    return numbers;
}

probe read_probe(const json::object& from)
{
    probe to;
    to.name = text_in(from, "name");
    to.kind = text_in(from, "kind");
    to.verdict = text_in(from, "verdict");
    to.message = text_in(from, "message");
    to.score = number_in(from, "score");
    to.raw = number_in(from, "raw");
    to.z = number_in(from, "z_score");
    to.base_value = number_in(from, "base_value");
    to.ft_value = number_in(from, "ft_value");
    if (const auto ends = numbers_in(from, "ci_95"); ends.size() == 2)
        to.ci_95 = {ends[0], ends[1]};
    to.seconds = number_in(from, "duration_s").value_or(0);
    to.evidence = object_in(from, "evidence");
    const json::object& ours = object_in(from, "warmd");
    to.category = text_in(ours, "category");
    to.p = number_in(ours, "p");
    to.p_adjusted = number_in(ours, "p_adjusted");
    to.effect_ratio = number_in(ours, "effect_ratio");
    to.credited = number_in(ours, "credited");
    to.null = object_in(ours, "null");
    if (const std::string match = text_in(to.null, "match"); !match.empty())
        to.null_match = match;
    const json::value* const judged = to.null.if_contains("judged");
    to.judged = judged && judged->is_bool() && judged->get_bool();
    return to;
}

void read_score(const json::object& from, report& to)
{
    to.overall = number_in(from, "overall").value_or(0);
    if (const std::string band = text_in(from, "band"); !band.empty())
        to.band = band;
    to.components = map_in(from, "components");
    to.weights = map_in(from, "weights");
    to.findings = texts_in(from, "findings");
}

void read_ours(const json::object& from, report& to)
{
    if (const std::string mode = text_in(from, "mode"); !mode.empty())
        to.mode = mode;
    to.alpha = number_in(from, "alpha");
    for (const json::object* const each : objects_in(from, "notes"))
        to.notes.push_back({text_in(*each, "id"), text_in(*each, "probe"), text_in(*each, "text")});
    const json::object& composite = object_in(from, "composite");
    to.ceiling = number_in(composite, "ceiling");
    to.missing = texts_in(composite, "missing");
    const json::object& gate = object_in(from, "gate");
    const json::value* const ok = gate.if_contains("ok");
    if (ok && ok->is_bool())
        to.gate_ok = ok->get_bool();
    to.gate_reasons = texts_in(gate, "reasons");
}

} // namespace

std::optional<double> number_in(const json::object& of, std::string_view name)
{
    const json::value* const found = of.if_contains(name);
    return found && found->is_number() ? std::optional(found->to_number<double>()) : std::nullopt;
}

std::string text_in(const json::object& of, std::string_view name)
{
    const json::value* const found = of.if_contains(name);
    return found && found->is_string() ? std::string(found->get_string()) : "";
}

std::vector<double> numbers_in(const json::object& of, std::string_view name)
{
    std::vector<double> numbers;
    const json::value* const found = of.if_contains(name);
    if (found && found->is_array())
        for (const json::value& each : found->get_array())
            if (each.is_number())
                numbers.push_back(each.to_number<double>());
    return numbers;
}

std::vector<const json::object*> objects_in(const json::object& of, std::string_view name)
{
    std::vector<const json::object*> objects;
    const json::value* const found = of.if_contains(name);
    if (found && found->is_array())
        for (const json::value& each : found->get_array())
            if (each.is_object())
                objects.push_back(&each.get_object());
    return objects;
}

const probe* find_kind(const report& in, std::string_view kind)
{
    for (const probe& each : in.probes)
        if (each.kind == kind)
            return &each;
    return nullptr;
}

result<report> read_report(const json::value& from)
{
    const json::object* const members = from.if_object();
    if (!members || number_in(*members, "schema_version") != 1)
        return failure{errc::invalid_params,
                       "this is no report of a suite: its schema_version is not 1"};
    report to;
    to.made_by = text_in(*members, "sway_version");
    to.base = text_in(*members, "base_model_id");
    to.adapter = text_in(*members, "adapter_id");
    to.started_at = text_in(*members, "started_at");
    to.seconds = number_in(*members, "wall_seconds").value_or(0);
    to.mode = "compat: sway";
    read_score(object_in(*members, "score"), to);
    read_ours(object_in(*members, "warmd"), to);
    for (const json::object* const each : objects_in(*members, "probes"))
        to.probes.push_back(read_probe(*each));
    return to;
}

} // namespace warmd::reports

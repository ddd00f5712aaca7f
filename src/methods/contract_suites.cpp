// The contract of suites: an adapter examined and judged in one request.

#include "methods/contract_parts.hpp"
#include "methods/reader.hpp"
#include "methods/suite_request.hpp"

#include <algorithm>

namespace warmd::schema {

namespace {

/// Its members are read by evaluation, which tells all that is wrong with them at once.
const destination any_suite{&owner_of<suite_request>,
                            [](reading& by, const field& of, const json_node& found, void* into) {
                                if (!found.is_object())
                                    return by.wrong(of.name, wanted(by.by(), of), found);
                                static_cast<suite_request*>(into)->suite = found.value();
                            }};

std::vector<field> suite_fields()
{
    return {{.name = "suite",
             .type = "object",
             .doc = "what to ask and how to judge: the JSON form of a suite's file",
             .into = any_suite},
            {.name = "mode",
             .type = "SuiteMode",
             .doc = "whose rules judge; else as the suite says",
             .optional = true,
             .into = to<&suite_request::mode>()},
            {.name = "only",
             .type = "string[]",
             .doc = "names of entries: the null adapter and these; none: all",
             .otherwise = "[]",
             .into = to<&suite_request::only>()}};
}

method run_method()
{
    const field model{.name = "model",
                      .type = "Model",
                      .doc = "what to examine, with an adapter; else as the suite says",
                      .optional = true,
                      .into = to<&suite_request::model>()};
    method made{
        .name = "suite.run",
        .summary = "Examines an adapter: what it did to its base, judged; one lease and one "
                   "generation of weights from start to end",
        .params = about_a_model(model, suite_fields()),
        .result =
            {{.name = "schema_version", .type = "integer", .doc = "1"},
             {.name = "sway_version", .type = "string", .doc = "warmd's"},
             {.name = "spec_path", .type = "string|null", .doc = "of the suite"},
             {.name = "base_model_id", .type = "string", .doc = "where the base is"},
             {.name = "adapter_id", .type = "string", .doc = "and the adapter"},
             {.name = "started_at", .type = "string", .doc = "ISO 8601, UTC"},
             {.name = "finished_at", .type = "string", .doc = "likewise"},
             {.name = "wall_seconds", .type = "number", .doc = "between both"},
             {.name = "determinism", .type = "object", .doc = "class, seed and notes"},
             {.name = "backend_stats", .type = "object", .doc = "what was asked of the model"},
             {.name = "score",
              .type = "object",
              .doc = "overall, band, components, weights, findings"},
             {.name = "null_stats", .type = "object", .doc = "by kind: mean, std, n, degenerate"},
             {.name = "probes",
              .type = "object[]",
              .doc = "name, kind, verdict, score, raw, z_score, base_value, ft_value, "
                     "evidence, message, duration_s, ci_95 and warmd's own"},
             {.name = "warmd",
              .type = "object",
              .doc = "mode, notes, composite, gate, cost and what else is ours"}},
        .errors = errors_of_a_load()};
    const auto priority = std::ranges::find(made.params, "priority", &field::name);
    priority->otherwise = R"("batch")"; // a gate in a pipeline is in nobody's way
    return made;
}

} // namespace

std::vector<method> suite_methods()
{
    return {run_method(),
            {.name = "suite.validate",
             .summary = "Reads a suite without a model, and says what it would ask",
             .params = suite_fields(),
             .result = {{.name = "probes", .type = "integer", .doc = "enabled entries"},
                        {.name = "need_draws",
                         .type = "integer",
                         .doc = "null adapters without which nothing could pass"},
                        {.name = "draws", .type = "integer", .doc = "that it asks for"},
                        {.name = "notes", .type = "object[]", .doc = "id, probe and text"}}}};
}

std::vector<type> suite_types()
{
    return {{.name = "SuiteMode", .wanted = "", .words = {"default", "compat"}}};
}

} // namespace warmd::schema

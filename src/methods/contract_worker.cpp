// The contract of the methods by which a daemon that has started another as its worker learns what
// that can do, and whether it still does anything.

#include "methods/contract_parts.hpp"
#include "methods/reader.hpp"
#include "methods/requests.hpp"

namespace warmd::schema {

namespace {

method hello_method()
{
    return {.name = "hello",
            .summary = "What this worker is and can do: the first thing that it is asked",
            .params = {{.name = "protocol",
                        .type = "integer",
                        .doc = "the version that will be spoken: 1",
                        .within = integers{.least = 1},
                        .into = to<&hello_request::protocol>()}},
            .result = {{.name = "name", .type = "string", .doc = "of the program"},
                       {.name = "version", .type = "string", .doc = "of the program"},
                       {.name = "protocol", .type = "integer", .doc = "1"},
                       {.name = "operations", .type = "string[]", .doc = "methods on a model"},
                       {.name = "views",
                        .type = "string[]",
                        .doc = "of base, ft, scaled and null, those that it has"},
                       {.name = "batching", .type = "integer", .doc = "most calls at once"},
                       {.name = "tokenizer",
                        .type = "boolean",
                        .doc = "takes texts, and not only token ids"}},
            .errors = {errc::unsupported}};
}

method estimate_method()
{
    const field model{.name = "model",
                      .type = "Model",
                      .doc = "what might be loaded",
                      .into = to<&estimate_request::model>()};
    return {.name = "estimate",
            .summary = "What a model would need, from its files' headers; loads nothing",
            .params = about_a_model(model, {}),
            .result = {{.name = "bytes", .type = "integer", .doc = "of memory"},
                       {.name = "shared_bytes",
                        .type = "integer",
                        .doc = "of these, held in common with other models"}},
            .errors = {errc::not_found, errc::permission_denied, errc::timeout, errc::unsupported}};
}

method ping_method()
{
    return {.name = "ping",
            .summary = "Whether what computes still does",
            .result = {{.name = "steps",
                        .type = "integer",
                        .doc = "grows as long as calls are computed and end"}}};
}

} // namespace

std::vector<method> worker_methods() { return {hello_method(), estimate_method(), ping_method()}; }

} // namespace warmd::schema

// The contract of the methods about what is loaded, and about the daemon itself.

#include "methods/contract_parts.hpp"
#include "methods/reader.hpp"
#include "methods/requests.hpp"

namespace warmd::schema {

namespace {

constexpr numbers at_least_0{.least = 0}, above_0{.least = 0, .least_itself = false};

/// A method about something that may be loaded, and never loads it.
method about_an_entry(method what)
{
    const field model{.name = "model",
                      .type = "Model",
                      .doc = "the model",
                      .optional = true,
                      .into = to<&entry_request::model>()};
    what.params.insert(what.params.begin(), {.name = "key",
                                             .type = "string",
                                             .doc = "its key, in place of `model`",
                                             .optional = true,
                                             .into = to<&entry_request::key>()});
    what.params = about_a_model(model, std::move(what.params));
    what.errors = {errc::not_found, errc::permission_denied, errc::timeout};
    return what;
}

method load_method()
{
    const field model{.name = "model",
                      .type = "Model",
                      .doc = "what to load",
                      .into = to<&load_request::model>()};
    return {.name = "load",
            .summary = "Makes a model resident",
            .params = about_a_model(model, {{.name = "pin",
                                             .type = "boolean",
                                             .doc = "never evict it to make room",
                                             .otherwise = "false",
                                             .into = to<&load_request::pin>()}}),
            .result = {{.name = "key", .type = "string", .doc = "its name in every other answer"},
                       {.name = "model", .type = "ModelSpec", .doc = "what was resolved"},
                       {.name = "computes",
                        .type = "string|null",
                        .doc = "what its weights are kept in, where the kind says"},
                       {.name = "state", .type = "State", .doc = "ready"},
                       {.name = "cached", .type = "boolean", .doc = "it was resident before"},
                       {.name = "joined",
                        .type = "boolean",
                        .doc = "another request's load was shared"},
                       {.name = "load_seconds", .type = "seconds", .doc = "what the load took"},
                       {.name = "bytes", .type = "integer", .doc = "measured"},
                       {.name = "generation",
                        .type = "string",
                        .doc = "of its files: another after they are rewritten"},
                       {.name = "warnings",
                        .type = "string[]",
                        .doc = "what is to be known of it, a sentence each"},
                       {.name = "max_positions",
                        .type = "integer|null",
                        .doc = "tokens that an input may have with what is generated, where the "
                               "kind says"}},
            .errors = errors_of_a_load()};
}

method unload_method()
{
    return about_an_entry(
        {.name = "unload",
         .summary = "Closes one model, or all, once nobody uses it",
         .params = {{.name = "all",
                     .type = "boolean",
                     .doc = "every model; for the daemon's own user and root",
                     .otherwise = "false",
                     .into = to<&unload_options::all>()},
                    {.name = "wait",
                     .type = "boolean",
                     .doc = "answer after the closes, not before",
                     .otherwise = "true",
                     .into = to<&unload_options::wait>()}},
         .result = {{.name = "unloaded", .type = "string[]", .doc = "keys of what was resident"}}});
}

method pin_method(std::string_view name, std::string_view summary)
{
    return about_an_entry(
        {.name = name,
         .summary = summary,
         .result = {{.name = "key", .type = "string", .doc = "its key"},
                    {.name = "pinned", .type = "boolean", .doc = "from now on"}}});
}

method health_method()
{
    return {
        .name = "health",
        .summary = "Whether all is well; never counts as use",
        .result = {
            {.name = "status", .type = "Status", .doc = "in a word"},
            {.name = "ready", .type = "boolean", .doc = "takes requests"},
            {.name = "reasons", .type = "string[]", .doc = "why it is degraded"},
            {.name = "version", .type = "string", .doc = "of the daemon"},
            {.name = "pid", .type = "integer", .doc = "its process"},
            {.name = "uptime_seconds", .type = "seconds", .doc = "since its start"},
            {.name = "http", .type = "string[]", .doc = "URLs where it speaks HTTP over TCP"},
            {.name = "loaded_models", .type = "LoadedModel[]", .doc = "least recently used first"},
            {.name = "workers", .type = "Worker[]", .doc = "processes that engines run in"},
            {.name = "max_loaded_models", .type = "integer", .doc = "the limit"},
            {.name = "oldest_waiter_seconds",
             .type = "seconds",
             .doc = "how long the first in line has waited for a model"},
            {.name = "limits",
             .type = "Limits",
             .doc = "by the names of the options, seconds and bytes; 0: none"}}};
}

method reload_method()
{
    return {.name = "reload",
            .summary = "Reads the configuration file again, as SIGHUP does; for the daemon's own "
                       "user and root",
            .result = {{.name = "added", .type = "string[]", .doc = "names of models"},
                       {.name = "removed", .type = "string[]", .doc = "names of models"},
                       {.name = "changed", .type = "string[]", .doc = "names of models"},
                       {.name = "unchanged", .type = "string[]", .doc = "names of models"}},
            .errors = {errc::permission_denied, errc::unsupported}};
}

method subscribe_method()
{
    return {.name = "subscribe",
            .summary = "Sends `event` notifications for as long as the connection lives",
            .params = {{.name = "events",
                        .type = "Event[]",
                        .doc = "of these types; none: of all",
                        .otherwise = "[]",
                        .into = to<&subscribe_request::events>()}},
            .result = {{.name = "subscribed", .type = "Event[]", .doc = "what will be sent"}}};
}

method shutdown_method()
{
    return {.name = "shutdown",
            .summary = "Drains, then exits; for the daemon's own user and root",
            .params = {{.name = "drain_seconds",
                        .type = "seconds",
                        .doc = "for calls under way, in place of the daemon's own limit",
                        .optional = true,
                        .within = at_least_0,
                        .into = to<&shutdown_request::drain_seconds>()}},
            .errors = {errc::permission_denied}};
}

method discover_method()
{
    return {.name = "rpc.discover",
            .summary = "This contract, as an OpenRPC document",
            .result = {{.name = "openrpc", .type = "string", .doc = "version of the format"},
                       {.name = "info", .type = "object", .doc = "title and version"},
                       {.name = "methods", .type = "object[]", .doc = "every method"},
                       {.name = "components", .type = "object", .doc = "errors and schemas"}}};
}

} // namespace

std::vector<field> about_a_model(field model, std::vector<field> own)
{
    own.insert(own.begin(), std::move(model));
    own.insert(own.end(), {{.name = "timeout",
                            .type = "seconds",
                            .doc = "then the request ends with `timeout`",
                            .optional = true,
                            .within = above_0,
                            .into = to<&about_request::timeout>()},
                           {.name = "progress",
                            .type = "boolean",
                            .doc = "send $/progress notifications before the result",
                            .otherwise = "false",
                            .into = to<&about_request::progress>()},
                           {.name = "keep_alive",
                            .type = "seconds",
                            .doc = "stay loaded at least so long after this",
                            .otherwise = "0",
                            .within = at_least_0,
                            .into = to<&about_request::keep_alive>()},
                           {.name = "priority",
                            .type = "Priority",
                            .doc = "of what is computed for it: batch gets what interactive "
                                   "requests leave, and a little in any case; loads have none",
                            .otherwise = R"("interactive")",
                            .into = to<&about_request::priority>()},
                           {.name = "fresh",
                            .type = "boolean",
                            .doc = "compute all of it, whatever is remembered of it",
                            .otherwise = "false",
                            .into = to<&about_request::fresh>()}});
    return own;
}

std::vector<errc> errors_of_a_load()
{
    return {errc::not_found,         errc::load_failed, errc::timeout,
            errc::too_large,         errc::all_pinned,  errc::shutting_down,
            errc::permission_denied, errc::unsupported, errc::backend_failed};
}

std::vector<method> residency_methods()
{
    return {load_method(), unload_method(), pin_method("pin", "Keeps a model from eviction"),
            pin_method("unpin", "Takes a pin back")};
}

std::vector<method> daemon_methods()
{
    return {
        health_method(),
        {.name = "stats",
         .summary = "Counters since the start and gauges of now",
         .result_values = "Statistic"},
        {.name = "metrics",
         .summary = "The same in the text format of Prometheus",
         .result = {{.name = "content_type", .type = "string", .doc = "of the text"},
                    {.name = "text", .type = "string", .doc = "the exposition"}}},
        {.name = "models",
         .summary = "What is resident, on its way in or out, or failed lately",
         .result = {{.name = "models", .type = "ModelState[]", .doc = "least recently used first"},
                    {.name = "names",
                     .type = "object[]",
                     .doc =
                         "those of the configuration, resident or not: {name, model, key}; key is "
                         "null until somebody asks for it"}}},
        subscribe_method(),
        reload_method(),
        shutdown_method(),
        discover_method()};
}

} // namespace warmd::schema

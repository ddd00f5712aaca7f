#include "methods/discovery.hpp"

#include "wire/rpc.hpp"
#include <warmd/error.hpp>
#include <warmd/json_writer.hpp>

#include <span>
#include <utility>
#include <vector>

namespace warmd {

namespace {

/// JSON Schemas, by the names that parameters and results below are typed with.
constexpr std::string_view schemas = R"json({
"Boolean": {"type": "boolean"},
"Number": {"type": "number"},
"Probability": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
"Temperature": {"type": "number", "minimum": 0},
"Count": {"type": "integer", "minimum": 0},
"PositiveCount": {"type": "integer", "minimum": 1},
"Seconds": {"type": "number", "minimum": 0},
"PositiveSeconds": {"type": "number", "exclusiveMinimum": 0},
"String": {"type": "string"},
"Strings": {"type": "array", "items": {"type": "string"}},
"NotEmptyStrings": {"type": "array", "items": {"type": "string", "minLength": 1}},
"Numbers": {"type": "array", "items": {"type": "number"}},
"TokenIds": {"type": "array", "items": {"type": "integer", "minimum": 0}},
"Text": {"description": "a text, or the ids of its tokens",
  "oneOf": [{"type": "string"}, {"$ref": "#/components/schemas/TokenIds"}]},
"Texts": {"type": "array", "items": {"$ref": "#/components/schemas/Text"}},
"ModelSpec": {"type": "object", "additionalProperties": false, "required": ["base"], "properties": {
  "kind": {"type": "string", "default": "hf"},
  "base": {"type": "string", "description": "an absolute path, or a repository id, looked up in the local Hugging Face cache"},
  "adapter": {"type": ["string", "null"], "description": "an absolute path"},
  "dtype": {"type": "string", "enum": ["auto", "fp32", "bf16", "fp16"], "default": "auto"},
  "device": {"type": "string", "enum": ["auto", "cpu"], "default": "auto"},
  "trust_remote_code": {"type": "boolean", "default": false},
  "entry_point": {"type": ["string", "null"]},
  "options": {"type": "object"}}},
"Model": {"description": "a model, or the name of one in the daemon's configuration file",
  "oneOf": [{"$ref": "#/components/schemas/ModelSpec"}, {"type": "string"}]},
"View": {"description": "ft, the adapter's, is the base where there is no adapter", "oneOf": [
  {"type": "string", "enum": ["base", "ft"]},
  {"type": "object", "additionalProperties": false, "required": ["scaled"], "properties": {"scaled": {"type": "number"}}},
  {"type": "object", "additionalProperties": false, "required": ["null"], "properties": {"null": {
    "type": "object", "additionalProperties": false, "properties": {
      "seed": {"type": "integer"}, "init_scale": {"type": "number"}, "rank_scale": {"type": "number"}}}}}]},
"Items": {"type": "array", "items": {"type": "object", "additionalProperties": false, "required": ["prompt", "completion"],
  "properties": {"prompt": {"$ref": "#/components/schemas/Text"}, "completion": {"$ref": "#/components/schemas/Text"}}}},
"DivergenceKind": {"type": "string", "enum": ["js", "kl"]},
"Events": {"type": "array", "items": {"type": "string", "enum": ["state", "evicted", "load_failed", "close_failed"]}},
"Distributions": {"type": "array", "items": {"type": "object",
  "required": ["token_ids", "logprobs", "tail_logprob", "vocab_size"], "properties": {
    "token_ids": {"$ref": "#/components/schemas/TokenIds"}, "logprobs": {"$ref": "#/components/schemas/Numbers"},
    "tail_logprob": {"type": ["number", "null"]}, "vocab_size": {"type": "integer"}}}},
"ScoredCompletions": {"type": "array", "items": {"type": "object",
  "required": ["logprob", "num_tokens", "token_ids", "logprobs"], "properties": {
    "logprob": {"type": "number"}, "num_tokens": {"type": "integer"},
    "token_ids": {"$ref": "#/components/schemas/TokenIds"}, "logprobs": {"$ref": "#/components/schemas/Numbers"}}}},
"ScoredTexts": {"type": "array", "items": {"type": "object",
  "required": ["token_ids", "logprobs", "num_tokens", "total_logprob", "mean_logprob", "perplexity"], "properties": {
    "token_ids": {"$ref": "#/components/schemas/TokenIds"}, "logprobs": {"$ref": "#/components/schemas/Numbers"},
    "num_tokens": {"type": "integer"}, "total_logprob": {"type": "number"}, "mean_logprob": {"type": "number"},
    "perplexity": {"type": "number"}}}},
"FinishReason": {"type": "string", "enum": ["stop", "length", "eos"]},
"Interval": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
"Status": {"type": "string", "enum": ["ok", "degraded", "draining"]},
"ModelState": {"type": "string", "enum": ["waiting", "loading", "ready", "draining", "closing", "failed"]},
"LoadedModels": {"type": "array", "items": {"type": "object", "required": ["key"]}},
"Statistic": {"description": "of a histogram's buckets: counts by their upper bounds",
  "oneOf": [{"type": "number"}, {"type": "object", "additionalProperties": {"type": "integer"}}]},
"Limits": {"type": "object", "additionalProperties": {"type": "number"}},
"ModelStates": {"type": "array", "items": {"type": "object",
  "required": ["key", "model", "state", "bytes", "estimated_bytes", "leases", "waiters", "pinned", "load_seconds", "idle_seconds",
    "expires_in_seconds", "generation", "calls"], "properties": {
    "key": {"type": "string"}, "model": {"$ref": "#/components/schemas/ModelSpec"},
    "state": {"$ref": "#/components/schemas/ModelState"}, "bytes": {"type": "integer"}, "shared_bytes": {"type": "integer"},
    "estimated_bytes": {"type": "integer"}, "leases": {"type": "integer"}, "waiters": {"type": "integer"},
    "pinned": {"type": "boolean"}, "load_seconds": {"type": "number"}, "idle_seconds": {"type": ["number", "null"]},
    "expires_in_seconds": {"type": ["number", "null"]}, "generation": {"type": "string"}, "calls": {"type": "integer"}}}},
"Object": {"type": "object"},
"Objects": {"type": "array", "items": {"type": "object"}}
})json";

struct member {
    std::string_view name, type;
    bool required = true;
};
constexpr bool optional = false;

/// A result's members, or the type of all of them where their names are not fixed.
struct described_result {
    std::vector<member> members;
    std::string_view any = {};
};

struct described_method {
    std::string_view name, summary;
    std::vector<member> params;
    described_result result;
    std::vector<errc> errors = {};
};

std::vector<described_method> methods()
{
    return {
        {"health",
         "Whether all is well; never counts as use",
         {},
         {{{"status", "Status"},
           {"ready", "Boolean"},
           {"reasons", "Strings"},
           {"version", "String"},
           {"pid", "Count"},
           {"uptime_seconds", "Seconds"},
           {"loaded_models", "LoadedModels"},
           {"max_loaded_models", "Count"},
           {"oldest_waiter_seconds", "Seconds"},
           {"limits", "Limits"}}}},
        {"stats", "Counters since the start and gauges of now", {}, {{}, "Statistic"}},
        {"metrics",
         "The same in the text format of Prometheus",
         {},
         {{{"content_type", "String"}, {"text", "String"}}}},
        {"models",
         "What is resident, on its way in or out, or failed lately; least recently used first",
         {},
         {{{"models", "ModelStates"}}}},
        {"load",
         "Makes a model resident",
         {{"model", "Model"}, {"pin", "Boolean", optional}},
         {{{"key", "String"},
           {"model", "ModelSpec"},
           {"state", "ModelState"},
           {"cached", "Boolean"},
           {"joined", "Boolean"},
           {"load_seconds", "Seconds"},
           {"bytes", "Count"},
           {"generation", "String"}}}},
        {"unload",
         "Closes one model, or all, once nobody uses it",
         {{"model", "Model", optional},
          {"key", "String", optional},
          {"all", "Boolean", optional},
          {"wait", "Boolean", optional}},
         {{{"unloaded", "Strings"}}},
         {errc::not_found, errc::permission_denied, errc::timeout}},
        {"pin",
         "Keeps a model from eviction",
         {{"model", "Model", optional}, {"key", "String", optional}},
         {{{"key", "String"}, {"pinned", "Boolean"}}},
         {errc::not_found, errc::permission_denied, errc::timeout}},
        {"unpin",
         "Takes a pin back",
         {{"model", "Model", optional}, {"key", "String", optional}},
         {{{"key", "String"}, {"pinned", "Boolean"}}},
         {errc::not_found, errc::permission_denied, errc::timeout}},
        {"tokenize",
         "A text's tokens",
         {{"model", "Model"}, {"text", "Text"}, {"add_special_tokens", "Boolean", optional}},
         {{{"ids", "TokenIds"}, {"tokens", "Strings"}}}},
        {"detokenize",
         "The text of tokens",
         {{"model", "Model"}, {"ids", "TokenIds"}, {"skip_special_tokens", "Boolean", optional}},
         {{{"text", "String"}}}},
        {"next_token",
         "Distributions of the token after each prompt",
         {{"model", "Model"},
          {"view", "View", optional},
          {"prompts", "Texts"},
          {"top_k", "PositiveCount", optional}},
         {{{"distributions", "Distributions"}}}},
        {"logprob",
         "Log-probabilities of completions after their prompts, in nats",
         {{"model", "Model"}, {"view", "View", optional}, {"items", "Items"}},
         {{{"results", "ScoredCompletions"}}}},
        {"rolling_logprob",
         "Log-probabilities of texts, in nats, and their perplexity",
         {{"model", "Model"}, {"view", "View", optional}, {"texts", "Texts"}},
         {{{"results", "ScoredTexts"}}}},
        {"generate",
         "Continues a prompt; with `stream`, $/token notifications come before the result",
         {{"model", "Model"},
          {"view", "View", optional},
          {"prompt", "Text"},
          {"max_new_tokens", "PositiveCount"},
          {"temperature", "Temperature", optional},
          {"top_p", "Probability", optional},
          {"top_k", "Count", optional},
          {"seed", "Count", optional},
          {"stop", "NotEmptyStrings", optional},
          {"stream", "Boolean", optional}},
         {{{"text", "String"}, {"token_ids", "TokenIds"}, {"finish_reason", "FinishReason"}}}},
        {"divergence",
         "How far two views' next-token distributions are apart, in nats",
         {{"model", "Model"},
          {"kind", "DivergenceKind", optional},
          {"from", "View", optional},
          {"to", "View", optional},
          {"prompts", "Texts"},
          {"top_k", "PositiveCount", optional}},
         {{{"kind", "DivergenceKind"},
           {"per_prompt", "Numbers"},
           {"mean", "Number"},
           {"max", "Number"},
           {"ci_95", "Interval"}}}},
        {"subscribe",
         "Sends `event` notifications for as long as the connection lives",
         {{"events", "Events", optional}},
         {{{"subscribed", "Events"}}}},
        {"reload",
         "Reads the configuration file again",
         {},
         {{{"added", "Strings"},
           {"removed", "Strings"},
           {"changed", "Strings"},
           {"unchanged", "Strings"}}},
         {errc::permission_denied, errc::unsupported}},
        {"shutdown",
         "Drains, then exits",
         {{"drain_seconds", "Seconds", optional}},
         {},
         {errc::permission_denied}},
        {"rpc.discover",
         "This document",
         {},
         {{{"openrpc", "String"},
           {"info", "Object"},
           {"methods", "Objects"},
           {"components", "Object"}}}},
    };
}

/// Of every method that takes `model`, behind its own.
constexpr member with_a_model[] = {{"timeout", "PositiveSeconds", optional},
                                   {"progress", "Boolean", optional},
                                   {"keep_alive", "Seconds", optional}};

constexpr std::pair<errc, std::string_view> meanings[] = {
    {errc::parse_error, "not JSON"},
    {errc::invalid_request, "not a JSON-RPC 2.0 request, or an empty batch"},
    {errc::method_not_found, "no such method"},
    {errc::invalid_params, "a parameter is missing, unknown, ill-typed or out of range"},
    {errc::internal_error, "a bug in the daemon"},
    {errc::not_found, "no such model or adapter on disk, or not loaded"},
    {errc::load_failed, "the loader failed"},
    {errc::busy, "a queue is full; nothing was done"},
    {errc::timeout, "the request's own timeout, or that of the load, passed"},
    {errc::too_large,
     "the model can never fit the budget, or the reply is longer than replies may be"},
    {errc::all_pinned, "no room, and everything resident is pinned"},
    {errc::shutting_down, "the daemon is draining"},
    {errc::permission_denied, "not for this user, or a path outside of the allowed roots"},
    {errc::unsupported, "this build or backend cannot do that"},
    {errc::frame_too_large, "the request is longer than frames may be"},
    {errc::backend_failed, "the backend threw while running; the model stays resident"},
    {errc::cancelled, "taken back by $/cancelRequest"},
};

constexpr errc of_every_method[] = {errc::invalid_params, errc::busy, errc::cancelled,
                                    errc::internal_error};
constexpr errc of_every_load[] = {errc::not_found,         errc::load_failed, errc::timeout,
                                  errc::too_large,         errc::all_pinned,  errc::shutting_down,
                                  errc::permission_denied, errc::unsupported, errc::backend_failed};

bool takes_a_model(const described_method& what)
{
    return !what.params.empty() && what.params.front().name == "model";
}

void write_reference(json_writer& to, std::string_view group, std::string_view to_name)
{
    to.begin_object()
        .member("$ref", "#/components/" + std::string(group) + '/' + std::string(to_name))
        .end_object();
}

void write_parameter(json_writer& to, const member& what)
{
    to.begin_object().member("name", what.name).member("required", what.required).key("schema");
    write_reference(to, "schemas", what.type);
    to.end_object();
}

void write_result(json_writer& to, const described_method& of)
{
    to.key("result")
        .begin_object()
        .member("name", std::string(of.name) + " result")
        .key("schema")
        .begin_object();
    to.member("type", "object").key("properties").begin_object();
    for (const member& each : of.result.members) {
        to.key(each.name);
        write_reference(to, "schemas", each.type);
    }
    to.end_object().key("required").begin_array();
    for (const member& each : of.result.members)
        to.value(each.name);
    to.end_array();
    if (!of.result.any.empty()) {
        to.key("additionalProperties");
        write_reference(to, "schemas", of.result.any);
    }
    to.end_object().end_object();
}

void write_errors(json_writer& to, const described_method& of)
{
    const bool loads = takes_a_model(of) && of.params.front().required;
    const auto write = [&](std::span<const errc> all) {
        for (const errc each : all)
            write_reference(to, "errors", name(each));
    };
    to.key("errors").begin_array();
    write(of_every_method);
    write(loads ? std::span<const errc>(of_every_load) : of.errors);
    to.end_array();
}

void write_method(json_writer& to, const described_method& what)
{
    to.begin_object()
        .member("name", what.name)
        .member("summary", what.summary)
        .member("paramStructure", "by-name");
    to.key("params").begin_array();
    for (const member& each : what.params)
        write_parameter(to, each);
    if (takes_a_model(what))
        for (const member& each : with_a_model)
            write_parameter(to, each);
    to.end_array();
    write_result(to, what);
    write_errors(to, what);
    to.end_object();
}

void write_components(json_writer& to)
{
    to.key("components").begin_object().key("errors").begin_object();
    for (const auto& [code, meaning] : meanings) {
        to.key(name(code))
            .begin_object()
            .member("code", rpc::wire_code(code))
            .member("message", meaning);
        to.key("data").begin_object().member("kind", name(code)).end_object().end_object();
    }
    std::string on_one_line(schemas); // as every reply is
    std::erase(on_one_line, '\n');
    to.end_object().key("schemas").raw(on_one_line).end_object();
}

} // namespace

std::string discovery(std::string_view version)
{
    std::string text;
    json_writer to(text);
    to.begin_object().member("openrpc", "1.3.2").key("info").begin_object();
    to.member("title", "warmd").member("version", version).end_object();
    to.key("methods").begin_array();
    for (const described_method& each : methods())
        write_method(to, each);
    to.end_array();
    write_components(to);
    to.end_object();
    return text;
}

} // namespace warmd

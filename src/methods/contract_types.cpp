// The types that the contract's fields are of.

#include "methods/contract_parts.hpp"
#include "methods/reader.hpp"

namespace warmd::schema {

namespace {

std::vector<field> identity_members()
{
    return {
        {.name = "kind", .type = "string", .doc = "which loader knows it", .otherwise = R"("hf")"},
        {.name = "base",
         .type = "string",
         .doc = "an absolute path, or a repository id in the local Hugging Face cache"},
        {.name = "revision",
         .type = "string|null",
         .doc = "of a repository id: a branch, a tag or a commit",
         .otherwise = "null"},
        {.name = "adapter",
         .type = "string|null",
         .doc = "a LoRA adapter: an absolute path",
         .otherwise = "null"},
        {.name = "dtype",
         .type = "Dtype",
         .doc = "what to keep weights in",
         .otherwise = R"("auto")"},
        {.name = "device", .type = "Device", .doc = "where to compute", .otherwise = R"("auto")"},
        {.name = "entry_point",
         .type = "string|null",
         .doc = "for kinds that have any",
         .otherwise = "null"},
        {.name = "options",
         .type = "object",
         .doc = "what else the kind understands",
         .otherwise = "{}"}};
}

std::vector<field> spec_members()
{
    std::vector<field> all = identity_members();
    all.push_back({.name = "trust_remote_code",
                   .type = "boolean",
                   .doc = "accepted for others' sake: no code is ever loaded",
                   .otherwise = "false"});
    return all;
}

std::vector<field> loaded_members()
{
    std::vector<field> all = identity_members();
    for (field& each : all)
        each.otherwise = {}; // an answer leaves none of them out
    all.insert(all.begin(), {.name = "key", .type = "string", .doc = "its key"});
    return all;
}

type model_state()
{
    return {
        .name = "ModelState",
        .wanted = "a row of `models`",
        .plural = "rows",
        .members = {
            {.name = "key", .type = "string", .doc = "its key"},
            {.name = "model", .type = "ModelSpec", .doc = "what was resolved"},
            {.name = "computes",
             .type = "string|null",
             .doc = "what its weights are kept in, where the kind says"},
            {.name = "max_model_len",
             .type = "integer|null",
             .doc = "tokens that an input may have with what is generated, where the kind says"},
            {.name = "state", .type = "State", .doc = "where it is"},
            {.name = "bytes", .type = "integer", .doc = "measured; 0 until it is loaded"},
            {.name = "shared_bytes",
             .type = "integer",
             .doc = "of these, held in common with other models"},
            {.name = "estimated_bytes", .type = "integer", .doc = "before it was loaded"},
            {.name = "leases", .type = "integer", .doc = "requests that use it"},
            {.name = "waiters", .type = "integer", .doc = "requests that wait for it"},
            {.name = "pinned", .type = "boolean", .doc = "never evicted to make room"},
            {.name = "load_seconds", .type = "seconds", .doc = "what its load took"},
            {.name = "idle_seconds",
             .type = "number|null",
             .doc = "since its last use; null while it is used"},
            {.name = "expires_in_seconds",
             .type = "number|null",
             .doc = "until it goes for want of use; null: it does not"},
            {.name = "generation", .type = "string", .doc = "of its files"},
            {.name = "calls", .type = "integer", .doc = "since it was loaded"},
            {.name = "running", .type = "integer", .doc = "calls under way"},
            {.name = "queued_tokens",
             .type = "integer",
             .doc = "of their inputs, not computed yet"},
            {.name = "kv_bytes", .type = "integer", .doc = "keys and values that are kept for it"},
            {.name = "tokenizer",
             .type = "Tokenizer|null",
             .doc = "whose it is; null until it is loaded"},
            {.name = "worker", .type = "Worker|null", .doc = "the process that computes it"}}};
}

type worker_type()
{
    return {.name = "Worker",
            .wanted = "a process that an engine runs in",
            .plural = "workers",
            .members = {
                {.name = "kind", .type = "string", .doc = "as the configuration names it"},
                {.name = "key", .type = "string", .doc = "of its model"},
                {.name = "pid", .type = "integer|null", .doc = "its process; null: there is none"},
                {.name = "state",
                 .type = "string",
                 .doc = "starting, loading, serving, stopping, gone; broken: not started for now"},
                {.name = "restarts",
                 .type = "integer",
                 .doc = "how many there were for this model before it"},
                {.name = "device_bytes",
                 .type = "integer|null",
                 .doc = "of a device's memory, where it says"},
                {.name = "sandbox", .type = "string", .doc = "what it is shut up in, or why not"},
                {.name = "trouble", .type = "string", .doc = "what is wrong with it, or nothing"}}};
}

std::vector<type> result_types()
{
    const field num_scored{
        .name = "num_scored", .type = "integer", .doc = "tokens that had something before them"};
    const field logprobs{
        .name = "logprobs", .type = "number[]", .doc = "of each token that was scored, nats"};
    return {
        {.name = "Distribution",
         .wanted = "the most probable tokens",
         .plural = "distributions",
         .members = {{.name = "token_ids",
                      .type = "TokenId[]",
                      .doc = "by falling logprob, ties by rising id"},
                     {.name = "logprobs", .type = "number[]", .doc = "of each, nats"},
                     {.name = "tail_logprob",
                      .type = "number|null",
                      .doc = "log of the mass that is not listed; null: all is"},
                     {.name = "vocab_size", .type = "integer", .doc = "tokens in all"}}},
        {.name = "ScoredCompletion",
         .wanted = "a completion's score",
         .plural = "scores",
         .members = {{.name = "logprob",
                      .type = "number|null",
                      .doc = "the sum, nats; null: nothing was scored"},
                     {.name = "num_tokens", .type = "integer", .doc = "as num_scored"},
                     num_scored,
                     {.name = "token_ids", .type = "TokenId[]", .doc = "of the completion"},
                     logprobs}},
        {.name = "ScoredText",
         .wanted = "a text's score",
         .plural = "scores",
         .members = {{.name = "token_ids", .type = "TokenId[]", .doc = "of the text"},
                     logprobs,
                     {.name = "num_tokens", .type = "integer", .doc = "of the text"},
                     num_scored,
                     {.name = "total_logprob", .type = "number", .doc = "the sum, nats"},
                     {.name = "mean_logprob",
                      .type = "number|null",
                      .doc = "for each scored token; null: there is none"},
                     {.name = "perplexity",
                      .type = "number|null",
                      .doc = "exp(-mean_logprob); null as that"}}},
        {.name = "Failed",
         .wanted = "with on_error: item, what stands in the place of an input's result",
         .members = {{.name = "error", .type = "Error", .doc = "why it could not be scored"}}},
        {.name = "Error",
         .wanted = "an error as JSON-RPC has it",
         .members = {{.name = "code", .type = "any", .doc = "its number"},
                     {.name = "message", .type = "string", .doc = "for people"},
                     {.name = "data", .type = "object", .doc = "with its `kind`"}}},
        {.name = "Prediction",
         .wanted = "what comes next",
         .plural = "predictions",
         .one_of = {"Distribution", "Failed"}},
        {.name = "CompletionScore",
         .wanted = "what a completion scored",
         .plural = "scores",
         .one_of = {"ScoredCompletion", "Failed"}},
        {.name = "TextScore",
         .wanted = "what a text scored",
         .plural = "scores",
         .one_of = {"ScoredText", "Failed"}},
        {.name = "Distance", .wanted = "nats", .plural = "numbers", .one_of = {"number", "Failed"}},
        {.name = "Bound",
         .wanted = "nats, or null where nothing was compared",
         .plural = "numbers",
         .is = "number|null"},
        {.name = "FinishReason", .wanted = "", .words = {"stop", "length", "eos"}},
        {.name = "Status", .wanted = "", .words = {"ok", "degraded", "draining"}},
        {.name = "State",
         .wanted = "",
         .words = {"waiting", "loading", "ready", "draining", "closing", "failed"}},
        worker_type(),
        {.name = "LoadedModel",
         .wanted = "a loaded model",
         .plural = "loaded models",
         .members = loaded_members()},
        model_state(),
        {.name = "Tokenizer", .wanted = "", .words = {"base", "adapter"}},
        {.name = "Limits", .wanted = "the daemon's limits", .values = "number"},
        {.name = "Buckets",
         .wanted = "a histogram's counts by their upper bounds",
         .values = "integer"},
        {.name = "Statistic",
         .wanted = "a number, or a histogram's buckets",
         .one_of = {"number", "Buckets"}},
        {.name = "Progress",
         .wanted = "how far a request has come",
         .members =
             {{.name = "stage", .type = "Stage", .doc = "what it waits for or does"},
              {.name = "position",
               .type = "integer",
               .doc = "in the line for room, 1 is next",
               .optional = true},
              {.name = "fraction",
               .type = "number",
               .doc = "of the load or of the suite, 0 to 1",
               .optional = true},
              {.name = "bytes_done", .type = "integer", .doc = "of the load", .optional = true},
              {.name = "bytes_total", .type = "integer", .doc = "of the load", .optional = true},
              {.name = "done",
               .type = "integer",
               .doc = "of a suite's run: tokens computed",
               .optional = true},
              {.name = "total",
               .type = "integer",
               .doc = "of a suite's run: tokens in all, as far as is known",
               .optional = true},
              {.name = "result",
               .type = "object",
               .doc = "of a suite's run: a probe's, but for what null adapters will tell",
               .optional = true}}},
        {.name = "Stage",
         .wanted = "",
         .words = {"queued", "waiting_for_files", "waiting_for_room", "loading", "running"}}};
}

std::vector<type> parameter_types()
{
    return {
        {.name = "TokenId",
         .wanted = "an integer from 0 to 2147483647",
         .plural = "token ids (integers from 0 to 2147483647)",
         .is = "integer",
         .within = integers{}},
        {.name = "Text",
         .wanted = "a string or an array of token ids (integers from 0 to 2147483647), or "
                   R"(a conversation, {"messages": [...]})",
         .plural = "texts",
         .one_of = {"string", "TokenId[]", "Conversation"}},
        {.name = "Conversation",
         .wanted = R"(an object with "messages" and nothing but )"
                   R"("tools", "documents", "add_generation_prompt", )"
                   R"("continue_final_message", "chat_template" and "chat_template_kwargs")",
         .members = conversation_members()},
        {.name = "Continued",
         .wanted = "true, false or a member of the last message",
         .one_of = {"boolean", "string"}},
        {.name = "StopText",
         .wanted = "a non-empty string",
         .plural = "non-empty strings",
         .is = "string",
         .within = elements{1}},
        {.name = "Stop",
         .wanted = "a non-empty string or an array of them",
         .one_of = {"StopText", "StopText[]"}},
        {.name = "Item",
         .wanted = R"(an object with exactly "prompt" and "completion")",
         .plural = "{prompt, completion}",
         .members = {{.name = "prompt", .type = "Text", .doc = "what goes before"},
                     {.name = "completion", .type = "Text", .doc = "what is scored"}}},
        {.name = "ModelSpec", .wanted = "a ModelSpec object", .members = spec_members()},
        {.name = "Model",
         .wanted = "a ModelSpec object, or a name: of a configured model, or the absolute path "
                   "of a base or of an adapter that names its base; with :base, "
                   "@0.5 (scaled) or :null-7 (a seed) at its end, seen through that view by "
                   "methods that take one",
         .one_of = {"ModelSpec", "string"}},
        {.name = "Dtype", .wanted = "", .words = {"auto", "fp32", "bf16", "fp16", "int8", "int4"}},
        {.name = "Device", .wanted = "", .words = {"auto", "cpu"}},
        {.name = "View",
         .wanted = R"("base", "ft", {"scaled": number} or )"
                   R"({"null": {"seed", "init_scale", "rank_scale", "match"}})",
         .one_of = {"NamedView", "ScaledView", "NullView"}},
        {.name = "NamedView", .wanted = "", .words = {"base", "ft"}},
        {.name = "ScaledView",
         .wanted = "the adapter's part times a number",
         .members = {{.name = "scaled", .type = "number", .doc = "0 is base, 1 is ft"}}},
        {.name = "NullView",
         .wanted = "the adapter's factors redrawn: a control",
         .members = {{.name = "null", .type = "NullDraw", .doc = "how to draw"}}},
        {.name = "NullDraw",
         .wanted = "how a control is drawn",
         .members = {{.name = "seed",
                      .type = "integer",
                      .doc = "of the draw",
                      .otherwise = "0",
                      .within = integers{.most = std::numeric_limits<std::uint64_t>::max()},
                      .into = to<&view::seed>()},
                     {.name = "init_scale",
                      .type = "number",
                      .doc = "standard deviation of what is drawn",
                      .otherwise = "0.02",
                      .within = numbers{.least = 0},
                      .into = to<&view::init_scale>()},
                     {.name = "rank_scale",
                      .type = "number",
                      .doc = "its square root multiplies that",
                      .otherwise = "1.0",
                      .within = numbers{.least = 0, .least_itself = false},
                      .into = to<&view::rank_scale>()},
                     {.name = "match",
                      .type = "NullMatch",
                      .doc = "in place of both: each module's update is as large as the "
                             "adapter's",
                      .optional = true,
                      .into = to<&view::match>()}}},
        {.name = "NullMatch", .wanted = "", .words = {"norm"}},
        {.name = "DivergenceKind", .wanted = "", .words = {"js", "kl"}},
        {.name = "FailureScope", .wanted = "", .words = {"request", "item"}},
        {.name = "Priority", .wanted = "", .words = {"interactive", "batch"}},
        {.name = "Event",
         .wanted = "",
         .plural = "events",
         .words = {event_names.begin(), event_names.end()}}};
}

} // namespace

std::vector<type> all_types()
{
    std::vector<type> all = parameter_types();
    for (auto* part : {result_types, completion_types, suite_types})
        for (type& each : part())
            all.push_back(std::move(each));
    return all;
}

} // namespace warmd::schema

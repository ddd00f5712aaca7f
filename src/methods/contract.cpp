// The contract put together, and its notifications.

#include "methods/contract_parts.hpp"

#include <iterator>

namespace warmd::schema {

namespace {

const field request_id{
    .name = "id", .type = "any", .doc = "of the request that this is about: a string or a number"};

std::vector<notification> all_notifications()
{
    return {
        {.name = "$/cancelRequest",
         .summary = "From the client: the request is answered with `cancelled`, unless its "
                    "reply is under way",
         .params = {request_id}},
        {.name = "$/progress",
         .summary = "Comes before the result of a request with progress: true",
         .params = {request_id, {.name = "value", .type = "Progress", .doc = "how far it is"}}},
        {.name = "$/token",
         .summary = "Comes before the result of a generate with stream: true, for each token",
         .params = {request_id,
                    {.name = "text",
                     .type = "string",
                     .doc = "what it adds; may be empty within a character"},
                    {.name = "token_id", .type = "TokenId", .doc = "the token"},
                    {.name = "logprob", .type = "number", .doc = "nats"}}},
        {.name = "$/chunk",
         .summary = "Comes before the result of a completion with stream: true",
         .params = {request_id,
                    {.name = "chunk", .type = "object", .doc = "as OpenAI's clients read it"}}},
        {.name = "event",
         .summary = "What a subscriber is told; what else it has goes by its type",
         .params = {
             {.name = "type",
              .type = "string",
              .doc = "an Event, or lost: `count` of them were not read in time"},
             {.name = "time", .type = "seconds", .doc = "Unix time"},
             {.name = "key", .type = "string", .doc = "of the model", .optional = true},
             {.name = "reason", .type = "string", .doc = "of state and evicted", .optional = true},
             {.name = "from",
              .type = "string|null",
              .doc = "of state: where it was",
              .optional = true},
             {.name = "to",
              .type = "string|null",
              .doc = "of state: where it is",
              .optional = true},
             {.name = "message",
              .type = "string",
              .doc = "of load_failed and close_failed",
              .optional = true},
             {.name = "cause",
              .type = "string",
              .doc = "of load_failed: the loader's words",
              .optional = true},
             {.name = "count", .type = "integer", .doc = "of lost", .optional = true}}}};
}

} // namespace

contract daemon_contract()
{
    contract made{
        .methods = residency_methods(),
        .notifications = all_notifications(),
        .types = all_types(),
        .errors = {errc::invalid_params, errc::busy, errc::cancelled, errc::internal_error}};
    for (auto part : {operation_methods(), chat_methods(), completion_methods(),
                      tokenizer_methods(), suite_methods(), daemon_methods(), worker_methods()})
        made.methods.insert(made.methods.end(), std::make_move_iterator(part.begin()),
                            std::make_move_iterator(part.end()));
    return made;
}

} // namespace warmd::schema

// The contract of conversations: what a chat template is given, and what it makes.

#include "methods/contract_parts.hpp"
#include "methods/reader.hpp"
#include "methods/requests.hpp"

namespace warmd::schema {

namespace {

const destination with_the_others{&owner_of<chat_prompt>,
                                  [](reading&, const field&, const json_node&, void*) {}};

const field model{.name = "model",
                  .type = "Model",
                  .doc = "whose template",
                  .into = to<&operation_request::model>()};

method render_method()
{
    return {.name = "render",
            .summary = "The text that the model's chat template makes of a conversation",
            .params = about_a_model(model, conversation_members()),
            .result = {{.name = "text", .type = "string", .doc = "what the model would see"},
                       {.name = "ids",
                        .type = "TokenId[]",
                        .doc = "its tokens; none are added, as the template writes its own"},
                       {.name = "template", .type = "string", .doc = "the template's name"},
                       {.name = "unused_kwargs",
                        .type = "string[]",
                        .doc = "of chat_template_kwargs: the template mentions them nowhere"}},
            .errors = errors_of_a_load()};
}

method chat_template_method()
{
    return {
        .name = "chat_template",
        .summary = "Which chat templates the model has",
        .params = about_a_model(
            model, {{.name = "name",
                     .type = "string",
                     .doc = "one of them; else the one that a conversation without tools has",
                     .otherwise = R"("")",
                     .into = to<&describe_chat_template::name>()}}),
        .result = {{.name = "template", .type = "string", .doc = "its name"},
                   {.name = "file", .type = "string", .doc = "where it is from"},
                   {.name = "templates", .type = "string[]", .doc = "the names of all"},
                   {.name = "variables", .type = "string[]", .doc = "what it takes from outside"}},
        .errors = errors_of_a_load()};
}

} // namespace

std::vector<field> conversation_members()
{
    std::vector<field> all{
        {.name = "messages",
         .type = "object[]",
         .doc = "at least one, each with a `role`; all else in them goes to the template as it is",
         .within = elements{1}},
        {.name = "tools", .type = "any", .doc = "an array, or null", .otherwise = "null"},
        {.name = "documents", .type = "any", .doc = "an array, or null", .otherwise = "null"},
        {.name = "add_generation_prompt",
         .type = "boolean",
         .doc = "begin the answer; if not said, true unless the last message is continued",
         .optional = true},
        {.name = "continue_final_message",
         .type = "Continued",
         .doc = "end the text where the last message ends; a string: where that member of it does",
         .otherwise = "false"},
        {.name = "chat_template",
         .type = "string",
         .doc = "one of the model's; else tool_use with tools, where there is one, or default",
         .optional = true},
        {.name = "chat_template_kwargs",
         .type = "object",
         .doc = "what else the template sees, by name",
         .otherwise = "{}"}};
    for (field& each : all)
        each.into = with_the_others;
    return all;
}

std::vector<method> chat_methods() { return {render_method(), chat_template_method()}; }

} // namespace warmd::schema

#pragma once
// Conversations as requests have them, and their variables as a chat template sees them.

#include "json/json_document.hpp"
#include <warmd/backend.hpp>

#include <string_view>

namespace warmd {

/// Reads {"messages": [{"role": …}, …], "tools"?, "documents"?, "add_generation_prompt"?,
/// "continue_final_message"?: bool or a member of the last message, "chat_template_kwargs"?:
/// object, "chat_template"?: name}; other members are not looked at. What is in a message goes to
/// the template as it is, but that content of parts is of text parts only. The generation prompt is
/// added unless the last message is continued. invalid_params names the member, within `called` if
/// that is not empty ("prompts[3].messages[0].role must be a string, found 7"): also for an
/// integer past 64 bits, which no template can be given. REQUIRES: an object.
result<chat_prompt> read_chat_prompt(const json_node& from, std::string_view called);

/// Whether `what` can only be done with the model's chat template: a backend that knows of none
/// answers `unsupported`.
bool needs_chat_template(const operation& what);

} // namespace warmd

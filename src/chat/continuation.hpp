#pragma once
// A conversation whose last message goes on: Transformers' continue_final_message.

#include "chat/chat_template.hpp"

namespace warmd::chat {

/// Renders `variables` (of which `messages` is an array of objects) and ends the text where the
/// last message's `field` ends: a marker is appended to the field, and the text cut at its last
/// place. A failure `type` where there is nothing to go on, or the template does not show it.
template_result<rendering> render_continued(const chat_template& by, boost::json::object variables,
                                            const std::tm& now, std::string_view field = "content",
                                            const template_bounds& bounds = {},
                                            std::stop_token cancelled = {});

} // namespace warmd::chat

#include "chat/continuation.hpp"

#include "chat/unicode.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <optional>

namespace warmd::chat {

namespace {

constexpr std::string_view mark = "CONTINUE_FINAL_MESSAGE_TAG ";

template_failure nothing_to_continue(std::string detail)
{
    return {template_fault::type, 1, std::move(detail)};
}

/// The text that goes on: the field, or of its parts the last that has one. Null if there is none.
boost::json::string* last_text(boost::json::value& messages, std::string_view field)
{
    auto* all = messages.if_array();
    auto* last = all != nullptr && !all->empty() ? all->back().if_object() : nullptr;
    auto* content = last != nullptr ? last->if_contains(field) : nullptr;
    if (content == nullptr)
        return nullptr;
    if (auto* parts = content->if_array()) {
        for (std::size_t i = parts->size(); i-- > 0;)
            if (auto* part = (*parts)[i].if_object())
                if (auto* text = part->if_contains("text"))
                    return text->if_string();
        return nullptr;
    }
    return content->if_string();
}

} // namespace

template_result<rendering> render_continued(const chat_template& by, boost::json::object variables,
                                            const std::tm& now, std::string_view field,
                                            const template_bounds& bounds,
                                            std::stop_token cancelled)
{
    auto* messages = variables.if_contains("messages");
    boost::json::string* text = messages != nullptr ? last_text(*messages, field) : nullptr;
    if (text == nullptr)
        return nothing_to_continue("the final message has no text '" + std::string(field) +
                                   "' to continue");
    if (!by.mentions(field))
        return nothing_to_continue("the template does not use '" + std::string(field) +
                                   "', which is to be continued");
    const std::string wanted(unicode::stripped({text->data(), text->size()}));
    text->append(mark);
    auto shown = by.render(variables, now, bounds, std::move(cancelled));
    if (!shown)
        return shown;
    const std::string_view bare = mark.substr(0, mark.size() - 1);
    const std::size_t at = shown->text.rfind(bare);
    if (at == std::string::npos || shown->text.find(wanted) == std::string::npos)
        return nothing_to_continue("the final message does not appear in the text that the "
                                   "template makes, so it cannot be continued");
    const bool whole = std::string_view(shown->text).substr(at).starts_with(mark);
    shown->text.resize(at);
    if (!whole) // the template trims: what stood before the mark would have been trimmed as well
        shown->text.resize(unicode::right_stripped(shown->text).size());
    const std::size_t length = unicode::count(shown->text);
    for (auto& [start, end] : shown->generated) {
        start = std::min(start, length);
        end = std::min(end, length);
    }
    return shown;
}

} // namespace warmd::chat

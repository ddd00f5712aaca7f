#include "chat/chat_template.hpp"

#include "chat/interpreter.hpp"
#include "chat/names.hpp"
#include "chat/parser.hpp"
#include "chat/unicode.hpp"

#include <algorithm>

namespace warmd::chat {

template_result<chat_template> chat_template::parse(std::string_view source,
                                                    const template_bounds& bounds)
{
    if (source.size() > bounds.source)
        return template_failure{template_fault::size, 1,
                                "a template of " + std::to_string(source.size()) +
                                    " bytes; at most " + std::to_string(bounds.source)};
    if (!unicode::is_valid(source))
        return template_failure{template_fault::syntax, 1, "the template is not UTF-8"};
    auto tree = std::make_shared<syntax_tree>();
    try {
        tree->source = normalized_source(source);
        parser(*tree, bounds).parse();
        resolve_names(*tree, bounds.steps);
    } catch (fault& why) {
        return template_failure{why.cause, std::max<std::size_t>(why.line, 1),
                                std::move(why.detail)};
    }
    chat_template made;
    made.tree_ = std::move(tree);
    return made;
}

template_result<rendering> chat_template::render(const boost::json::object& variables,
                                                 const std::tm& now, const template_bounds& bounds,
                                                 std::stop_token cancelled) const
{
    if (!tree_)
        return rendering{};
    workspace in(bounds, std::move(cancelled));
    interpreter by(*tree_, variables, now, in);
    try {
        const text_buffer text = by.run();
        return rendering{std::string(text), by.generated()};
    } catch (fault& why) {
        return template_failure{why.cause, why.line == 0 ? by.line() : why.line,
                                std::move(why.detail)};
    }
}

const std::vector<std::string>& chat_template::reads() const
{
    static const std::vector<std::string> none;
    return tree_ ? tree_->reads : none;
}

std::vector<std::string> chat_template::unused(const boost::json::object& variables) const
{
    std::vector<std::string> names;
    for (const auto& member : variables)
        if (!std::binary_search(reads().begin(), reads().end(), std::string(member.key())))
            names.emplace_back(member.key());
    return names;
}

bool chat_template::mentions(std::string_view word) const
{
    return tree_ && tree_->source.find(word) != std::string::npos;
}

} // namespace warmd::chat

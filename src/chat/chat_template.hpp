#pragma once
// Chat templates: the Jinja that Hugging Face models ship, as Transformers runs it (an
// ImmutableSandboxedEnvironment of Jinja 3.1 with trim_blocks, lstrip_blocks, loop controls,
// {% generation %}, raise_exception, strftime_now and its own tojson). Either the same text as
// there or a failure that says why; within bounds, whatever the template is.
//
//   auto greeting = chat_template::parse("{% for m in messages %}{{ m.content }}{% endfor %}");
//   auto text = greeting->render({{"messages", messages}}, now);
//
// Refused, where Python goes on: integers past 64 bits, names of characters (\N{…}), the filters
// filesizeformat, pprint, random, urlize, xmlattr, the tags block and autoescape, lipsum,
// and what Python prints with an address in memory.

#include "chat/template_bounds.hpp"
#include "chat/template_failure.hpp"

#include <boost/json/object.hpp>

#include <ctime>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace warmd::chat {

struct syntax_tree;

struct rendering {
    std::string text;
    /// [start, end) of what {% generation %} wrote, in code points of the text.
    std::vector<std::pair<std::size_t, std::size_t>> generated;
};

/// A parsed template. Immutable: one may be rendered by many threads at once.
class chat_template {
public:
    chat_template() = default; ///< an empty one, to be assigned to

    /// REQUIRES: nothing; what is no template, or too big or too deep, is a failure with its line.
    static template_result<chat_template> parse(std::string_view source,
                                                const template_bounds& bounds = {});

    /// The text for these variables. `now` is the local time that strftime_now tells; a stop asked
    /// of `cancelled` ends it (template_fault::cancelled). REQUIRES: texts in `variables` are
    /// UTF-8.
    template_result<rendering> render(const boost::json::object& variables, const std::tm& now,
                                      const template_bounds& bounds = {},
                                      std::stop_token cancelled = {}) const;

    /// Names of the variables that it takes from outside, sorted; others make no difference to it.
    const std::vector<std::string>& reads() const;
    /// The names of `variables` that are not among these, in their order.
    std::vector<std::string> unused(const boost::json::object& variables) const;
    /// Whether the source has this word anywhere.
    bool mentions(std::string_view word) const;

private:
    std::shared_ptr<const syntax_tree> tree_;
};

} // namespace warmd::chat

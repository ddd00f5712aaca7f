#pragma once
// What functions of a template leave behind as values: variables, macros, and `loop`.

#include "chat/arguments.hpp"
#include "chat/syntax.hpp"
#include "chat/value.hpp"

namespace warmd::chat {

/// The variables of a function that is evaluated.
class activation final : public object {
public:
    activation(values own, value around) : slots(std::move(own)), outer(std::move(around)) {}
    void clear() override
    {
        slots.clear();
        outer = {};
    }
    values slots;
    value outer; ///< of the function around it: variables, or missing
};

class macro final : public object {
public:
    macro(const function_body& of, value among) : body(&of), scope(std::move(among)) {}
    void clear() override { scope = {}; }
    const function_body* body;
    value scope; ///< the variables it was defined among
};

/// `loop`: where an iteration is. It looks one element ahead only when it is asked.
class loop_state final : public object {
public:
    loop_state(value iterated, value elements, std::size_t level)
        : over(std::move(iterated)), source(std::move(elements)), depth(level)
    {
    }
    void clear() override { over = source = previous = current = ahead = changed = scope = {}; }
    /// The next element, which `loop` is then about.
    bool next(workspace& in, value& into);
    bool look_ahead(workspace& in); ///< whether there is a next one
    std::int64_t length(workspace& in);

    value over, source; ///< what is iterated, and an iterator over it
    value previous, current, ahead;
    std::size_t depth; ///< of recursive loops, from 0
    std::int64_t index = -1;
    std::int64_t known_length = -1;
    value changed;                        ///< what loop.changed() was last called with: a tuple
    const statement* recursive = nullptr; ///< the loop that calling it begins anew
    value scope;                          ///< the variables that loop was defined among
};

bool next_of_loop(workspace& in, const value& loop, value& into);
std::string text_of_loop(workspace& in, const value& loop);
std::string_view name_of_macro(const value& macro);
/// `missing` if it has no such attribute.
value attribute_of_loop(workspace& in, const value& loop, std::string_view name);
value attribute_of_macro(workspace& in, const value& macro, std::string_view name);

} // namespace warmd::chat

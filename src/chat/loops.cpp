#include "chat/loops.hpp"

#include "chat/iteration.hpp"

namespace warmd::chat {

bool loop_state::look_ahead(workspace& in)
{
    if (!ahead.is_missing())
        return true;
    const workspace::level nested(in);
    return source.as<iterator>().next(in, ahead);
}

bool loop_state::next(workspace& in, value& into)
{
    if (!look_ahead(in))
        return false;
    ++index;
    previous = std::move(current);
    current = std::move(ahead);
    ahead = {};
    into = current;
    return true;
}

std::int64_t loop_state::length(workspace& in)
{
    if (known_length >= 0)
        return known_length;
    if (has_length(over)) {
        known_length = static_cast<std::int64_t>(chat::length(in, over));
        return known_length;
    }
    // Taken from the iterator as a whole, and gone through from memory.
    values rest = all_of(in, source);
    known_length = static_cast<std::int64_t>(rest.size()) + index + 1 + !ahead.is_missing();
    source = make_iterator(in, make_list(in, std::move(rest)));
    return known_length;
}

bool next_of_loop(workspace&, const value&, value&)
{
    type_error("going through `loop` itself is not supported");
}

std::string text_of_loop(workspace& in, const value& loop)
{
    loop_state& of = loop.as<loop_state>();
    return "<LoopContext " + std::to_string(of.index + 1) + "/" + std::to_string(of.length(in)) +
           ">";
}

std::string_view name_of_macro(const value& of) { return of.as<macro>().body->name; }

value attribute_of_loop(workspace& in, const value& loop, std::string_view name)
{
    loop_state& of = loop.as<loop_state>();
    if (name == "index")
        return value::of(of.index + 1);
    if (name == "index0")
        return value::of(of.index);
    if (name == "first")
        return value::of(of.index == 0);
    if (name == "last")
        return value::of(!of.look_ahead(in));
    if (name == "length")
        return value::of(of.length(in));
    if (name == "revindex")
        return value::of(of.length(in) - of.index);
    if (name == "revindex0")
        return value::of(of.length(in) - of.index - 1);
    if (name == "previtem")
        return of.index == 0 ? make_undefined(in, "there is no previous item") : of.previous;
    if (name == "nextitem")
        return of.look_ahead(in) ? of.ahead : make_undefined(in, "there is no next item");
    if (name == "depth")
        return value::length_of(of.depth + 1);
    if (name == "depth0")
        return value::length_of(of.depth);
    return {};
}

value attribute_of_macro(workspace& in, const value& of, std::string_view name)
{
    const function_body& body = *of.as<macro>().body;
    if (name == "name")
        return borrow_text(in, body.name);
    if (name == "arguments") {
        values names(in.memory());
        for (const auto& parameter : body.parameters)
            names.push_back(borrow_text(in, parameter->text));
        return make_tuple(in, std::move(names));
    }
    if (name == "catch_kwargs")
        return value::of(body.takes_named);
    if (name == "catch_varargs")
        return value::of(body.takes_more);
    if (name == "caller")
        return value::of(body.takes_caller);
    return {};
}

} // namespace warmd::chat

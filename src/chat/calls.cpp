// Loops and macros: bodies that are gone through more than once.

#include "chat/access.hpp"
#include "chat/interpreter.hpp"
#include "chat/iteration.hpp"
#include "chat/printing.hpp"

#include <algorithm>

namespace warmd::chat {

/// The elements of a loop that its `if` lets through, as the loop asks for them.
class filtered_loop final : public iterator {
public:
    filtered_loop(interpreter& by, const statement& of, value source, value variables)
        : iterator("generator"), by_(by), of_(*of.loop), source_(std::move(source)),
          variables_(std::move(variables))
    {
    }
    bool advance(workspace& in, value& into) override
    {
        if (source_.is_missing())
            return false;
        const interpreter::function_call inside(by_, variables_);
        if (!std::exchange(begun_, true))
            by_.enter(of_.filter_loads);
        while (source_.as<iterator>().next(in, into)) {
            in.charge();
            by_.assign(*of_.filter_target, into);
            if (by_.holds(*of_.filter)) {
                into = rebuilt(in, *of_.filter_target);
                return true;
            }
        }
        source_ = {};
        return false;
    }
    void clear() override
    {
        source_ = {};
        variables_ = {};
    }

private:
    // What the target's variables have: of a tuple a new one.
    value rebuilt(workspace& in, const expression& target)
    {
        if (target.kind != op::tuple)
            return by_.slot(target.slot);
        values items(in.memory());
        for (const auto& part : target.parts)
            items.push_back(rebuilt(in, *part));
        return make_tuple(in, std::move(items));
    }

    interpreter& by_;
    const for_loop& of_;
    value source_, variables_;
    bool begun_ = false;
};

interpreter::flow interpreter::run_for(const statement& of)
{
    const value over = evaluate(*of.values.front());
    if (!of.loop->recursive)
        return iterate(of, over, 0, frame_);
    const value shown = recurse(of, over, 0, frame_);
    append(in_, *out_, shown.view());
    return flow::next;
}

interpreter::flow interpreter::iterate(const statement& of, const value& over, std::size_t depth,
                                       const value& scope)
{
    const for_loop& loop = *of.loop;
    value source = over;
    if (loop.filter)
        source = value::own(kind::iterator,
                            in_.make<filtered_loop>(*this, of, make_iterator(in_, over),
                                                    new_variables(loop.filter_slots, scope)));
    bool completed = false; // some turn, to the end of its body
    value item;
    if (loop.has_loop) {
        auto* made = in_.make<loop_state>(source, make_iterator(in_, source), depth);
        const value held = value::own(kind::loop, made);
        if (loop.recursive)
            made->recursive = &of;
        made->scope = scope;
        while (made->next(in_, item)) {
            in_.charge();
            assign(*loop.target, item);
            frame_.as<activation>().slots[loop.loop] = held;
            if (run_turn(loop, completed) == flow::break_)
                break;
        }
    } else {
        cursor each(in_, source);
        while (each.next(item)) {
            assign(*loop.target, item);
            if (run_turn(loop, completed) == flow::break_)
                break;
        }
    }
    if (completed || loop.otherwise.empty())
        return flow::next;
    return run_body(loop.otherwise, loop.else_loads);
}

interpreter::flow interpreter::run_turn(const for_loop& loop, bool& completed)
{
    const flow then = run_body(loop.body, loop.loads);
    completed = completed || then == flow::next;
    return then;
}

/// While it lives, calls are one deeper.
class interpreter::nested_call {
public:
    explicit nested_call(interpreter& of) : depth_(of.calls_)
    {
        if (depth_ == of.in_.bounds().calls)
            fail(template_fault::bound,
                 "calls nested more than " + std::to_string(depth_) + " deep");
        ++depth_;
    }
    nested_call(const nested_call&) = delete;
    nested_call& operator=(const nested_call&) = delete;
    ~nested_call() { --depth_; }

private:
    std::size_t& depth_;
};

value interpreter::recurse(const statement& of, const value& over, std::size_t depth,
                           const value& scope)
{
    const nested_call one(*this);
    const value outer = scope;
    const function_call inside(*this, new_variables(of.loop->slots, outer));
    capture written(*this);
    iterate(of, over, depth, outer);
    return make_text(in_, std::move(written.text));
}

value interpreter::call_loop(const value& loop, arguments& with)
{
    loop_state& of = loop.as<loop_state>();
    if (of.recursive == nullptr)
        type_error("The loop must have the 'recursive' marker to be called recursively.");
    const auto [over] = bound<1>(with, "loop", {"iterable"}, 1);
    return recurse(*of.recursive, over, of.depth + 1, of.scope);
}

void interpreter::bind_parameters(const function_body& body, activation& into, arguments& with)
{
    const auto take = [&](std::string_view name) {
        const auto at = std::find_if(with.named.begin(), with.named.end(),
                                     [&](const auto& each) { return each.first.view() == name; });
        value found;
        if (at != with.named.end()) {
            found = at->second;
            with.named.erase(at);
        }
        return found;
    };
    const std::size_t count = body.parameters.size();
    const std::size_t placed = std::min(count, with.positional.size());
    bool has_caller = false;
    for (std::size_t i = 0; i < count; ++i) {
        const expression& parameter = *body.parameters[i];
        has_caller = has_caller || parameter.text == "caller";
        into.slots[parameter.slot.slot] = i < placed ? with.positional[i] : take(parameter.text);
    }
    if (body.takes_caller && !has_caller) {
        value caller = take("caller");
        into.slots[body.caller] = caller.is_missing() || caller.is_none()
                                      ? make_undefined(in_, "No caller defined")
                                      : caller;
    }
    const std::string name = "macro '" + std::string(body.name) + "' ";
    if (body.takes_named) {
        const value rest = make_dict(in_);
        for (const auto& [key, held] : with.named)
            rest.as<dict>().set(in_, key, held);
        into.slots[body.named] = rest;
    } else if (!with.named.empty()) {
        const std::string_view unknown = with.named.front().first.view();
        type_error(unknown == "caller"
                       ? name + "was invoked with a caller that it does not use"
                       : name + "takes no keyword argument '" + std::string(unknown) + "'");
    }
    if (body.takes_more) {
        values rest(in_.memory());
        rest.assign(with.positional.begin() + static_cast<std::ptrdiff_t>(placed),
                    with.positional.end());
        into.slots[body.more] = make_tuple(in_, std::move(rest));
    } else if (with.positional.size() > count) {
        type_error(name + "takes not more than " + std::to_string(count) + " argument(s)");
    }
}

value interpreter::call_macro(const value& of, arguments& with)
{
    const nested_call one(*this);
    const function_body& body = *of.as<macro>().body;
    const value variables = new_variables(body.slots, of.as<macro>().scope);
    activation& own = variables.as<activation>();
    bind_parameters(body, own, with);
    const function_call inside(*this, variables);
    capture written(*this);
    enter(body.loads);
    const std::size_t required = body.parameters.size() - body.defaults.size();
    for (std::size_t i = 0; i < body.parameters.size(); ++i) {
        const expression& parameter = *body.parameters[i];
        if (!own.slots[parameter.slot.slot].is_missing())
            continue;
        value begins = i < required
                           ? make_undefined(in_, "parameter '" + std::string(parameter.text) +
                                                     "' was not provided")
                           : evaluate(*body.defaults[i - required]);
        own.slots[parameter.slot.slot] = std::move(begins);
    }
    execute(body.body);
    return make_text(in_, std::move(written.text));
}

value interpreter::call(const value& callee, arguments& with)
{
    const workspace::level nested(in_);
    in_.charge();
    switch (callee.type()) {
    case kind::undefined: use_of_undefined(callee);
    case kind::function: return callee.function().call(*this, with);
    case kind::method: {
        const bound_method& what = callee.as<bound_method>();
        const value self = what.self;
        return what.what->call(*this, self, with);
    }
    case kind::macro: return call_macro(callee, with);
    case kind::loop: return call_loop(callee, with);
    case kind::joiner: {
        joiner& of = callee.as<joiner>();
        no_arguments(with, "joiner");
        return std::exchange(of.used, true) ? of.separator : make_text(in_, "");
    }
    default: type_error("'" + std::string(type_name(callee)) + "' object is not callable");
    }
}

} // namespace warmd::chat

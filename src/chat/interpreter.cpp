#include "chat/interpreter.hpp"

#include "chat/globals.hpp"
#include "chat/iteration.hpp"
#include "chat/printing.hpp"
#include "chat/unicode.hpp"

namespace warmd::chat {

interpreter::interpreter(const syntax_tree& tree, const boost::json::object& variables,
                         const std::tm& now, workspace& in)
    : tree_(tree), variables_(variables), now_(now), in_(in), text_(in.memory()), out_(&text_),
      known_(in.memory())
{
}

text_buffer interpreter::run()
{
    frame_ = new_variables(tree_.main.slots, {});
    enter(tree_.main.loads);
    execute(tree_.main.body);
    return std::move(text_);
}

interpreter::function_call::function_call(interpreter& by, value variables)
    : by_(by), before_(std::exchange(by.frame_, std::move(variables)))
{
}

interpreter::function_call::~function_call() { by_.frame_ = std::move(before_); }

value interpreter::new_variables(std::size_t slots, const value& outer)
{
    in_.charge_elements(slots);
    return value::own(kind::variables, in_.make<activation>(values(slots, in_.memory()), outer));
}

// -- variables

value interpreter::outside(std::string_view name)
{
    const auto [at, fresh] = known_.try_emplace(name);
    if (!fresh)
        return at->second;
    if (name == "self")
        at->second = value::self_reference();
    else if (const auto* given = variables_.if_contains(name))
        at->second = from_json(in_, *given);
    else if (const builtin* global = find_global(name))
        at->second = value::of(*global);
    return at->second;
}

value& interpreter::slot(const slot_ref& of)
{
    const value* frame = &frame_;
    for (std::uint32_t i = 0; i < of.hops; ++i)
        frame = &frame->as<activation>().outer;
    return frame->as<activation>().slots[of.slot];
}

void interpreter::enter(const slot_loads& loads)
{
    in_.charge_elements(loads.size());
    for (const slot_load& load : loads) {
        value begins;
        if (load.how == slot_load::from::outside)
            begins = outside(load.name);
        else if (load.how == slot_load::from::outer)
            begins = slot(load.outer);
        frame_.as<activation>().slots[load.slot] = std::move(begins);
    }
}

void interpreter::assign(const expression& target, const value& to)
{
    switch (target.kind) {
    case op::tuple: unpack(target, to); break;
    case op::name_space_member: {
        const value of = slot(target.parts.front()->slot);
        if (!of.is(kind::name_space))
            type_error("cannot assign attribute on non-namespace object");
        of.as<name_space>().members.as<dict>().set(in_, borrow_text(in_, target.text), to);
        break;
    }
    default: slot(target.slot) = to;
    }
}

void interpreter::unpack(const expression& target, const value& from)
{
    const std::size_t wanted = target.parts.size();
    if (!is_iterable(from))
        type_error("cannot unpack non-iterable " + std::string(type_name(from)) + " object");
    values items(in_.memory());
    cursor each(in_, from);
    for (value next; each.next(next);) {
        if (items.size() == wanted)
            type_error("too many values to unpack (expected " + std::to_string(wanted) + ")");
        items.push_back(std::move(next));
    }
    if (items.size() < wanted)
        type_error("not enough values to unpack (expected " + std::to_string(wanted) + ", got " +
                   std::to_string(items.size()) + ")");
    for (std::size_t i = 0; i < wanted; ++i)
        assign(*target.parts[i], items[i]);
}

// Before the value is found, as Jinja looks.
void interpreter::check_name_spaces(const expression& target)
{
    if (target.kind == op::name_space_member) {
        if (!slot(target.parts.front()->slot).is(kind::name_space))
            type_error("cannot assign attribute on non-namespace object");
    } else if (target.kind == op::tuple) {
        for (const auto& part : target.parts)
            check_name_spaces(*part);
    }
}

// -- statements

interpreter::flow interpreter::execute(const block& of)
{
    for (const auto& each : of)
        if (const flow then = execute(*each); then != flow::next)
            return then;
    return flow::next;
}

interpreter::flow interpreter::execute(const statement& of)
{
    const workspace::level nested(in_);
    in_.charge();
    line_ = of.line;
    switch (of.kind) {
    case tag::text: append(in_, *out_, of.text); break;
    case tag::output: run_output(of); break;
    case tag::if_: return run_if(of);
    case tag::for_: return run_for(of);
    case tag::set: run_set(of); break;
    case tag::set_block: return run_set_block(of);
    case tag::filter_block: return run_filter_block(of);
    case tag::with: return run_with(of);
    case tag::macro:
        slot(of.target_slot) = value::own(kind::macro, in_.make<macro>(*of.function, frame_));
        break;
    case tag::call_block: run_call_block(of); break;
    case tag::generation: run_generation(of); break;
    case tag::break_: return flow::break_;
    case tag::continue_: return flow::continue_;
    case tag::refused:
        type_error("{% " + std::string(of.text) + " %}: there is nothing to load templates from");
    }
    return flow::next;
}

void interpreter::run_output(const statement& of)
{
    for (const auto& each : of.values) {
        const value shown = evaluate(*each);
        print(in_, *out_, shown);
    }
}

interpreter::flow interpreter::run_if(const statement& of)
{
    for (std::size_t i = 0; i < of.branches.size(); ++i)
        if (!of.values[i] || holds(*of.values[i]))
            return execute(of.branches[i]);
    return flow::next;
}

interpreter::flow interpreter::run_body(const block& of, const slot_loads& loads)
{
    enter(loads);
    return execute(of);
}

void interpreter::run_set(const statement& of)
{
    check_name_spaces(*of.targets.front());
    const value to = evaluate(*of.values.front());
    assign(*of.targets.front(), to);
}

interpreter::flow interpreter::run_set_block(const statement& of)
{
    value made;
    {
        capture written(*this);
        if (const flow then = run_body(of.body, of.loads); then != flow::next)
            return then;
        made = make_text(in_, std::move(written.text));
    }
    if (of.values.front())
        made = evaluate_filter(*of.values.front(), &made);
    assign(*of.targets.front(), made);
    return flow::next;
}

interpreter::flow interpreter::run_filter_block(const statement& of)
{
    value made;
    {
        capture written(*this);
        if (const flow then = run_body(of.body, of.loads); then != flow::next)
            return then;
        made = make_text(in_, std::move(written.text));
    }
    made = evaluate_filter(*of.values.front(), &made);
    print(in_, *out_, made);
    return flow::next;
}

interpreter::flow interpreter::run_with(const statement& of)
{
    enter(of.loads);
    for (std::size_t i = 0; i < of.targets.size(); ++i) {
        const value to = evaluate(*of.values[i]);
        assign(*of.targets[i], to);
    }
    return execute(of.body);
}

void interpreter::run_call_block(const statement& of)
{
    const value caller = value::own(kind::macro, in_.make<macro>(*of.function, frame_));
    const value shown = evaluate_call(*of.values.front(), &caller);
    print(in_, *out_, shown);
}

void interpreter::run_generation(const statement& of)
{
    const value body = value::own(kind::macro, in_.make<macro>(*of.function, frame_));
    arguments none(in_.memory());
    const value shown = call_macro(body, none);
    const std::size_t start = written();
    spans_.emplace_back(start, start + shown.as<chat::text>().length(in_));
    print(in_, *out_, shown);
}

std::size_t interpreter::written()
{
    counted_ += unicode::count(std::string_view(text_).substr(counted_bytes_));
    counted_bytes_ = text_.size();
    return counted_;
}

} // namespace warmd::chat

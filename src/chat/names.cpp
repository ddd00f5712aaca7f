#include "chat/names.hpp"

#include "chat/filters.hpp"
#include "chat/globals.hpp"
#include "chat/symbols.hpp"
#include "chat/template_failure.hpp"
#include "chat/value_tests.hpp"

#include <algorithm>

namespace warmd::chat {

namespace {

/// A block while its names are resolved.
struct frame {
    symbols& names;
    function_scope& function;
    bool soft = false;    ///< what there is not is refused only when it is reached
    bool in_loop = false; ///< break and continue have a loop in this function
};

expression_ptr copied_target(const expression& of)
{
    auto copy = std::make_unique<expression>();
    copy->kind = of.kind;
    copy->line = of.line;
    copy->text = of.text;
    copy->depth = of.depth;
    for (const auto& part : of.parts)
        copy->parts.push_back(copied_target(*part));
    return copy;
}

bool is_constant(const expression& of)
{
    switch (of.kind) {
    case op::text:
    case op::integer:
    case op::real:
    case op::true_:
    case op::false_:
    case op::none: return true;
    case op::negative:
    case op::list:
    case op::tuple:
    case op::dict:
    case op::slice:
        return std::all_of(of.parts.begin(), of.parts.end(),
                           [](const auto& part) { return !part || is_constant(*part); });
    default: return false;
    }
}

class resolver {
public:
    resolver(syntax_tree& tree, std::uint64_t steps) : tree_(tree), steps_(steps) {}

    void run()
    {
        function_scope scope{nullptr, &steps_};
        symbols names(nullptr, scope);
        names.statements(tree_.main.body);
        frame main{names, scope};
        walk(tree_.main.body, main);
        finish(names, tree_.main.loads);
        tree_.main.slots = scope.slots;
        std::sort(tree_.reads.begin(), tree_.reads.end());
        tree_.reads.erase(std::unique(tree_.reads.begin(), tree_.reads.end()), tree_.reads.end());
    }

private:
    void finish(const symbols& names, slot_loads& into)
    {
        into = names.loads();
        for (const slot_load& load : into)
            if (load.how == slot_load::from::outside && find_global(load.name) == nullptr)
                tree_.reads.emplace_back(load.name);
    }

    void walk(expression& of, const frame& in)
    {
        if (of.kind == op::name) {
            const auto place = in.names.find(of.text);
            if (!place) // Jinja has no variable for it here either
                fail(template_fault::syntax,
                     "the name '" + std::string(of.text) + "' cannot be used in this filter",
                     of.line);
            of.slot = in.names.reference(*place);
        }
        if (of.lenient)
            of.lenient = is_constant(*of.parts[0]) && is_constant(*of.parts[1]);
        frame inner = in;
        inner.soft = in.soft || of.kind == op::conditional;
        if (of.kind == op::filter && !inner.soft && find_filter(of.text) == nullptr)
            fail(template_fault::syntax, no_filter(of.text), of.line);
        if (of.kind == op::test && !inner.soft && find_test(of.text) == nullptr)
            fail(template_fault::syntax, no_test(of.text), of.line);
        for_each_part(of,
                      [&](const expression& part) { walk(const_cast<expression&>(part), inner); });
    }

    // A target's names are variables; `loop` cannot be one inside of a loop.
    void walk_target(expression& of, const frame& in)
    {
        if (of.kind == op::name && of.text == "loop" && loops_ > 0)
            fail(template_fault::syntax, "Can't assign to special loop variable in for-loop target",
                 of.line);
        walk_parameter(of, in);
    }
    void walk_parameter(expression& of, const frame& in)
    {
        if (of.kind == op::name)
            of.slot = in.names.reference(*in.names.find(of.text));
        for (const auto& part : of.parts)
            of.kind == op::tuple ? walk_target(*part, in) : walk(*part, in);
    }

    void walk(block& of, const frame& in)
    {
        for (const auto& each : of)
            walk(*each, in);
    }

    void walk(statement& of, const frame& in)
    {
        switch (of.kind) {
        case tag::text: break;
        case tag::if_: walk_if(of, in); break;
        case tag::for_: walk_for(of, in); break;
        case tag::set_block:
        case tag::filter_block: walk_captured(of, in); break;
        case tag::with: walk_with(of, in); break;
        case tag::macro:
            of.target_slot = in.names.reference(*in.names.find(of.text));
            walk(*of.function, in);
            break;
        case tag::call_block:
        case tag::generation:
            walk(*of.function, in);
            walk_values(of, in);
            break;
        case tag::break_:
        case tag::continue_:
            if (!in.in_loop)
                fail(template_fault::syntax,
                     of.kind == tag::break_ ? "'break' outside loop"
                                            : "'continue' not properly in loop",
                     of.line);
            break;
        case tag::output:
        case tag::set:
        case tag::refused:
            walk_values(of, in);
            for (const auto& target : of.targets)
                walk_target(*target, in);
            break;
        }
    }

    void walk_values(statement& of, const frame& in)
    {
        for (const auto& each : of.values)
            if (each)
                walk(*each, in);
    }

    void walk_if(statement& of, const frame& in)
    {
        frame inner = in;
        inner.soft = true;
        walk_values(of, inner);
        for (block& branch : of.branches)
            walk(branch, inner);
    }

    void walk_captured(statement& of, const frame& in)
    {
        symbols names(&in.names, in.function);
        names.statements(of.body);
        if (of.kind == tag::filter_block)
            names.expression_names(*of.values.front());
        const frame inner{names, in.function, false, in.in_loop};
        walk(of.body, inner);
        walk_values(of, inner);
        for (const auto& target : of.targets)
            walk_target(*target, in);
        finish(names, of.loads);
    }

    void walk_with(statement& of, const frame& in)
    {
        symbols names(&in.names, in.function);
        for (const auto& target : of.targets)
            names.targets(*target, true);
        names.statements(of.body);
        const frame inner{names, in.function, false, in.in_loop};
        walk_values(of, in);
        for (const auto& target : of.targets)
            walk_parameter(*target, inner);
        walk(of.body, inner);
        finish(names, of.loads);
    }

    void walk(function_body& of, const frame& in)
    {
        function_scope scope{&in.function, &steps_};
        symbols names(&in.names, scope);
        for (const auto& parameter : of.parameters)
            names.targets(*parameter, true);
        const auto has = [&](std::string_view name) {
            return std::any_of(of.parameters.begin(), of.parameters.end(),
                               [&](const auto& parameter) { return parameter->text == name; });
        };
        const auto asked = undeclared(of.body, {"caller", "kwargs", "varargs"}, &steps_);
        if (asked.count("caller") != 0) {
            check_explicit_caller(of);
            of.takes_caller = true;
            if (!has("caller"))
                of.caller = names.parameter("caller");
        }
        if (asked.count("kwargs") != 0 && !has("kwargs")) {
            of.takes_named = true;
            of.named = names.parameter("kwargs");
        }
        if (asked.count("varargs") != 0 && !has("varargs")) {
            of.takes_more = true;
            of.more = names.parameter("varargs");
        }
        for (const auto& each : of.defaults)
            names.expression_names(*each);
        names.statements(of.body);
        const frame inner{names, scope};
        for (const auto& parameter : of.parameters)
            walk_parameter(*parameter, inner);
        for (const auto& each : of.defaults)
            walk(*each, inner);
        walk(of.body, inner);
        finish(names, of.loads);
        of.slots = scope.slots;
    }

    static void check_explicit_caller(const function_body& of)
    {
        for (std::size_t i = 0; i < of.parameters.size(); ++i)
            if (of.parameters[i]->text == "caller" && of.parameters.size() - i > of.defaults.size())
                fail(template_fault::syntax,
                     "the special 'caller' argument must be omitted or be given a default",
                     of.parameters[i]->line);
    }

    void walk_for(statement& of, const frame& in)
    {
        for_loop& loop = *of.loop;
        walk_values(of, in);
        ++loops_;
        if (loop.filter)
            walk_loop_filter(loop, in);
        function_scope own{&in.function, &steps_};
        function_scope& function = loop.recursive ? own : in.function;
        symbols names(&in.names, function);
        loop.has_loop =
            loop.recursive || undeclared(loop.body, {"loop"}, &steps_).count("loop") != 0;
        if (loop.has_loop)
            loop.loop = names.parameter("loop");
        names.targets(*loop.target, true);
        names.statements(loop.body);
        const frame inner{names, function, false, true};
        walk_target(*loop.target, inner);
        walk(loop.body, inner);
        finish(names, loop.loads);

        symbols else_names(&in.names, function);
        else_names.statements(loop.otherwise);
        const frame otherwise{else_names, function, false, !loop.recursive && in.in_loop};
        walk(loop.otherwise, otherwise);
        finish(else_names, loop.else_loads);
        loop.slots = own.slots;
        --loops_;
    }

    void walk_loop_filter(for_loop& loop, const frame& in)
    {
        function_scope scope{&in.function, &steps_};
        symbols names(&in.names, scope);
        loop.filter_target = copied_target(*loop.target);
        names.targets(*loop.filter_target, true);
        names.expression_names(*loop.filter);
        const frame inner{names, scope};
        walk_target(*loop.filter_target, inner);
        walk(*loop.filter, inner);
        finish(names, loop.filter_loads);
        loop.filter_slots = scope.slots;
    }

    syntax_tree& tree_;
    std::uint64_t steps_;
    std::size_t loops_ = 0;
};

} // namespace

void resolve_names(syntax_tree& tree, std::uint64_t steps) { resolver(tree, steps).run(); }

} // namespace warmd::chat

#include "chat/symbols.hpp"

#include "chat/template_failure.hpp"

namespace warmd::chat {

void take_steps(std::uint64_t* from, std::uint64_t steps)
{
    if (steps > *from)
        fail(template_fault::bound, "the template has too many names in too many blocks");
    *from -= steps;
}

void symbols::define(std::string_view name, beginning from)
{
    const auto [at, fresh] = slots_->try_emplace(name, function_->slots);
    if (fresh)
        ++function_->slots;
    known_[name] = at->second;
    beginnings_[name] = from;
}

std::optional<symbols::place> symbols::find(std::string_view name) const
{
    for (const symbols* each = this; each != nullptr; each = each->parent_)
        if (const auto found = each->known_.find(name); found != each->known_.end())
            return place{each->function_, found->second};
    return {};
}

void symbols::load(std::string_view name)
{
    if (!find(name))
        define(name, {beginning::from::outside, name, {}});
}

void symbols::store(std::string_view name)
{
    stores_.insert(name);
    if (known_.count(name) != 0)
        return;
    const auto outer = parent_ != nullptr ? parent_->find(name) : std::nullopt;
    define(name, outer ? beginning{beginning::from::outer, name, *outer}
                       : beginning{beginning::from::missing, name, {}});
}

std::uint32_t symbols::parameter(std::string_view name)
{
    stores_.insert(name);
    define(name, {beginning::from::parameter, name, {}});
    return known_[name];
}

void symbols::join(const std::vector<symbols>& branches)
{
    std::set<std::string_view> stored;
    for (const symbols& branch : branches)
        stored.insert(branch.stores_.begin(), branch.stores_.end());
    for (const std::string_view name : stores_)
        stored.erase(name);
    for (const symbols& branch : branches) {
        for (const auto& [name, slot] : branch.known_)
            known_[name] = slot;
        for (const auto& [name, from] : branch.beginnings_)
            beginnings_[name] = from;
        stores_.insert(branch.stores_.begin(), branch.stores_.end());
    }
    // Stored in one branch only: in the others the name is what it was.
    for (const std::string_view name : stored) {
        const auto outer = parent_ != nullptr ? parent_->find(name) : std::nullopt;
        beginnings_[name] = outer ? beginning{beginning::from::outer, name, *outer}
                                  : beginning{beginning::from::outside, name, {}};
    }
}

void symbols::expression_names(const expression& of)
{
    if (of.kind == op::name)
        load(of.text);
    for_each_part(of, [&](const expression& part) { expression_names(part); });
}

void symbols::targets(const expression& of, bool parameters)
{
    if (of.kind == op::name_space_member) {
        load(of.parts.front()->text);
    } else if (of.kind == op::tuple) {
        for (const auto& part : of.parts)
            targets(*part, parameters);
    } else if (parameters) {
        parameter(of.text);
    } else {
        store(of.text);
    }
}

void symbols::statements(const block& of)
{
    for (const auto& each : of)
        statement_names(*each);
}

// The branches from `first` on: the condition, what it guards, and the rest of the chain.
void symbols::branches(const statement& of, std::size_t first)
{
    expression_names(*of.values[first]);
    take_steps(function_->steps, 10 * known_.size() + 1);
    symbols body = *this, others = *this, otherwise = *this;
    body.statements(of.branches[first]);
    if (first == 0) {
        for (std::size_t i = 1; i < of.branches.size(); ++i)
            if (of.values[i])
                others.branches(of, i);
            else
                otherwise.statements(of.branches[i]);
    }
    join({body, others, otherwise});
}

void symbols::statement_names(const statement& of)
{
    switch (of.kind) {
    case tag::if_: branches(of, 0); break;
    case tag::macro: store(of.text); break;
    case tag::set_block:
        for (const auto& target : of.targets)
            targets(*target);
        break;
    case tag::output:
    case tag::for_:
    case tag::set:
    case tag::with:
    case tag::call_block:
    case tag::filter_block:
    case tag::refused:
        for (const auto& each : of.values)
            if (each)
                expression_names(*each);
        if (of.kind == tag::set || of.kind == tag::refused)
            for (const auto& target : of.targets)
                targets(*target);
        break;
    case tag::text:
    case tag::generation:
    case tag::break_:
    case tag::continue_: break;
    }
}

slot_ref symbols::reference(place to) const
{
    slot_ref found;
    found.slot = to.slot;
    for (const function_scope* each = function_; each != to.function; each = each->outer)
        ++found.hops;
    return found;
}

slot_loads symbols::loads() const
{
    slot_loads found;
    for (const auto& [name, from] : beginnings_) {
        slot_load load;
        load.slot = known_.at(name);
        load.name = name;
        switch (from.how) {
        case beginning::from::parameter: continue;
        case beginning::from::outside: load.how = slot_load::from::outside; break;
        case beginning::from::missing: load.how = slot_load::from::missing; break;
        case beginning::from::outer:
            load.how = slot_load::from::outer;
            load.outer = reference(from.outer);
            break;
        }
        found.push_back(load);
    }
    return found;
}

namespace {

// Goes through everything in the order in which Jinja's nodes have their parts.
class undeclared_names {
public:
    undeclared_names(std::set<std::string_view> names, std::uint64_t* steps)
        : names_(std::move(names)), steps_(steps)
    {
    }

    void visit(const expression& of)
    {
        take_steps(steps_, 1);
        if (of.kind == op::name) {
            if (names_.count(of.text) != 0)
                found.insert(of.text);
        } else if (of.kind == op::conditional) { // the condition comes first
            visit(*of.parts[1]);
            visit(*of.parts[0]);
            if (of.parts[2])
                visit(*of.parts[2]);
            return;
        }
        for_each_part(of, [&](const expression& part) { visit(part); });
    }
    void visit_target(const expression& of)
    {
        if (of.kind == op::name)
            names_.erase(of.text);
        else if (of.kind == op::tuple)
            for (const auto& part : of.parts)
                visit_target(*part);
    }
    void visit(const block& of)
    {
        for (const auto& each : of)
            visit(*each);
    }
    void visit(const statement& of)
    {
        if (of.kind == tag::if_) {
            for (std::size_t i = 0; i < of.branches.size(); ++i) {
                if (of.values[i])
                    visit(*of.values[i]);
                visit(of.branches[i]);
            }
            return;
        }
        for (const auto& target : of.targets)
            visit_target(*target);
        if (of.loop)
            visit_target(*of.loop->target);
        if (of.kind == tag::filter_block)
            visit(of.body);
        for (const auto& each : of.values)
            if (each)
                visit(*each);
        if (of.kind != tag::filter_block)
            visit(of.body);
        if (of.loop) {
            visit(of.loop->body);
            visit(of.loop->otherwise);
            if (of.loop->filter)
                visit(*of.loop->filter);
        }
        if (of.function) {
            for (const auto& parameter : of.function->parameters)
                visit_target(*parameter);
            for (const auto& each : of.function->defaults)
                visit(*each);
            visit(of.function->body);
        }
    }
    std::set<std::string_view> found;

private:
    std::set<std::string_view> names_;
    std::uint64_t* steps_;
};

} // namespace

std::set<std::string_view> undeclared(const block& of, std::set<std::string_view> names,
                                      std::uint64_t* steps)
{
    undeclared_names visitor(std::move(names), steps);
    visitor.visit(of);
    return visitor.found;
}

} // namespace warmd::chat

#pragma once
// The variables of one block, while its names are resolved.

#include "chat/syntax.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

namespace warmd::chat {

/// What shares one set of slots: the template, a macro, a caller, a recursive loop, a loop's
/// filter.
struct function_scope {
    function_scope* outer = nullptr;
    std::uint64_t* steps = nullptr; ///< how many names may yet be gone through
    std::uint32_t slots = 0;
};
/// Takes so many; a fault `bound` if there are no more.
void take_steps(std::uint64_t* from, std::uint64_t steps);

class symbols {
public:
    symbols(const symbols* parent, function_scope& function)
        : parent_(parent), function_(&function),
          slots_(std::make_shared<std::map<std::string_view, std::uint32_t>>())
    {
    }
    struct place {
        function_scope* function;
        std::uint32_t slot;
        friend bool operator==(const place&, const place&) = default;
    };
    void load(std::string_view name);
    void store(std::string_view name);
    std::uint32_t parameter(std::string_view name);
    /// Where a name is, if this block or an outer one knows it.
    std::optional<place> find(std::string_view name) const;
    /// What the branches of an `if` did, each on a copy of these.
    void join(const std::vector<symbols>& branches);

    // To be seen by the names of expressions:
    void expression_names(const expression& of);
    void targets(const expression& of, bool parameters = false);
    void statements(const block& of);
    void statement_names(const statement& of);

    /// As the evaluation needs it.
    slot_ref reference(place to) const;
    slot_loads loads() const;

private:
    struct beginning {
        enum class from { parameter, outside, outer, missing } how;
        std::string_view name;
        place outer;
    };
    void define(std::string_view name, beginning from);
    void branches(const statement& of, std::size_t first);

    const symbols* parent_;
    function_scope* function_;
    // A name has one slot in all copies of a block's symbols.
    std::shared_ptr<std::map<std::string_view, std::uint32_t>> slots_;
    std::map<std::string_view, std::uint32_t> known_;
    std::map<std::string_view, beginning> beginnings_;
    std::set<std::string_view> stores_;
};

/// What calls `visit` with each expression directly in `of`.
template <class Visit>
void for_each_part(const expression& of, Visit visit)
{
    for (const auto& part : of.parts)
        if (part)
            visit(*part);
    if (!of.call)
        return;
    for (const auto& part : of.call->positional)
        visit(*part);
    for (const auto& part : of.call->named)
        visit(*part.second);
    if (of.call->more_positional)
        visit(*of.call->more_positional);
    if (of.call->more_named)
        visit(*of.call->more_named);
}

/// Whether one of `names` is used in `of` before it, or anything else, is known otherwise: which of
/// the names that a block gets for nothing (`loop`, `caller` …) it asks for.
std::set<std::string_view> undeclared(const block& of, std::set<std::string_view> names,
                                      std::uint64_t* steps);

} // namespace warmd::chat

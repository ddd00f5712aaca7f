#pragma once
// A parsed template: expressions and statements, and which slots names stand for.

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace warmd::chat {

/// A variable of the enclosing functions: `hops` of them outward, the slot of that number there.
struct slot_ref {
    std::uint32_t hops = 0;
    std::uint32_t slot = 0;
};

enum class op : std::uint8_t {
    text,
    integer,
    real,
    true_,
    false_,
    none,
    name,
    name_space_member, ///< ns.x, to be assigned: `of` is the name
    tuple,
    list,
    dict,      ///< key, value, key, value …
    attribute, ///< x.text
    item,      ///< x[…]
    slice,     ///< first, end, step; absent ones are null
    call,
    filter, ///< x|text(…); x is null where a block is filtered
    test,   ///< x is text(…)
    not_,
    negative,
    positive,
    and_,
    or_,
    add,
    subtract,
    multiply,
    divide,
    floor_divide,
    modulo,
    power,
    concatenate,
    compare,     ///< a < b < c: three operands, `comparisons` between
    conditional, ///< value, condition, otherwise or null
};

enum class comparison : std::uint8_t { eq, ne, lt, le, gt, ge, in, not_in };

struct expression;
using expression_ptr = std::unique_ptr<expression>;

/// What stands in the parentheses of a call.
struct call_parts {
    std::vector<expression_ptr> positional;
    std::vector<std::pair<std::string_view, expression_ptr>> named;
    expression_ptr more_positional; ///< *x
    expression_ptr more_named;      ///< **x
};

struct expression {
    op kind = op::none;
    std::uint16_t depth = 1; ///< how deep the expressions in it are nested
    bool lenient = false;    ///< a slice of a constant, printed: what cannot be sliced is undefined
    std::uint32_t line = 1;
    slot_ref slot; ///< of names
    std::string_view text;
    union {
        std::int64_t integer = 0;
        double real;
    };
    std::vector<expression_ptr> parts;
    std::vector<comparison> comparisons;
    std::unique_ptr<call_parts> call;
};

/// How a variable begins when the block it belongs to is entered.
struct slot_load {
    enum class from : std::uint8_t {
        missing, ///< not assigned yet
        outside, ///< a variable of the rendering, or a global
        outer,   ///< what the variable of an outer block has
    } how = from::missing;
    std::uint32_t slot = 0;
    std::string_view name;
    slot_ref outer;
};
using slot_loads = std::vector<slot_load>;

enum class tag : std::uint8_t {
    text,
    output, ///< `values`
    if_,    ///< conditions in `values` (null: else), bodies in `branches`
    for_,
    set,       ///< target, value
    set_block, ///< target, filter or null, body
    with,      ///< targets, values, body
    macro,
    call_block,
    filter_block, ///< value: the filter
    generation,
    break_,
    continue_,
    refused, ///< fails when it is reached
};

struct statement;
using block = std::vector<std::unique_ptr<statement>>;

/// A body that is called: of a macro, a caller, a recursive loop.
struct function_body {
    std::string_view name;
    std::vector<expression_ptr> parameters; ///< names
    std::vector<expression_ptr> defaults;   ///< of the last parameters
    block body;
    slot_loads loads;
    std::uint32_t slots = 0;
    bool takes_caller = false, takes_named = false, takes_more = false;
    std::uint32_t caller = 0, named = 0, more = 0; ///< their slots
};

struct for_loop {
    expression_ptr target;
    expression_ptr filter_target; ///< the same, as the filter's own variables
    expression_ptr filter;        ///< null: every element
    slot_loads filter_loads;
    std::uint32_t filter_slots = 0;
    bool recursive = false;
    bool has_loop = false; ///< the body asks for `loop`
    std::uint32_t loop = 0;
    slot_ref loop_function; ///< of a recursive one: not used by name
    slot_loads loads;       ///< each turn
    slot_loads else_loads;
    std::uint32_t slots = 0; ///< of a recursive one
    block body, otherwise;
};

struct statement {
    tag kind = tag::text;
    std::uint32_t line = 1;
    std::string_view text;
    slot_ref target_slot; ///< of a macro
    std::vector<expression_ptr> targets, values;
    std::vector<block> branches;
    slot_loads loads;
    block body;
    std::unique_ptr<for_loop> loop;
    std::unique_ptr<function_body> function;
};

struct syntax_tree {
    std::string source; ///< what texts and names point into
    std::deque<std::string> literals;
    function_body main;
    std::vector<std::string> reads; ///< variables it takes from outside, sorted
    bool generates = false;
};

} // namespace warmd::chat

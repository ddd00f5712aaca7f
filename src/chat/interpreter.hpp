#pragma once
// One rendering: goes through a syntax tree and writes its text.

#include "chat/arguments.hpp"
#include "chat/loops.hpp"
#include "chat/syntax.hpp"
#include "chat/value.hpp"

#include <boost/json/object.hpp>

#include <ctime>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace warmd::chat {

class interpreter {
public:
    /// REQUIRES: all of them outlive it.
    interpreter(const syntax_tree& tree, const boost::json::object& variables, const std::tm& now,
                workspace& in);
    /// The text. To be called once; throws a fault.
    text_buffer run();
    /// [start, end) of what {% generation %} wrote, in code points of the text.
    const std::vector<std::pair<std::size_t, std::size_t>>& generated() const { return spans_; }
    std::size_t line() const { return line_; } ///< where it is

    workspace& space() { return in_; }
    const std::tm& now() const { return now_; }
    value call(const value& callee, arguments& with);
    value apply_filter(std::string_view name, const value& to, arguments& with);
    bool apply_test(std::string_view name, const value& to, arguments& with);

private:
    enum class flow : std::uint8_t { next, break_, continue_ };
    friend class filtered_loop;

    // interpreter.cpp
    flow execute(const block& of);
    flow execute(const statement& of);
    flow run_if(const statement& of);
    flow run_body(const block& of, const slot_loads& loads);
    flow run_set_block(const statement& of);
    flow run_filter_block(const statement& of);
    flow run_with(const statement& of);
    void run_output(const statement& of);
    void run_set(const statement& of);
    void run_call_block(const statement& of);
    void run_generation(const statement& of);
    void enter(const slot_loads& loads);
    value outside(std::string_view name);
    value& slot(const slot_ref& of);
    void assign(const expression& target, const value& to);
    void unpack(const expression& target, const value& from);
    void check_name_spaces(const expression& target);
    std::size_t written();

    // calls.cpp
    flow run_for(const statement& of);
    flow iterate(const statement& of, const value& over, std::size_t depth, const value& scope);
    flow run_turn(const for_loop& loop, bool& completed);
    value recurse(const statement& of, const value& over, std::size_t depth, const value& scope);
    value call_macro(const value& macro, arguments& with);
    void bind_parameters(const function_body& body, activation& into, arguments& with);
    value call_loop(const value& loop, arguments& with);

    // expressions.cpp
    value evaluate(const expression& of);
    value evaluate_name(const expression& of);
    value evaluate_items(const expression& of);
    value evaluate_dict(const expression& of);
    value evaluate_item(const expression& of);
    value evaluate_slice(const expression& of);
    value evaluate_call(const expression& of, const value* caller = nullptr);
    value evaluate_filter(const expression& of, const value* captured);
    value evaluate_filter_input(const expression& of, const value* captured);
    value evaluate_test(const expression& of);
    value evaluate_arithmetic(const expression& of);
    value evaluate_logic(const expression& of);
    value evaluate_concatenation(const expression& of);
    value evaluate_comparison(const expression& of);
    value evaluate_conditional(const expression& of);
    bool compare(comparison how, const value& left, const value& right);
    arguments evaluate_arguments(const call_parts& of);
    bool holds(const expression& of);

    class nested_call;
    /// Another function's variables, while it lives.
    class function_call {
    public:
        function_call(interpreter& by, value variables);
        ~function_call();
        function_call(const function_call&) = delete;
        function_call& operator=(const function_call&) = delete;

    private:
        interpreter& by_;
        value before_;
    };
    /// Output into a text of its own, while it lives.
    class capture {
    public:
        explicit capture(interpreter& by) : text(by.in_.buffer()), by_(by), before_(by.out_)
        {
            by_.out_ = &text;
        }
        ~capture() { by_.out_ = before_; }
        capture(const capture&) = delete;
        capture& operator=(const capture&) = delete;
        text_buffer text;

    private:
        interpreter& by_;
        text_buffer* before_;
    };
    value new_variables(std::size_t slots, const value& outer);

    const syntax_tree& tree_;
    const boost::json::object& variables_;
    const std::tm& now_;
    workspace& in_;
    text_buffer text_; // what the template writes
    text_buffer* out_; // where to now
    value frame_;      // the variables of the function that is evaluated
    std::pmr::map<std::string_view, value> known_; // variables from outside
    std::vector<std::pair<std::size_t, std::size_t>> spans_;
    std::size_t counted_bytes_ = 0, counted_ = 0; // of text_, in code points
    std::size_t calls_ = 0;
    std::size_t line_ = 1;
};

} // namespace warmd::chat

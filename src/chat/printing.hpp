#pragma once
// Values as text: Python's str and repr, and json.dumps.

#include "chat/value.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <string>

namespace warmd::chat {

/// Appends str(of). What Python prints with an address is a type fault.
void print(workspace& in, text_buffer& to, const value& of);
/// Appends repr(of).
void represent(workspace& in, text_buffer& to, const value& of, std::size_t depth = 0);
void represent_text(workspace& in, text_buffer& to, std::string_view text);
/// str(of): itself if it is a text already, markup or not.
value printed(workspace& in, const value& of);
/// Appends, and refuses what gets longer than a text may be.
void append(workspace& in, text_buffer& to, std::string_view text);

std::string number_text(double number); ///< the shortest that reads back, as Python's repr

struct json_style {
    bool ascii = false;
    bool indented = false;
    std::string indent;
    std::string item_separator = ", ";
    std::string key_separator = ": ";
    bool sorted = false;
};
/// Appends json.dumps(of).
void print_json(workspace& in, text_buffer& to, const value& of, const json_style& style);

/// A variable of the rendering. REQUIRES: it outlives the rendering, as its texts are not copied.
value from_json(workspace& in, const boost::json::value& of, std::size_t depth = 0);
value from_json(workspace& in, const boost::json::object& of, std::size_t depth = 0);

} // namespace warmd::chat

#pragma once
// + - * / // % ** and unary minus, as Python has them. Integers past 64 bits are a fault `bound`.

#include "chat/syntax.hpp"
#include "chat/value.hpp"

namespace warmd::chat {

value arithmetic(workspace& in, op kind, const value& left, const value& right);
value negative(workspace& in, const value& of);
value positive(workspace& in, const value& of);
/// str(of) with < > & ' " as entities, if it is not markup already; the result is.
value escaped(workspace& in, const value& of);
void append_escaped(workspace& in, text_buffer& to, std::string_view text);

} // namespace warmd::chat

#pragma once
// ==, <, in, and what keys of dicts are found by: as Python has them.

#include "chat/value.hpp"

namespace warmd::chat {

bool equal(workspace& in, const value& left, const value& right, std::size_t depth = 0);
/// A type fault for what has no order.
bool less(workspace& in, const value& left, const value& right, std::size_t depth = 0);
/// left <= right, which is not always "not right < left".
bool less_or_equal(workspace& in, const value& left, const value& right);
bool contains(workspace& in, const value& container, const value& item);

bool is_hashable(workspace& in, const value& of);
/// Equal for equal values. A type fault for what cannot be a key.
std::uint64_t hash(workspace& in, const value& of, std::size_t depth = 0);
std::uint64_t hash(workspace& in, std::string_view text);

} // namespace warmd::chat

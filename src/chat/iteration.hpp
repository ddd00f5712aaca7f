#pragma once
// Going through what can be gone through.

#include "chat/value.hpp"

namespace warmd::chat {

bool is_iterable(const value& of);

/// The elements of a value, one after the other. What cannot be iterated is a type fault at its
/// making.
class cursor {
public:
    cursor(workspace& in, value over);
    bool next(value& into);

private:
    workspace& in_;
    value over_;
    std::size_t at_ = 0;
};

/// As an object that other functions can take elements from.
value make_iterator(workspace& in, const value& over, std::string_view type = "generator");
/// All of them; charged.
values all_of(workspace& in, const value& over);
/// From the last to the first, as Python's reversed(): a type fault for what has no order.
value make_reversed(workspace& in, const value& over);
bool is_reversible(const value& of);
/// The element of that index of what has a length. REQUIRES: it is less than the length.
value element(workspace& in, const value& of, std::size_t index);
value make_range(workspace& in, std::int64_t start, std::int64_t stop, std::int64_t step);

} // namespace warmd::chat

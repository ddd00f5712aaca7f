#pragma once
// Which variable each name of a template stands for, decided once as Jinja's compiler decides it:
// a block in which a name is assigned has that name for itself from its beginning on, and begins
// with what the outer block's has then.

#include "chat/syntax.hpp"

namespace warmd::chat {

/// Gives every name its slot and every block its loads, finds `reads`, and refuses (fault `syntax`)
/// filters and tests that there are not, and loop controls outside of loops; and what would take
/// more than so many steps (`bound`).
void resolve_names(syntax_tree& tree, std::uint64_t steps);

} // namespace warmd::chat

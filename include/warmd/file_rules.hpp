#pragma once
// Which files may be used: a value, handed to whatever opens files, and to nothing else.

#include <functional>

namespace warmd {

/// A path may be looked at and then, through a symbolic link, lead elsewhere once it is opened.
/// What an open descriptor refers to stays what it is, so that is asked, not the path.
struct file_rules {
    std::function<bool(int descriptor)>
        may_read{}; ///< of a file just opened: whether its content may be used; empty: of any

    bool admit(int descriptor) const { return !may_read || may_read(descriptor); }
};

} // namespace warmd

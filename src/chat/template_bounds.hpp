#pragma once
// What a template may take.

#include <cstddef>
#include <cstdint>

namespace warmd::chat {

struct template_bounds {
    std::size_t source = std::size_t(1) << 20;  ///< bytes of the template
    std::size_t nesting = 200;                  ///< of blocks, and of expressions
    std::uint64_t steps = 20'000'000;           ///< nodes evaluated, and what takes as long
    std::size_t text = std::size_t(16) << 20;   ///< bytes of the output, and of any one text
    std::size_t memory = std::size_t(64) << 20; ///< bytes of all values that live at once
    std::size_t calls = 100;                    ///< of macros, callers and recursive loops, nested
    std::size_t depth = 128;                    ///< of values in values that are gone through
    std::size_t evaluations = 2'000;            ///< nested ones, so that the stack suffices
    std::size_t range = 100'000;                ///< elements of a range
};

} // namespace warmd::chat

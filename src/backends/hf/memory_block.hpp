#pragma once
// Memory for weights: one large piece instead of many.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace warmd::hf {

/// Uninitialised bytes; movable. A large one asks for huge pages: they take a third of the time to come into being and
/// spare the processor most of its look-ups.
class memory_block {
public:
    memory_block() = default;
    /// Throws std::bad_alloc.
    explicit memory_block(std::uint64_t bytes);

    std::byte* data() const { return memory_.get(); }
    std::uint64_t bytes() const { return bytes_; } ///< rounding included
    /// What bytes() is for a block with room for so many.
    static std::uint64_t rounded(std::uint64_t bytes);

private:
    struct release {
        void operator()(std::byte* memory) const { std::free(memory); }
    };
    std::unique_ptr<std::byte, release> memory_;
    std::uint64_t bytes_ = 0;
};

} // namespace warmd::hf

#pragma once
// Memory for weights and buffers: one large piece instead of many.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

namespace warmd::hf {

/// Uninitialised bytes; movable. A large one asks for huge pages: they take a third of the time to
/// come into being and spare the processor most of its look-ups.
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

/// Cuts pieces off a block, one after another, each from the start of a cache line. REQUIRES:
/// together they fit.
class block_cutter {
public:
    explicit block_cutter(const memory_block& of) : next_(of.data()) {}
    /// Uninitialised.
    template <class Number>
    std::span<Number> take(std::size_t count)
    {
        auto* const piece = reinterpret_cast<Number*>(next_);
        next_ += taken<Number>(count);
        return {piece, count};
    }
    /// What take() takes.
    template <class Number>
    static std::size_t taken(std::size_t count)
    {
        constexpr std::size_t cache_line = 64;
        return (count * sizeof(Number) + cache_line - 1) / cache_line * cache_line;
    }

private:
    std::byte* next_;
};

} // namespace warmd::hf

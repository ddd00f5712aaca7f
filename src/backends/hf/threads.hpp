#pragma once
// Loops over all cores. What they compute never depends on which thread does it.

#include <cstddef>
#include <exception>
#include <mutex>

namespace warmd::hf {

inline constexpr std::size_t worth_threads = 1 << 16; // elements: below, waking the other threads takes longer than the work

/// The last exception of several threads.
class thrown_by_any {
public:
    template <class Do>
    void guard(const Do& what)
    {
        try {
            what();
        } catch (...) {
            const std::lock_guard lock(mutex_);
            thrown_ = std::current_exception();
        }
    }
    void rethrow() const
    {
        if (thrown_)
            std::rethrow_exception(thrown_);
    }

private:
    std::mutex mutex_;
    std::exception_ptr thrown_;
};

/// Calls each(i) for i < count, on all cores if the work of all (in elements) is worth it; rethrows the last exception.
template <class Each>
void for_each(std::size_t count, std::size_t work, const Each& each)
{
    thrown_by_any thrown;
#pragma omp parallel for schedule(dynamic) if (work >= worth_threads)
    for (std::size_t i = 0; i < count; ++i)
        thrown.guard([&] { each(i); });
    thrown.rethrow();
}

/// The same in equal shares, for rows of `width` elements that all take the same time and cannot throw.
template <class Each>
void for_each_row(std::size_t count, std::size_t width, const Each& each)
{
#pragma omp parallel for schedule(static) if (count * width >= worth_threads)
    for (std::size_t i = 0; i < count; ++i)
        each(i);
}

} // namespace warmd::hf

#pragma once
// Which of the calls that wait for a worker goes next: clients in turn, and batch calls when no
// interactive one waits, or every so often. A plain object.

#include <warmd/backend.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>

namespace warmd::worker {

class call_queue {
public:
    using number = std::uint64_t;                 ///< of a call, whatever it stands for
    static constexpr std::size_t batch_every = 8; ///< at least every so manieth is a batch call

    void push(number which, std::uint64_t origin, call_priority how);
    /// Takes the next; nothing: none waits.
    std::optional<number> pop();
    /// Takes `which` out, if it waits.
    bool remove(number which);
    std::size_t size() const noexcept;

private:
    struct client {
        std::uint64_t origin;
        std::deque<number> calls; // never empty
    };
    using clients = std::list<client>; // whose turn it is first

    static number take(clients& from);

    std::array<clients, 2> of_; // by priority
    std::size_t passed_ = 0;    // interactive calls in a row while a batch call waited
};

} // namespace warmd::worker

#pragma once
// Who asks the simulated cache.

#include "cache/backend_lease.hpp"

#include <boost/asio/cancellation_signal.hpp>

#include <cstddef>
#include <memory>
#include <optional>

namespace warmd::test {

/// One caller, from its question to the return of its lease.
struct caller {
    std::size_t model;
    int files_when_asked;
    std::optional<result<backend_lease>> got;
    bool cancelled = false, counted = false;
    int granted_files = 0;
    asio::cancellation_signal signal;
    std::shared_ptr<asio::cancellation_signal> run; // a run under way

    bool answered() const { return got.has_value() || cancelled; }
    bool holds() const { return counted; }
};

} // namespace warmd::test

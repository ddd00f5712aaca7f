#pragma once
// What a dummy model is asked to pretend.

#include <warmd/error.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace warmd {

struct dummy_options {
    std::chrono::milliseconds load{0}, call{0}, close{0};
    std::uint64_t bytes = 1 << 20;
    std::string load_error, call_error, close_error;
    std::uint64_t load_error_times = 0;
};

/// Reads model.options; invalid_params names the member that is unknown or ill-typed.
result<dummy_options> read_dummy_options(const std::string& text);

} // namespace warmd

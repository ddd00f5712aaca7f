#pragma once
// What was thrown, in words.

#include <string>

namespace warmd {

/// What is being thrown, in words. REQUIRES: called in a catch block.
std::string current_exception_text() noexcept;

} // namespace warmd

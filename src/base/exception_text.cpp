#include "base/exception_text.hpp"

#include <exception>

namespace warmd {

std::string current_exception_text() noexcept
try {
    throw;
} catch (const std::exception& thrown) {
    return thrown.what();
} catch (...) {
    return "an exception of unknown type";
}

} // namespace warmd

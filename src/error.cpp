#include <warmd/error.hpp>

#include <array>
#include <cstddef>
#include <stdexcept>

namespace warmd {

std::string_view name(errc code) noexcept
{
    static constexpr std::array<std::string_view, 17> names{
        "parse_error",   "invalid_request", "method_not_found", "invalid_params",    "internal_error", "not_found",
        "load_failed",   "busy",            "timeout",          "too_large",         "all_pinned",     "shutting_down",
        "permission_denied", "unsupported", "frame_too_large",  "backend_failed",    "cancelled"};
    return names[static_cast<std::size_t>(code)];
}

void throw_exception_from_error(const failure& why, const boost::source_location& where)
{
    throw std::runtime_error(std::string(name(why.code)) + ": " + why.detail + " (" + where.to_string() + ")");
}

} // namespace warmd

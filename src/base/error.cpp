#include <warmd/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>

namespace warmd {

namespace {

constexpr std::array<std::string_view, 18> names{
    "parse_error",       "invalid_request", "method_not_found", "invalid_params",
    "internal_error",    "not_found",       "load_failed",      "busy",
    "timeout",           "too_large",       "all_pinned",       "shutting_down",
    "permission_denied", "unsupported",     "frame_too_large",  "backend_failed",
    "cancelled",         "disconnected"};

} // namespace

std::string_view name(errc code) noexcept { return names[static_cast<std::size_t>(code)]; }

std::optional<errc> find_errc(std::string_view name) noexcept
{
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? std::optional<errc>() : static_cast<errc>(found - names.begin());
}

void throw_exception_from_error(const failure& why, const boost::source_location& where)
{
    throw std::runtime_error(std::string(name(why.code)) + ": " + why.detail + " (" +
                             where.to_string() + ")");
}

} // namespace warmd

#pragma once
// Expected failures are values: a failure says what went wrong in words for people (detail) and by
// a stable name for programs (code). Cancellation is the one thing that travels as an exception.

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace warmd {

/// Why something was refused or failed. On the wire each is a JSON-RPC code and `data.kind`
/// (rpc.cpp holds the one table).
enum class errc {
    parse_error,       ///< not JSON
    invalid_request,   ///< not a JSON-RPC 2.0 request, or an empty batch
    method_not_found,  ///< no such method
    invalid_params,    ///< a parameter is missing, unknown, ill-typed or out of range
    internal_error,    ///< a bug in the daemon
    not_found,         ///< no such model or adapter on disk; or not loaded
    load_failed,       ///< the loader failed
    busy,              ///< a queue is full; nothing was done
    timeout,           ///< the request's own timeout, or the load timeout, passed
    too_large,         ///< can never fit the budget
    all_pinned,        ///< no room, and everything resident is pinned
    shutting_down,     ///< draining
    permission_denied, ///< this peer may not, or a path outside the allowed roots
    unsupported,       ///< this build or backend cannot do that
    frame_too_large,   ///< a frame above the limit
    backend_failed,    ///< the backend threw while running; it stays resident
    cancelled,         ///< the client took the request back
    disconnected, ///< clients only, never on the wire: no daemon answers on the socket, or it hung
                  ///< up
};

/// The stable, machine-readable name of `code`: the enumerator's own name.
std::string_view name(errc code) noexcept;
/// The code of that name, if there is one.
std::optional<errc> find_errc(std::string_view name) noexcept;

/// An expected failure. `detail` is one sentence for people: what was asked, what was found, the
/// limit.
struct failure {
    errc code = errc::internal_error;
    std::string detail;
    std::string cause;   ///< the loader's own words, for load_failed
    bool cached = false; ///< a remembered failure, answered without a new attempt
    std::optional<double> retry_after_seconds; ///< where trying again makes sense

    friend bool operator==(const failure&, const failure&) = default;
};

/// A T, or why there is none.
template <class T>
using result = boost::system::result<T, failure>;

/// Found by result<T>::value(). Library code tests first and uses *r; only tests call value().
[[noreturn]] void throw_exception_from_error(const failure& why,
                                             const boost::source_location& where);

} // namespace warmd

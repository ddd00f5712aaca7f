#pragma once
// Expected failures are values: a failure says what went wrong in words for people (detail) and by
// a stable name for programs (code). Cancellation is the one thing that travels as an exception.

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace warmd {

/// Why something was refused or failed. What each means and its code on the wire stand in one
/// table (rpc::error_kinds), from which warmd-protocol(7) is made.
enum class errc {
    parse_error,
    invalid_request,
    method_not_found,
    invalid_params,
    internal_error,
    not_found,
    load_failed,
    busy,
    timeout,
    too_large,
    all_pinned,
    shutting_down,
    permission_denied,
    unsupported,
    frame_too_large,
    backend_failed,
    cancelled,
    disconnected, ///< clients only, never on the wire: no daemon answers on the socket, or it hung
                  ///< up
};

/// The stable, machine-readable name of `code`: the enumerator's own name.
std::string_view name(errc code) noexcept;
/// The code of that name, if there is one.
std::optional<errc> find_errc(std::string_view name) noexcept;

/// Where in a model's chat template something is wrong.
struct template_place {
    std::string name; ///< the template's
    std::size_t line = 0;

    friend bool operator==(const template_place&, const template_place&) = default;
};

/// An expected failure. `detail` is one sentence for people: what was asked, what was found, the
/// limit.
struct failure {
    errc code = errc::internal_error;
    std::string detail;
    std::string cause;   ///< the loader's own words, for load_failed; with `in_template`, what
                         ///< kind of fault (chat::template_fault)
    bool cached = false; ///< a remembered failure, answered without a new attempt
    std::optional<double> retry_after_seconds; ///< where trying again makes sense
    std::optional<template_place> in_template; ///< where a chat template failed
    std::string param; ///< the parameter that is at fault, where one is; HTTP names it

    friend bool operator==(const failure&, const failure&) = default;
};

/// A T, or why there is none.
template <class T>
using result = boost::system::result<T, failure>;

/// Found by result<T>::value(). Library code tests first and uses *r; only tests call value().
[[noreturn]] void throw_exception_from_error(const failure& why,
                                             const boost::source_location& where);

} // namespace warmd

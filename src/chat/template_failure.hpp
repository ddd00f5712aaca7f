#pragma once
// Why a template was refused, or what it was given. Expected: templates come from downloads.

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace warmd::chat {

enum class template_fault {
    syntax,    ///< it is not a template, or names a filter, test or tag that there is not
    undefined, ///< something that is not there was used
    type,      ///< a value of the wrong kind or out of range
    raised,    ///< the template called raise_exception: `detail` is its message, verbatim
    security,  ///< it called what the sandbox withholds
    bound,     ///< it would take more steps, or nest deeper, than it may
    size,      ///< it would take more bytes than it may
    cancelled, ///< the caller took the request back
};
/// The enumerator's own name; "bound" for `size` as well.
std::string_view name(template_fault cause) noexcept;

struct template_failure {
    template_fault cause = template_fault::type;
    std::size_t line = 0; ///< of the template, from 1
    std::string detail;   ///< one sentence: what was asked, what was found, the limit

    friend bool operator==(const template_failure&, const template_failure&) = default;
};

template <class T>
using template_result = boost::system::result<T, template_failure>;

/// Found by template_result<T>::value(). Library code tests first; only tests call value().
[[noreturn]] void throw_exception_from_error(const template_failure& why,
                                             const boost::source_location& where);

/// How a failure travels inside the engine: parse() and render() catch it. Line 0: where the
/// evaluation was.
struct fault {
    template_fault cause;
    std::string detail;
    std::size_t line = 0;
};
[[noreturn]] inline void fail(template_fault cause, std::string detail, std::size_t line = 0)
{
    throw fault{cause, std::move(detail), line};
}
[[noreturn]] inline void type_error(std::string detail)
{
    fail(template_fault::type, std::move(detail));
}

} // namespace warmd::chat

#include "base/exception_text.hpp"
#include <warmd/backend.hpp>

#include <utility>

namespace warmd {

completion& completion::operator=(completion&& other) noexcept
{
    completion dropped(std::move(*this)); // answers, if it has not been
    to_ = std::move(other.to_);
    return *this;
}

completion::~completion() { (*this)(failure{errc::backend_failed, "the backend did not answer"}); }

/// What throws twice, the second time for one short sentence, is out of memory: terminate.
void completion::operator()(result<outcome> told, std::size_t tokens_in) noexcept
{
    const auto to = std::exchange(to_, {});
    if (!to)
        return;
    std::string why;
    try {
        return to->tell(std::move(told), tokens_in);
    } catch (...) {
        why = current_exception_text();
    }
    to->tell(failure{errc::internal_error, "the answer could not be given: " + why}, tokens_in);
}

} // namespace warmd

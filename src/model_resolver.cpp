#include "model_resolver.hpp"

#include "lane.hpp"

#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>

#include <utility>

namespace warmd {

namespace {

/// More specs than this are remembered only while fresh.
constexpr std::size_t max_remembered = 131'072;

model_resolver::answer ask(const loader& how, const model_spec& spec) noexcept
{
    try {
        result<resolved_model> found = how.resolve(spec);
        if (!found)
            return found.error();
        return std::make_shared<const resolved_model>(std::move(*found));
    } catch (...) {
        return failure{errc::load_failed, "looking at " + spec.kind + " model " + spec.base + ": " + current_exception_text()};
    }
}

} // namespace

model_resolver::model_resolver(asio::any_io_executor io, asio::any_io_executor checks, const backend_registry& registry,
                               std::chrono::nanoseconds recheck, std::function<time_point()> now)
    : io_(std::move(io)), checks_(std::move(checks)), registry_(registry), recheck_(recheck), now_(std::move(now))
{
}

std::shared_ptr<const resolved_model> model_resolver::known(const model_spec& spec) const
{
    const auto found = questions_.find(spec);
    if (found == questions_.end() || now_() - found->second.asked >= recheck_)
        return nullptr;
    return found->second.last;
}

void model_resolver::resolve(const model_spec& spec, std::function<void(answer)> told)
{
    const loader* how = registry_.find(spec.kind);
    if (!how) {
        asio::post(io_, [told = std::move(told), why = failure{errc::invalid_params, "unknown model.kind '" + spec.kind.substr(0, 80) +
                                                                                          "'; this daemon has: " + registry_.kinds()}] { told(why); });
        return;
    }
    std::vector<std::function<void(answer)>>& waiting = questions_[spec].waiting;
    waiting.push_back(std::move(told));
    if (waiting.size() == 1)
        check(spec, *how);
}

void model_resolver::check(const model_spec& spec, const loader& how)
{
    auto back = asio::prefer(io_, asio::execution::outstanding_work.tracked); // io must not run dry meanwhile
    asio::post(checks_, [self = shared_from_this(), back = std::move(back), spec, by = &how]() noexcept {
        const time_point asked = self->now_(); // before looking: what changes later is news
        asio::post(back, [self, spec, asked, found = ask(*by, spec)]() mutable { self->checked(spec, asked, std::move(found)); });
    });
}

void model_resolver::checked(const model_spec& spec, time_point asked, answer found)
{
    const auto place = questions_.find(spec);
    const auto waiting = std::exchange(place->second.waiting, {});
    if (found) {
        place->second.last = *found;
        place->second.asked = asked;
        if (questions_.size() > max_remembered)
            forget_stale(asked);
    } else {
        questions_.erase(place);
    }
    for (const auto& told : waiting)
        told(found);
}

void model_resolver::forget_stale(time_point now)
{
    std::erase_if(questions_, [&](const auto& one) { return one.second.waiting.empty() && now - one.second.asked >= recheck_; });
}

} // namespace warmd

#include "cache/model_resolver.hpp"

#include "base/exception_text.hpp"

#include <warmd/json.hpp>

#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>

#include <utility>

namespace warmd {

namespace {

/// More specs than this are remembered only for as long as the check of unwatched files would
/// allow.
constexpr std::size_t max_remembered = 16'384;
/// Watched files are looked at this seldom all the same: a watch does not see writes through a
/// memory map.
constexpr std::chrono::seconds watched_recheck{30};

model_resolver::answer ask(const loader& how, const model_spec& spec) noexcept
{
    try {
        result<resolved_model> found = how.resolve(spec, {});
        if (!found)
            return found.error();
        return std::make_shared<const resolved_model>(std::move(*found));
    } catch (...) {
        return failure{errc::load_failed, "looking at " + spec.kind + " model " + spec.base + ": " +
                                              current_exception_text()};
    }
}

} // namespace

model_resolver::model_resolver(
    asio::any_io_executor io, asio::any_io_executor checks, const backend_registry& registry,
    std::chrono::nanoseconds recheck, const time_source& time,
    std::shared_ptr<file_watcher> watcher,
    std::function<void(const std::shared_ptr<const resolved_model>&)> changed, logger log)
    : io_(std::move(io)), checks_(std::move(checks)), registry_(registry), recheck_(recheck),
      now_(time.now), watcher_(std::move(watcher)), changed_(std::move(changed)),
      log_(std::move(log)), alarm_(time.make_alarm(io_))
{
}

std::shared_ptr<const model_knowledge> model_resolver::known(const model_spec& spec)
{
    const auto found = questions_.find(spec);
    if (found == questions_.end() || !found->second.last)
        return nullptr;
    question& about = found->second;
    const auto age = now_() - about.last->asked;
    if (about.last->watch ? about.last->watch->changed() : age >= recheck_)
        return nullptr;
    if (about.last->watch && age >= watched_recheck && !about.checking)
        check(spec, about); // nobody waits for it
    return about.last;
}

bool model_resolver::holds(const model_knowledge& found, time_point now) const
{
    const auto age = now - found.asked;
    return found.watch ? age < watched_recheck && !found.watch->changed() : age < recheck_;
}

void model_resolver::resolve(const model_spec& spec, std::function<void(answer)> told)
{
    if (!registry_.find(spec.kind)) {
        asio::post(io_,
                   [told = std::move(told),
                    why = failure{errc::invalid_params,
                                  "unknown model.kind '" + shortened(spec.kind) +
                                      "'; this daemon has: " + registry_.kinds()}] { told(why); });
        return;
    }
    question& about = questions_[spec];
    about.waiting.push_back(std::move(told));
    if (!about.checking)
        check(spec, about);
}

void model_resolver::stop()
{
    alarm_->cancel();
    if (watcher_)
        watcher_->stop();
    watcher_.reset();
}

/// REQUIRES: no check of it is under way.
void model_resolver::check(const model_spec& spec, question& about)
{
    about.checking = true;
    auto back = asio::prefer(
        io_, asio::execution::outstanding_work.tracked); // io must not run dry meanwhile
    asio::post(checks_, [self = shared_from_this(), back = std::move(back), spec,
                         by = registry_.find(spec.kind), watcher = watcher_,
                         watched = about.last
                                       ? about.last->model->watched
                                       : std::vector<std::filesystem::path>()]() mutable noexcept {
        finding what{.asked = self->now_()}; // before looking: what changes later is news
        look(*by, spec, std::move(watched), watcher.get(), what);
        asio::post(back, [self, spec, what = std::move(what)]() mutable {
            self->checked(spec, std::move(what));
        });
    });
}

/// Watched before looked at, so that no change falls in between; what there is to watch, the
/// loader's answer tells.
void model_resolver::look(const loader& how, const model_spec& spec,
                          std::vector<std::filesystem::path> watched, file_watcher* watcher,
                          finding& into)
{
    for (int tries = 0; tries != 3; ++tries) {
        if (!watched.empty() && watcher) {
            auto made = watcher->watch(watched);
            into.unwatched = made ? "" : made.error().detail;
            into.watch = made ? std::move(*made) : nullptr;
        }
        into.found = ask(how, spec);
        if (!watcher || !into.found || (*into.found)->watched == watched)
            return;
        watched = (*into.found)->watched;
    }
    into.watch.reset(); // where the files are changes all the time
}

void model_resolver::checked(const model_spec& spec, finding what)
{
    const auto place = questions_.find(spec);
    question& about = place->second;
    about.checking = false;
    const auto waiting = std::exchange(about.waiting, {});
    if (what.found) {
        const auto before =
            std::exchange(about.last, std::make_shared<const model_knowledge>(model_knowledge{
                                          *what.found, std::move(what.watch), what.asked}));
        const resolved_model& now = **what.found;
        if (!before && !what.unwatched.empty())
            log_.info("not watching " + now.key.text +
                      " for changes, looking again after a while: " + what.unwatched);
        if (about.last->watch && watcher_ && !std::exchange(listening_, true))
            watcher_->listen([weak = weak_from_this()] {
                if (const auto self = weak.lock())
                    self->files_changed();
            });
        if (before && before->model->key == now.key && before->model->files != now.files)
            changed_(*what.found);
        if (questions_.size() > max_remembered)
            forget_old(what.asked);
    } else {
        questions_.erase(place);
    }
    for (const auto& told : waiting)
        told(what.found);
}

/// Nobody may ask for what has changed, and yet its old weights should not hold memory. Not at
/// once: writers write in pieces.
void model_resolver::files_changed()
{
    if (!std::exchange(alarm_set_, true))
        alarm_->set(now_() + recheck_, [weak = weak_from_this()] {
            if (const auto self = weak.lock())
                self->check_changed();
        });
}

void model_resolver::check_changed()
{
    alarm_set_ = false;
    for (auto& [spec, about] : questions_)
        if (about.last && about.last->watch && about.last->watch->changed() && !about.checking)
            check(spec, about);
}

void model_resolver::forget_old(time_point now)
{
    std::erase_if(questions_, [&](const auto& one) {
        return !one.second.checking && now - one.second.last->asked >= recheck_;
    });
}

} // namespace warmd

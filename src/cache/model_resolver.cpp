#include "cache/model_resolver.hpp"

#include "base/text.hpp"

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
/// Of the threads for look-ups, one file system gets this many at a time; and so many that have
/// passed their deadline are written off besides, so that what is reached through it by a link
/// alone goes on.
constexpr std::size_t threads_each = 2, threads_written_off = 4;

std::string in_words(const model_spec& spec)
{
    return spec.base + (spec.adapter ? " with adapter " + *spec.adapter : "");
}

} // namespace

model_resolver::model_resolver(asio::any_io_executor io, asio::any_io_executor checks,
                               const backend_registry& registry, const look_up_limits& limits,
                               const time_source& time, std::shared_ptr<file_watcher> watcher,
                               listeners tell, logger log)
    : io_(std::move(io)), checks_(std::move(checks)), registry_(registry), limits_(limits),
      now_(time.now), watcher_(std::move(watcher)), tell_(std::move(tell)), log_(std::move(log)),
      alarm_(time.make_alarm(io_))
{
}

std::shared_ptr<const model_knowledge> model_resolver::known(const model_spec& spec)
{
    const auto found = questions_.find(spec);
    if (found == questions_.end() || !found->second.last)
        return nullptr;
    const question& about = found->second;
    const auto age = now_() - about.last->asked;
    if (about.last->watch ? about.last->watch->changed() : age >= limits_.recheck)
        return nullptr;
    if (about.last->watch && age >= watched_recheck)
        want(*found); // nobody waits for it
    return about.last;
}

std::shared_ptr<const resolved_model> model_resolver::last_known(const model_spec& spec) const
{
    const auto found = questions_.find(spec);
    return found == questions_.end() || !found->second.last ? nullptr : found->second.last->model;
}

bool model_resolver::holds(const model_knowledge& found, time_point now) const
{
    const auto age = now - found.asked;
    return found.watch ? age < watched_recheck && !found.watch->changed() : age < limits_.recheck;
}

void model_resolver::resolve(const model_spec& spec, std::function<void(answer)> told,
                             std::function<void()> waits)
{
    const auto refuse = [&](failure why) {
        asio::post(io_, [told = std::move(told), why = std::move(why)] { told(why); });
    };
    if (!registry_.find(spec.kind))
        return refuse({errc::invalid_params, "unknown model.kind '" + shortened(spec.kind) +
                                                 "'; this daemon has: " + registry_.kinds()});
    if (stopped_)
        return refuse({errc::shutting_down, "the daemon is shutting down"});
    entry& which = *questions_.try_emplace(spec).first;
    if (which.second.now == stage::overdue)
        return refuse({errc::timeout, "an earlier look at " + in_words(spec) +
                                          " has not come back: its file system does not answer"});
    which.second.waiting.push_back({std::move(told), std::move(waits)});
    want(which);
}

void model_resolver::stop()
{
    stopped_ = true;
    alarm_->cancel();
    due_.clear();
    check_at_.reset();
    queue_.clear();
    if (watcher_)
        watcher_->stop();
    watcher_.reset();
    for (auto& [spec, about] : questions_) {
        about.due.reset();
        if (about.now == stage::queued || about.now == stage::settling)
            about.now = stage::idle;
        tell(about, failure{errc::shutting_down, "the daemon is shutting down"});
    }
}

std::vector<std::string> model_resolver::overdue() const
{
    std::vector<std::string> all;
    if (overdue_ == 0 && !stopped_) // as always
        return all;
    for (const auto& [spec, about] : questions_)
        if (about.now == stage::overdue || (stopped_ && about.now == stage::looking))
            all.push_back(in_words(spec));
    return all;
}

// -- a question's way ------------------------------------------------------------

/// Unless it is on its way already.
void model_resolver::want(entry& which)
{
    question& about = which.second;
    if (about.now != stage::idle || stopped_)
        return;
    about.since = now_();
    const model_spec& spec = which.first;
    about.mounts = {mount_point_of(spec.base), spec.adapter ? mount_point_of(*spec.adapter) : ""};
    if (about.mounts[1] == about.mounts[0])
        about.mounts[1].clear();
    begin(which);
}

/// One place in the queue, or its threads.
void model_resolver::begin(entry& which)
{
    set_due(which, now_() + limits_.timeout);
    if (may_begin(which.second))
        return look(which);
    which.second.now = stage::queued;
    queue_.push_back(&which);
}

bool model_resolver::may_begin(const question& about) const
{
    for (const std::string& mount : about.mounts)
        if (const auto found = taken_.find(mount);
            !mount.empty() && found != taken_.end() && found->second >= threads_each)
            return false;
    return true;
}

void model_resolver::take_threads(question& about, int by)
{
    for (const std::string& mount : about.mounts)
        if (!mount.empty())
            taken_[mount] += static_cast<std::size_t>(by);
}

void model_resolver::look(entry& which)
{
    const model_spec& spec = which.first;
    question& about = which.second;
    about.now = stage::looking;
    take_threads(about, 1);
    ++in_flight_;
    auto back = asio::prefer(
        io_, asio::execution::outstanding_work.tracked); // io must not run dry meanwhile
    asio::post(checks_, [self = shared_from_this(), back = std::move(back), spec,
                         by = registry_.find(spec.kind), watcher = watcher_,
                         watched = about.last
                                       ? about.last->model->watched
                                       : std::vector<std::filesystem::path>()]() mutable noexcept {
        finding what = look_up(*by, spec, std::move(watched), watcher.get(), self->now_());
        asio::post(back, [self, spec, what = std::move(what)]() mutable {
            self->looked(spec, std::move(what));
        });
    });
}

void model_resolver::looked(const model_spec& spec, finding what)
{
    entry& which = *questions_.find(spec);
    question& about = which.second;
    --in_flight_;
    overdue_ -= about.now == stage::overdue;
    if (std::exchange(about.kept_apart, false))
        --apart_;
    else
        take_threads(about, -1);
    set_due(which, {});
    about.now = stage::idle;
    const bool being_written = what.found && what.quiet < limits_.quiet;
    if (being_written && now_() - about.since < limits_.patience && !stopped_)
        settle(which, what.quiet);
    else
        learn(which, std::move(what));
    for (auto next = queue_.begin(); next != queue_.end();) {
        entry& waits = **next;
        if (!may_begin(waits.second)) {
            ++next;
            continue;
        }
        next = queue_.erase(next);
        look(waits);
    }
    if (idle() && tell_.idle)
        tell_.idle();
}

/// Somebody writes the files: looks again once they can have been quiet for long enough.
void model_resolver::settle(entry& which, std::chrono::nanoseconds quiet)
{
    which.second.now = stage::settling;
    set_due(which, now_() + limits_.quiet - quiet);
    for (const asker& each : which.second.waiting)
        if (each.waits)
            each.waits();
}

void model_resolver::learn(entry& which, finding what)
{
    question& about = which.second;
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
        if (before && before->model->key == now.key && before->model->files != now.files &&
            tell_.changed)
            tell_.changed(*what.found);
        if (questions_.size() > max_remembered)
            forget_old(what.asked);
    } else {
        questions_.erase(model_spec(which.first));
    }
    for (const asker& each : waiting)
        each.told(what.found);
}

void model_resolver::tell(question& about, const answer& what)
{
    for (const asker& each : std::exchange(about.waiting, {}))
        each.told(what);
}

/// Who waits is told; a look-up under way goes on, and what it finds is remembered if it ever comes
/// back.
void model_resolver::pass_deadline(entry& which)
{
    question& about = which.second;
    const failure why{errc::timeout,
                      "looking at " + in_words(which.first) + " has not come back after " +
                          seconds_text(limits_.timeout) + ": its file system does not answer"};
    if (about.now == stage::queued) {
        queue_.remove(&which);
        about.now = stage::idle;
    } else {
        about.now = stage::overdue;
        ++overdue_;
        log_.error(why.detail);
        if (apart_ != threads_written_off) {
            ++apart_;
            about.kept_apart = true;
            take_threads(about, -1);
        }
    }
    tell(about, why);
    if (about.now == stage::idle && !about.last)
        questions_.erase(model_spec(which.first));
}

// -- time ------------------------------------------------------------

void model_resolver::set_due(entry& which, std::optional<time_point> at)
{
    if (which.second.due)
        due_.erase({*which.second.due, &which});
    which.second.due = at;
    if (at)
        due_.emplace(*at, &which);
    set_alarm();
}

void model_resolver::set_alarm()
{
    if (due_.empty() && !check_at_)
        return alarm_->cancel();
    const time_point at = due_.empty() ? *check_at_
                          : !check_at_ ? due_.begin()->first
                                       : std::min(*check_at_, due_.begin()->first);
    alarm_->set(at, [weak = weak_from_this()] {
        if (const auto self = weak.lock())
            self->ring();
    });
}

void model_resolver::ring()
{
    const time_point now = now_();
    if (check_at_ && *check_at_ <= now) {
        check_at_.reset();
        check_changed();
    }
    while (!due_.empty() && due_.begin()->first <= now) {
        entry& which = *due_.begin()->second;
        set_due(which, {});
        if (which.second.now == stage::settling)
            begin(which);
        else
            pass_deadline(which);
    }
    set_alarm();
}

/// Nobody may ask for what has changed, and yet its old weights should not hold memory. Not at
/// once: writers write in pieces.
void model_resolver::files_changed()
{
    if (check_at_)
        return;
    check_at_ = now_() + limits_.recheck;
    set_alarm();
}

void model_resolver::check_changed()
{
    for (entry& each : questions_)
        if (each.second.last && each.second.last->watch && each.second.last->watch->changed())
            want(each);
}

void model_resolver::forget_old(time_point now)
{
    std::erase_if(questions_, [&](const auto& one) {
        return one.second.now == stage::idle && one.second.last &&
               now - one.second.last->asked >= limits_.recheck;
    });
}

} // namespace warmd

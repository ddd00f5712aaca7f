// Effects: what the core decides is done here, and what workers have to say goes back to it.

#include "base/exception_text.hpp"
#include "base/text.hpp"
#include "cache/cache_shell.hpp"
#include "cache/lane.hpp"
#include "cache/progress_filter.hpp"

#include <utility>

namespace warmd {

/// Invariant 13: nothing done here re-enters the core before the list is through. No effect keeps
/// the next from being performed: what one leaves undone, mend() sees to.
void cache_shell::apply(effects todo) noexcept
{
    const std::size_t again = undone_.size(); // mend() may append, and has room to
    for (std::size_t i = 0; i != again; ++i)
        perform_or_mend(undone_[i]);
    undone_.erase(undone_.begin(), undone_.begin() + static_cast<std::ptrdiff_t>(again));
    for (any_effect& each : todo)
        perform_or_mend(each);
    report_progress();
    end_drain();
}

void cache_shell::perform_or_mend(any_effect& what) noexcept
{
    try {
        std::visit([this](auto& each) { perform(each); }, what);
    } catch (...) {
        mend(what, current_exception_text());
    }
}

/// There was no memory for it, or no thread would take it. Who waits is answered; a close and a
/// wake-up are tried again with the next list. Where even that needs memory that is not there, the
/// daemon ends: it had better restart than keep a model for ever.
void cache_shell::mend(any_effect& left_undone, const std::string& why)
{
    const failure told{errc::internal_error, "the cache could not go on: " + why};
    if (const auto* load = std::get_if<effect::load>(&left_undone))
        asio::post(io_, [self = shared_from_this(), entry = load->entry, told] {
            self->apply(self->core_.loaded(entry, told, self->time_.now()));
        });
    else if (const auto* grant = std::get_if<effect::grant>(&left_undone))
        answer(grant->waiter, told); // its lease, if there was one yet, has gone back by itself
    else if (const auto* refuse = std::get_if<effect::refuse>(&left_undone))
        answer(refuse->waiter, refuse->why);
    else if (std::holds_alternative<effect::close>(left_undone) ||
             std::holds_alternative<effect::wake>(left_undone))
        undone_.push_back(std::move(left_undone));
}

void cache_shell::perform(effect::load& what)
{
    record& made = residents_[what.entry];
    undone_.reserve(2 * residents_.size() + 2); // a close each and a wake-up, twice: apply()
    made.here = std::make_shared<resident>();
    made.here->what.model = core_.model_of(what.entry);
    made.here->where = std::make_shared<lane>(workers_.loads, workers_.runs, observer_.counted());
    made.load_began = time_.now();
    const std::shared_ptr<const resolved_model>& model = made.here->what.model;
    observer_.loading(*model, made.load_began - core_.asked_for_at(what.entry));
    load_context context{.stop = made.stop.get_token(),
                         .progress = progress_sink(what.entry),
                         .lost = loss_sink(what.entry)};
    auto tell = back([entry = what.entry](cache_shell& self, result<footprint> bytes) {
        self.loaded(entry, std::move(bytes));
    });
    made.here->where->load(*registry_.find(model->spec.kind), model, std::move(context),
                           std::move(tell));
}

void cache_shell::perform(effect::close& what)
{
    record& closing = residents_.at(what.entry);
    closing.close_began = time_.now();
    closing.here->where->close(
        back([entry = what.entry](cache_shell& self, const std::string& thrown) {
            self.closed(entry, thrown);
        }));
    observer_.closing(closing.here->what.model->key, what.why, closing.close_began - closing.loaded,
                      closing.here->calls.load(std::memory_order_relaxed));
}

/// From here on the lease goes back by itself.
std::shared_ptr<hold> cache_shell::make_hold(const effect::grant& what)
{
    const auto found = asked_.find(what.waiter);
    const auto keep_alive =
        found == asked_.end() ? std::chrono::nanoseconds(0) : found->second.options.keep_alive;
    // The lease may die on any thread, so it posts (invariant 13); if even that fails, the daemon
    // had better restart.
    auto give_back = [self = shared_from_this(), entry = what.entry, keep_alive]() noexcept {
        asio::post(self->io_, [=] {
            self->apply(self->core_.released(entry, keep_alive, self->time_.now()));
        });
    };
    try {
        return std::make_shared<hold>(residents_.at(what.entry).here, give_back);
    } catch (...) {
        give_back();
        throw;
    }
}

void cache_shell::perform(effect::grant& what)
{
    answer(what.waiter, backend_lease(make_hold(what), what.cached, what.joined));
}

void cache_shell::perform(effect::refuse& what)
{
    const bool files_changed = what.why.code == errc::load_failed && !what.why.cached &&
                               what.why.retry_after_seconds == 0.0;
    if (const auto found = asked_.find(what.waiter);
        found != asked_.end() && files_changed && found->second.retries++ < max_retries)
        find_out(what.waiter);
    else
        answer(what.waiter, std::move(what.why));
}

void cache_shell::perform(effect::overdue& what)
{
    record& late = residents_.at(what.entry);
    const bool closing = late.close_began != time_point();
    observer_.overdue(late.here->what.model->key, closing ? "close" : "load",
                      time_.now() - (closing ? late.close_began : late.load_began));
    late.stop.request_stop();
}

void cache_shell::perform(effect::stop_load& what)
{
    residents_.at(what.entry).stop.request_stop();
}

void cache_shell::perform(effect::gone& what)
{
    residents_.erase(what.entry);
    unloading_.remove_if([&](unloading& each) {
        if (each.remaining.erase(what.entry) == 0 || !each.remaining.empty())
            return false;
        each.reply->deliver(std::move(each.keys));
        return true;
    });
}

void cache_shell::perform(effect::wake& what)
{
    alarm_->set(what.at,
                [self = shared_from_this()] { self->apply(self->core_.tick(self->time_.now())); });
}

void cache_shell::perform(effect::moved& what) { observer_.moved(what); }

// -- news from workers ------------------------------------------------------------

std::function<void(std::uint64_t, std::uint64_t)> cache_shell::progress_sink(entry_id entry)
{
    const auto filter = std::make_shared<progress_filter>();
    return [filter,
            tell = back([entry](cache_shell& self, std::pair<std::uint64_t, std::uint64_t> bytes) {
                self.progressed(entry, bytes.first, bytes.second);
            })](std::uint64_t done, std::uint64_t total) {
        if (filter->passes(done, total))
            tell(std::pair(done, total));
    };
}

void cache_shell::progressed(entry_id entry, std::uint64_t done, std::uint64_t total)
{
    if (const auto found = residents_.find(entry); found != residents_.end()) {
        found->second.bytes_done = done;
        found->second.bytes_total = total;
        report_progress();
    }
}

void cache_shell::loaded(entry_id entry, result<footprint> bytes)
{
    record& of = residents_.at(entry);
    residency& what = of.here->what;
    of.loaded = time_.now();
    what.load_seconds = in_seconds(of.loaded - of.load_began);
    if (bytes) {
        what.bytes = *bytes;
        what.warnings = of.here->where->warnings();
        observer_.loaded(what, limits_.max_loaded_bytes);
    } else {
        bytes = described(bytes.error(), what.model->spec);
        observer_.load_failed(what, bytes.error());
    }
    apply(core_.loaded(entry, std::move(bytes), time_.now()));
}

void cache_shell::closed(entry_id entry, const std::string& thrown)
{
    const record& of = residents_.at(entry);
    observer_.closed(of.here->what.model->key, time_.now() - of.close_began, thrown);
    apply(core_.closed(entry, time_.now()));
}

/// The backend keeps it, so it must keep neither us nor io_.
std::function<void(failure)> cache_shell::loss_sink(entry_id entry)
{
    return [weak = weak_from_this(), io = io_, entry](failure why) {
        asio::post(io, [weak, entry, why = std::move(why)]() mutable {
            if (const auto self = weak.lock())
                self->lost(entry, std::move(why));
        });
    };
}

void cache_shell::lost(entry_id entry, failure why)
{
    const auto found = residents_.find(entry);
    if (found == residents_.end())
        return;
    observer_.lost(found->second.here->what.model->key, why);
    apply(core_.lost(entry, std::move(why), time_.now()));
}

// -- progress ------------------------------------------------------------

/// A report that there is no memory for is left out.
void cache_shell::report_progress() noexcept
try {
    for (const waiter_id waiter : watching_)
        if (const auto wanted = core_.awaited_by(waiter))
            report(asked_.at(waiter), progress_of(*wanted));
} catch (...) {
}

load_progress cache_shell::progress_of(const entry_info& wanted) const
{
    if (wanted.state == entry_state::waiting)
        return {.stage = load_progress::stage::waiting_for_room, .position = wanted.position};
    const auto found = residents_.find(wanted.id);
    if (found == residents_.end())
        return {.stage = load_progress::stage::loading};
    return {.stage = load_progress::stage::loading,
            .bytes_done = found->second.bytes_done,
            .bytes_total = found->second.bytes_total};
}

/// Tells only what is new. Whoever cannot take it goes without: the load goes on.
void cache_shell::report(asked& to, const load_progress& now)
{
    if (!to.options.progress || to.reported == now)
        return;
    to.reported = now;
    try {
        to.options.progress(now);
    } catch (...) {
        to.options.progress = {};
    }
}

} // namespace warmd

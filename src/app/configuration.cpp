#include "app/configuration.hpp"

#include "base/text.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/strand.hpp>

#include <algorithm>
#include <utility>

namespace warmd {

configuration::configuration(const daemon_options& now, reader reread, executors where,
                             backend_cache& cache, daemon_info& told, logger log,
                             std::function<void(const worker_kinds&)> set_workers)
    : now_(now), serving_(now), reread_(std::move(reread)), io_(where.io),
      one_at_a_time_(asio::make_strand(where.checks)), cache_(cache), told_(told),
      log_(std::move(log)), set_workers_(std::move(set_workers))
{
}

void configuration::reload(listener told)
{
    if (now_.config.empty())
        return told(failure{
            errc::unsupported,
            "there is no configuration file to read again; start warmd with --config PATH"});
    auto back = asio::prefer(
        io_, asio::execution::outstanding_work.tracked); // io must not run dry meanwhile
    asio::post(one_at_a_time_, [this, back = std::move(back), told = std::move(told)]() mutable {
        asio::post(back, [this, read = reread_(), told = std::move(told)]() mutable {
            told(apply(std::move(read)));
        });
    });
}

result<model_changes> configuration::apply(std::variant<daemon_options, leave> read)
{
    if (const auto* instead = std::get_if<leave>(&read))
        return failure{errc::invalid_params, instead->mistake};
    daemon_options& fresh = std::get<daemon_options>(read);
    model_changes changes = compare(now_.file.models, fresh.file.models);
    say_what_changed(changes);
    note_what_needs_a_restart(fresh);
    if (fresh.cache != now_.cache)
        cache_.set_limits(fresh.cache);
    set_workers_(fresh.file.workers);
    told_.limits = fresh.cache;
    told_.request = fresh.request;
    told_.models = fresh.file.models;
    now_ = std::move(fresh);
    start();
    return changes;
}

void configuration::say_what_changed(const model_changes& changes) const
{
    const auto count = [](const std::vector<std::string>& names, const char* verb) {
        return std::to_string(names.size()) + verb;
    };
    log_.info("read " + now_.config + " again: models: " + count(changes.added, " added, ") +
              count(changes.removed, " removed, ") + count(changes.changed, " changed, ") +
              count(changes.unchanged, " unchanged"));
}

void configuration::note_what_needs_a_restart(const daemon_options& fresh) const
{
    const session_limits &wanted = fresh.server.session, &serving = serving_.server.session;
    const compute_limits &compute = fresh.compute, &computing = serving_.compute;
    std::vector<std::string_view> names;
    for (const auto& [name, differs] :
         {std::pair("max_frame_bytes", wanted.max_frame_bytes != serving.max_frame_bytes),
          std::pair("max_in_flight", wanted.max_in_flight != serving.max_in_flight),
          std::pair("max_in_flight_total",
                    wanted.max_in_flight_total != serving.max_in_flight_total),
          std::pair("max_reply_bytes", wanted.max_reply_bytes != serving.max_reply_bytes),
          std::pair("max_unread_bytes", wanted.max_unread_bytes != serving.max_unread_bytes),
          std::pair("idle_connection_timeout", wanted.idle_timeout != serving.idle_timeout),
          std::pair("frame_timeout", wanted.frame_timeout != serving.frame_timeout),
          std::pair("max_connections",
                    fresh.server.max_connections != serving_.server.max_connections),
          std::pair("max_kv_bytes", compute.max_kv_bytes != computing.max_kv_bytes),
          std::pair("prefix_cache_bytes",
                    compute.prefix_cache_bytes != computing.prefix_cache_bytes),
          std::pair("answer_cache_bytes",
                    compute.answer_cache_bytes != computing.answer_cache_bytes),
          std::pair("step_time", compute.step_time != computing.step_time),
          std::pair("access", fresh.server.access != serving_.server.access ||
                                  fresh.roots != serving_.roots)})
        if (differs)
            names.push_back(name);
    if (!names.empty())
        log_.warning("takes effect only when warmd is started again: " + joined(names));
}

// -- what the file lists ----------------------------------------------------

void configuration::start()
{
    ++turn_;
    if (!std::exchange(holding_, true))
        asio::co_spawn(io_, hold_what_is_listed(), [](std::exception_ptr trouble) {
            if (trouble) // a bug
                std::rethrow_exception(trouble);
        });
}

/// What to hold, in order, and whether to pin it.
std::vector<std::pair<std::string, bool>> configuration::listed() const
{
    std::vector<std::pair<std::string, bool>> all;
    for (const std::string& name : now_.file.pin)
        all.emplace_back(name, true);
    for (const std::string& name : now_.file.preload)
        if (std::find(now_.file.pin.begin(), now_.file.pin.end(), name) == now_.file.pin.end())
            all.emplace_back(name, false);
    return all;
}

/// One at a time: if the file was read again meanwhile, begins anew with what it says now.
asio::awaitable<void> configuration::hold_what_is_listed()
{
    for (unsigned turn = 0; turn != turn_;) {
        turn = turn_;
        co_await let_go();
        const auto all = listed();
        std::size_t held = 0;
        for (auto each = all.begin(); each != all.end() && turn == turn_; ++each) {
            std::string name = each->first;
            const bool warm = co_await hold(std::move(name), each->second);
            held += warm;
        }
        if (!all.empty() && turn == turn_)
            log_.info("warm: " + std::to_string(held) + " of the " + std::to_string(all.size()) +
                      " models that the configuration lists");
    }
    holding_ = false;
}

/// True if the file lists a model of this spec under `pin`, by whatever name.
bool configuration::is_to_be_pinned(const model_spec& spec) const
{
    const auto is_it = [&](const std::string& name) { return now_.file.models.at(name) == spec; };
    return std::any_of(now_.file.pin.begin(), now_.file.pin.end(), is_it);
}

/// Unpins what was pinned for a file that is no longer in force.
asio::awaitable<void> configuration::let_go()
{
    for (auto each = pinned_.begin(); each != pinned_.end();) {
        const auto one = each++;
        if (is_to_be_pinned(one->second))
            continue;
        const cache_key key = one->first;
        pinned_.erase(one);
        const auto done = co_await cache_.set_pinned(key, false);
        if (done)
            log_.info("unpinned " + key.text + ": the configuration does not list it any more");
    }
}

/// True if it is resident.
asio::awaitable<bool> configuration::hold(std::string name, bool pin)
{
    model_spec spec = now_.file.models.at(name);
    const acquire_options options{.retry_failed = true, .pin = pin};
    const auto lease = co_await cache_.get_or_load(spec, options);
    if (lease && pin)
        pinned_.insert_or_assign(lease->what().model->key, std::move(spec));
    else if (!lease && lease.error().code != errc::shutting_down)
        log_.warning(std::string(pin ? "pin " : "preload ") + name + ": " + lease.error().detail);
    co_return lease.has_value();
}

} // namespace warmd

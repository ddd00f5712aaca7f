#include "simulation/simulation.hpp"

#include "simulation/caller.hpp"
#include "simulation/hand_clock.hpp"
#include "simulation/manual_executor.hpp"
#include "simulation/world.hpp"

#include "cache/backend_cache.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include <array>
#include <memory>
#include <random>

namespace warmd::test {

using namespace std::chrono_literals;

namespace {

cache_limits limits_of(const simulation& what)
{
    cache_limits limits;
    limits.max_loaded_models = what.max_models;
    limits.max_loaded_bytes = what.max_bytes;
    limits.idle_timeout = what.seed % 3 == 0 ? 5s : 0s;
    limits.min_residency = what.seed % 5 == 0 ? 3s : 0s;
    limits.max_waiters = what.seed % 7 == 0 ? 3 : 1000;
    limits.look_up_timeout = limits.load_timeout; // passes when time jumps
    limits.recheck = 0s; // every request looks, so that every answer can be held against the files
    return limits;
}

class player {
public:
    explicit player(const simulation& what)
        : world_(what.max_models, what.max_bytes), registry_(registry()), limits_(limits_of(what)),
          cache_(io_.get_executor(),
                 {jobs_.get_executor(), jobs_.get_executor(), jobs_.get_executor()}, registry_,
                 limits_, {}, clock_.source())
    {
    }
    ~player() { callers_.clear(); }

    std::optional<std::string> play(const schedule& events)
    {
        for (const sim_event& each : events) {
            happen(each);
            after_each();
            if (world_.violation())
                return world_.violation();
        }
        end();
        return world_.violation();
    }

private:
    backend_registry registry()
    {
        backend_registry made;
        made.add("sim", world_.make_loader());
        return made;
    }

    // -- events --------------------
    void happen(const sim_event& event)
    {
        using kind = sim_event::kind;
        const std::size_t model = event.a % world::models;
        switch (event.what) {
        case kind::ask: ask(model, {.keep_alive = std::chrono::seconds(event.b % 3)}); break;
        case kind::ask_pinned: ask(model, {.pin = true}); break;
        case kind::insist: ask(model, {.retry_failed = true}); break;
        case kind::cancel:
            if (!callers_.empty())
                cancel(*callers_[event.a % callers_.size()]);
            break;
        case kind::hang_up: // a client with half of all requests
            for (std::size_t i = event.a % 2; i < callers_.size(); i += 2)
                cancel(*callers_[i]);
            break;
        case kind::run:
            if (auto* by = holder(event.a))
                run(by);
            break;
        case kind::give_back:
            if (auto* by = holder(event.a))
                give_back(*by);
            break;
        case kind::step_io: step_io(); break;
        case kind::run_job:
            if (jobs_.size() != 0)
                jobs_.run(event.a % jobs_.size());
            break;
        case kind::pass_time: clock_.move(std::chrono::milliseconds(event.a % 4000)); break;
        case kind::jump_time:
            clock_.move(std::chrono::seconds(event.a % 900));
            jumped_ = true;
            break;
        case kind::change_files: world_.change_files(model); break;
        case kind::fail_load: world_.fail_next_load(model); break;
        case kind::fail_close: world_.fail_next_close(model); break;
        case kind::fail_run: world_.fail_next_run(model); break;
        case kind::lose: world_.lose(model); break;
        case kind::unload:
            unload({.keys = {{world::base(model)}}, .wait = event.b % 2 == 0});
            break;
        case kind::unload_all: unload({.keys = {}, .all = true}); break;
        case kind::pin: set_pinned(model, true); break;
        case kind::unpin: set_pinned(model, false); break;
        case kind::limit:
            limit(1 + event.a % world_.max_models(), std::chrono::seconds(event.b % 2 * 4));
            break;
        case kind::look: seen_ = cache_.models_at_work(); break;
        }
    }

    template <class T, class Function>
    void spawn(asio::awaitable<T> what, Function told)
    {
        ++under_way_;
        asio::co_spawn(io_, std::move(what),
                       [this, told](const std::exception_ptr& thrown, T value) {
                           --under_way_;
                           world_.check(!thrown, "an administrator's request threw");
                           told(std::move(value));
                       });
    }

    void ask(std::size_t model, acquire_options options)
    {
        auto made = std::make_shared<caller>();
        made->model = model;
        made->files_when_asked = world_.files(model);
        pinned_once_ = pinned_once_ || options.pin;
        callers_.push_back(made);
        asio::co_spawn(
            io_,
            cache_.get_or_load({.kind = "sim", .base = world::base(model)}, std::move(options)),
            asio::bind_cancellation_slot(
                made->signal.slot(),
                [this, made](const std::exception_ptr& thrown, result<backend_lease> told) {
                    world_.check(!made->answered(), "5: answered twice");
                    if (thrown)
                        made->cancelled = true;
                    else
                        answered(*made, std::move(told));
                }));
    }

    void answered(caller& by, result<backend_lease> told)
    {
        if (told) {
            by.granted_files = std::stoi(told->what().model->files.text);
            by.counted = true;
            world_.leased(by.model, by.granted_files);
            world_.check(by.granted_files >= by.files_when_asked,
                         "stale: files " + std::to_string(by.granted_files) +
                             " for a request made at " + std::to_string(by.files_when_asked));
        } else {
            check_refusal(by, told.error());
        }
        by.got.emplace(std::move(told));
    }

    /// A refusal must have had a reason in this world.
    void check_refusal(const caller& by, const failure& why)
    {
        switch (why.code) {
        case errc::load_failed:
            world_.check(world_.load_failed_once(by.model), "refused: no load of it ever failed");
            break;
        case errc::backend_failed:
            world_.check(world_.lost_once(by.model), "refused: none of it was ever lost");
            break;
        case errc::too_large:
            world_.check(limits_.max_loaded_bytes != 0 &&
                             world::sizes[by.model] > limits_.max_loaded_bytes,
                         "refused: it would fit");
            break;
        case errc::all_pinned:
            world_.check(pinned_once_, "refused: nothing was ever pinned");
            break;
        case errc::timeout: world_.check(jumped_, "refused: no deadline can have passed"); break;
        case errc::busy:
            world_.check(limits_.max_waiters < 1000, "refused: no queue was full");
            break;
        case errc::shutting_down:
            world_.check(draining_, "refused: nobody is shutting down");
            break;
        default: world_.check(false, "refused: " + why.detail);
        }
    }

    caller* holder(std::uint32_t pick)
    {
        std::vector<caller*> all;
        for (const auto& each : callers_)
            if (each->holds())
                all.push_back(each.get());
        return all.empty() ? nullptr : all[pick % all.size()];
    }

    void cancel(caller& by)
    {
        if (by.run)
            by.run->emit(asio::cancellation_type::terminal);
        else if (!by.answered() && started(by))
            by.signal.emit(asio::cancellation_type::terminal);
    }
    /// A signal emitted before a coroutine first runs is lost in Asio 1.26; the daemon never does
    /// that.
    bool started(const caller&) { return step_io(), true; }

    void run(caller* by)
    {
        if (by->run || !by->got || !by->got->has_value())
            return;
        by->run = std::make_shared<asio::cancellation_signal>();
        const auto self = shared(by);
        asio::co_spawn(
            io_, (*by->got)->run(tokenize{"x", true}),
            asio::bind_cancellation_slot(
                by->run->slot(), [this, self, signal = by->run](const std::exception_ptr& thrown,
                                                                const result<outcome>& told) {
                    self->run.reset();
                    if (!thrown && told)
                        world_.check(std::get<plain_text>(*told).text ==
                                         std::to_string(self->granted_files),
                                     "answered by another instance");
                    else if (!thrown)
                        world_.check(told.error().code == errc::backend_failed ||
                                         told.error().code == errc::cancelled,
                                     "run: " + told.error().detail);
                }));
        step_io();
    }
    std::shared_ptr<caller> shared(const caller* by) const
    {
        for (const auto& each : callers_)
            if (each.get() == by)
                return each;
        return nullptr;
    }

    void give_back(caller& by)
    {
        if (by.run)
            return; // still being used
        world_.returned(by.model, by.granted_files);
        by.counted = false;
        by.got.reset();
        by.cancelled = true; // done with
    }

    void unload(unload_request what)
    {
        spawn(cache_.unload(std::move(what)), [this](const result<std::vector<cache_key>>& told) {
            world_.check(told || told.error().code == errc::not_found, "unload failed");
        });
    }
    void set_pinned(std::size_t model, bool pinned)
    {
        pinned_once_ = pinned_once_ || pinned;
        spawn(cache_.set_pinned({world::base(model)}, pinned), [this](const result<void>& told) {
            world_.check(told || told.error().code == errc::not_found, "pin failed");
        });
    }

    void limit(std::size_t models, std::chrono::seconds idle_timeout)
    {
        cache_limits fewer = limits_;
        fewer.max_loaded_models = models;
        fewer.idle_timeout = idle_timeout;
        cache_.set_limits(fewer);
    }

    // -- stepping and checking --------------------
    std::size_t step_io()
    {
        io_.restart();
        return io_.poll();
    }
    void after_each()
    {
        const std::string broken = cache_.broken_invariant();
        world_.check(broken.empty(), broken);
    }
    void settle()
    {
        for (std::size_t ran = 1; ran != 0;) {
            ran = step_io() + jobs_.size();
            while (jobs_.size() != 0)
                jobs_.run(0);
            after_each();
        }
    }
    /// Hung jobs come back, leases return, time passes: nobody may be left waiting, and drain must
    /// find nothing that stays.
    void end()
    {
        const auto waiting = [this] {
            return std::any_of(callers_.begin(), callers_.end(),
                               [](const auto& each) { return !each->answered(); });
        };
        for (int round = 0; round != 50; ++round) {
            settle();
            for (const auto& each : callers_)
                if (each->holds())
                    give_back(*each);
            settle();
            if (!waiting() && under_way_ == 0 && !holder(0))
                break;
            jumped_ = true;
            clock_.move(3s);
        }
        world_.check(!waiting(), "a caller was never answered");
        world_.check(under_way_ == 0, "an administrator's request was never answered");
        bool clean = false;
        draining_ = true;
        spawn(cache_.drain(1h), [&clean](bool ended) { clean = ended; });
        settle();
        world_.check(clean, "drain did not end");
        world_.check(world_.alive() == 0, "something is left after drain");
        world_.check(world_.loads() == world_.closes(), "9: loads and closes differ");
    }

    asio::io_context io_{1};
    job_pool jobs_;
    hand_clock clock_;
    world world_;
    backend_registry registry_;
    cache_limits limits_;
    backend_cache cache_;
    std::vector<std::shared_ptr<caller>> callers_;
    std::vector<model_info> seen_;
    int under_way_ = 0;
    bool jumped_ = false, pinned_once_ = false, draining_ = false;
};

constexpr std::array<const char*, 22> names{
    "ask",       "ask_pinned", "insist",   "cancel",    "hang_up",   "run",
    "give_back", "step_io",    "run_job",  "pass_time", "jump_time", "change_files",
    "fail_load", "fail_close", "fail_run", "lose",      "unload",    "unload_all",
    "pin",       "unpin",      "look",     "limit"};
constexpr std::array<unsigned, 22> weights{24, 1, 2, 5, 1, 8, 18, 26, 26, 6, 2,
                                           4,  4, 2, 2, 3, 3, 1,  1,  2,  2, 1};

} // namespace

std::string text(const sim_event& event)
{
    return std::string(names[static_cast<std::size_t>(event.what)]) + '(' +
           std::to_string(event.a % 1000) + ',' + std::to_string(event.b % 1000) + ')';
}

simulation simulation::from(std::uint64_t seed)
{
    std::mt19937_64 random(seed);
    simulation made{.seed = seed,
                    .max_models = 1 + random() % 3,
                    .max_bytes = random() % 2 ? 0 : 50 + random() % 60,
                    .events = {}};
    std::discrete_distribution<int> pick(weights.begin(), weights.end());
    const std::size_t count = 10 + random() % 40;
    for (std::size_t i = 0; i != count; ++i)
        made.events.push_back({static_cast<sim_event::kind>(pick(random)),
                               static_cast<std::uint32_t>(random()),
                               static_cast<std::uint32_t>(random())});
    return made;
}

std::optional<std::string> simulation::play() const { return player(*this).play(events); }

simulation simulation::shrunk() const
{
    simulation least = *this;
    for (std::size_t chunk = least.events.size(); chunk != 0;
         chunk /= 2) { // ddmin (Zeller & Hildebrandt 2002), one-sided
        for (std::size_t at = 0; at < least.events.size();) {
            simulation fewer = least;
            const auto first = fewer.events.begin() + static_cast<std::ptrdiff_t>(at);
            fewer.events.erase(first, first + static_cast<std::ptrdiff_t>(
                                                  std::min(chunk, fewer.events.size() - at)));
            if (fewer.play())
                least = std::move(fewer);
            else
                at += chunk;
        }
    }
    return least;
}

} // namespace warmd::test

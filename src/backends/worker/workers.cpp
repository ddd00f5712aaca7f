#include "worker/workers.hpp"

#include "base/text.hpp"
#include "worker/call_text.hpp"
#include "worker/local_files.hpp"
#include "worker/sandbox.hpp"
#include "worker/worker_backend.hpp"

#include <algorithm>
#include <utility>

namespace warmd::worker {

namespace {

constexpr std::size_t most_remembered = 4096; // keys

breaker::time_point now() { return std::chrono::steady_clock::now(); }

failure no_such_kind(const std::string& name)
{
    return {errc::unsupported,
            "kind '" + name + "' has left the configuration: no worker is started for it"};
}

} // namespace

/// What the registry is given for one name; what that means is looked up each time.
class workers::kind {
public:
    kind(workers& of, std::string name, const limiter& limit) : of_(of), name_(std::move(name))
    {
        loader local{[this](const model_spec& asked, const file_rules&) { return resolve(asked); },
                     [this](const resolved_model& model, load_context& context) {
                         return of_.load(name_, model, context);
                     }};
        local_ = limit ? limit(std::move(local)) : std::move(local);
    }

    loader as_loader()
    {
        return {[this](const model_spec& asked, const file_rules& rules) -> result<resolved_model> {
                    const auto how = of_.settings_of(name_);
                    if (!how)
                        return no_such_kind(name_);
                    if (how->paths != path_meaning::local)
                        return known(resolve_elsewhere(asked));
                    auto found = local_.resolve(asked, rules);
                    return found ? known(std::move(*found)) : found;
                },
                [this](const resolved_model& model, load_context& context) {
                    return of_.load(name_, model, context);
                }};
    }

    loader given;

private:
    result<resolved_model> resolve(const model_spec& asked) const { return resolve_local(asked); }
    /// What it took the last time says more than the size of its files.
    resolved_model known(resolved_model model) const
    {
        if (const std::uint64_t bytes = of_.measured_before(model.key.text); bytes != 0)
            model.estimated_bytes = bytes;
        return model;
    }

    workers& of_;
    const std::string name_;
    loader local_; // within the allowed roots
};

workers::workers(worker_kinds kinds, limiter limit, logger log)
    : limit_(std::move(limit)), log_(std::move(log))
{
    set(std::move(kinds));
}
workers::~workers() = default;

void workers::set(worker_kinds kinds)
{
    const std::lock_guard lock(mutex_);
    kinds_ = std::move(kinds);
    for (const auto& [name, how] : kinds_) {
        if (ever_.contains(name))
            continue;
        auto made = std::make_unique<kind>(*this, name, limit_);
        made->given = made->as_loader();
        ever_.emplace(name, std::move(made));
    }
    breaker_.close_all();
}

other_kinds workers::kinds()
{
    return {.find = [this](const std::string& name) -> const loader* {
                const std::lock_guard lock(mutex_);
                const auto found = ever_.find(name);
                return found == ever_.end() ? nullptr : &found->second->given;
            },
            .names =
                [this] {
                    const std::lock_guard lock(mutex_);
                    std::vector<std::string> names;
                    for (const auto& [name, how] : kinds_)
                        names.push_back(name);
                    return names;
                }};
}

std::optional<worker_settings> workers::settings_of(const std::string& name) const
{
    const std::lock_guard lock(mutex_);
    const auto found = kinds_.find(name);
    return found == kinds_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<worker_status> workers::status() const
{
    const std::lock_guard lock(mutex_);
    std::vector<worker_status> all;
    for (const auto& each : live_)
        if (const auto one = each.lock())
            all.push_back(one->status());
    for (const auto& [key, starts] : starts_)
        if (const auto until = breaker_.open_until(key, now()))
            all.push_back({.key = key,
                           .state = "broken",
                           .restarts = starts,
                           .trouble = "the worker of " + key + " has died " +
                                      std::to_string(breaker::deaths_to_open) +
                                      " times soon after its load, and is started again in " +
                                      seconds_text(*until - now()) +
                                      ", or after a reload of the configuration"});
    return all;
}

// -- loads --------------------------------------------------

result<std::unique_ptr<backend>> workers::load(const std::string& name, const resolved_model& model,
                                               load_context& context)
{
    const auto how = settings_of(name);
    if (!how)
        return no_such_kind(name);
    const auto loaded_at = std::make_shared<std::atomic<breaker::time_point>>(now());
    session::listeners told{
        .progress = context.progress,
        .lost = [this, key = model.key.text, loaded_at, tell = context.lost](failure why) {
            died(key, loaded_at->load());
            if (tell)
                tell(std::move(why));
        }};
    const auto begun = begin(name, *how, model, std::move(told));
    if (!begun)
        return begun.error();
    const std::shared_ptr<session>& one = *begun;
    one->start();
    const std::stop_callback on_stop(context.stop, [one] { one->stop(); });
    const auto loaded = one->wait_until_loaded();
    if (!loaded) {
        one->wait_until_gone();
        return loaded.error();
    }
    loaded_at->store(now());
    measured(model.key.text, loaded->bytes);
    return std::make_unique<worker_backend>(one, *loaded);
}

result<std::shared_ptr<session>> workers::begin(const std::string& name, const worker_settings& how,
                                                const resolved_model& model,
                                                session::listeners told)
{
    std::vector<std::string> command = how.command;
    auto program = find_program(command.front());
    if (!program)
        return failure{errc::load_failed, program.error().detail};
    command.front() = std::move(*program);
    auto enclosed = within_sandbox(std::move(command), how, model.spec);
    const std::lock_guard lock(mutex_);
    const std::string& key = model.key.text;
    if (const auto until = breaker_.open_until(key, now()))
        return failure{.code = errc::load_failed,
                       .detail = "its worker has died " + std::to_string(breaker::deaths_to_open) +
                                 " times within " + seconds_text(breaker::soon) +
                                 " of its load: it is not started for now",
                       .retry_after_seconds =
                           std::chrono::duration<double>(*until - now()).count()};
    std::erase_if(live_, [](const auto& each) { return each.expired(); });
    if (starts_.size() >= most_remembered) // names that mean nothing to us may be made up
        starts_.clear();
    const auto of_this_kind = static_cast<std::size_t>(
        std::count_if(live_.begin(), live_.end(), [&](const std::weak_ptr<session>& each) {
            const auto other = each.lock();
            return other && other->status().kind == name;
        }));
    if (how.max_processes != 0 && of_this_kind >= how.max_processes)
        return failure{.code = errc::busy,
                       .detail = "there are " + std::to_string(of_this_kind) + " workers '" + name +
                                 "', as many as max_processes allows",
                       .retry_after_seconds = 1};
    const std::vector<std::pair<std::string, std::string>> env(how.env.begin(), how.env.end());
    assignment what{.kind = name,
                    .key = key,
                    .model = model_text(model.spec),
                    .how = {.command = std::move(enclosed.command),
                            .environment = clean_environment(env),
                            .max_bytes = how.max_bytes},
                    .sandbox = std::move(enclosed.in_force),
                    .with = {how.load_timeout, how.stall_timeout, how.stop_timeout},
                    .restarts = starts_[key]++};
    auto made =
        std::make_shared<session>(thread().executor(), std::move(what), std::move(told), log_);
    live_.push_back(made);
    return made;
}

/// REQUIRES: mutex_ is held.
worker_thread& workers::thread()
{
    if (!thread_)
        thread_ = std::make_unique<worker_thread>();
    return *thread_;
}

void workers::measured(const std::string& key, std::uint64_t bytes)
{
    const std::lock_guard lock(mutex_);
    if (bytes_.size() >= most_remembered)
        bytes_.clear();
    bytes_[key] = bytes;
}

std::uint64_t workers::measured_before(const std::string& key) const
{
    const std::lock_guard lock(mutex_);
    const auto found = bytes_.find(key);
    return found == bytes_.end() ? 0 : found->second;
}

void workers::died(const std::string& key, breaker::time_point loaded)
{
    const std::lock_guard lock(mutex_);
    breaker_.died(key, loaded, now());
}

} // namespace warmd::worker

#pragma once
// The kinds of model that the configuration file gives to workers, and the workers that there are.

#include "model/worker_settings.hpp"
#include "worker/breaker.hpp"
#include "worker/session.hpp"
#include "worker/worker_thread.hpp"
#include <warmd/backend_registry.hpp>
#include <warmd/log.hpp>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace warmd::worker {

/// All of it may be used from any thread.
class workers {
public:
    /// `limit`: makes of a loader one that loads local files from where they may be loaded.
    using limiter = std::function<loader(loader)>;

    workers(worker_kinds kinds, limiter limit, logger log);
    /// REQUIRES: every backend made by its loaders is closed.
    ~workers();

    /// For the registry, which must not outlive this.
    other_kinds kinds();
    /// From now on these are the kinds: for later loads, and breakers are closed.
    void set(worker_kinds kinds);
    /// Those that there are, and those that are not started for a while.
    std::vector<worker_status> status() const;

private:
    class kind;

    std::optional<worker_settings> settings_of(const std::string& name) const;
    result<std::unique_ptr<backend>> load(const std::string& name, const resolved_model& model,
                                          load_context& context);
    result<std::shared_ptr<session>> begin(const std::string& name, const worker_settings& how,
                                           const resolved_model& model, session::listeners told);
    void measured(const std::string& key, std::uint64_t bytes);
    std::uint64_t measured_before(const std::string& key) const;
    void died(const std::string& key, breaker::time_point loaded);
    worker_thread& thread();

    const limiter limit_;
    const logger log_;
    mutable std::mutex mutex_; // of what follows
    worker_kinds kinds_;
    std::map<std::string, std::unique_ptr<kind>> ever_; // every kind that there ever was
    breaker breaker_;
    std::map<std::string, std::uint64_t> starts_, bytes_; // by key
    std::vector<std::weak_ptr<session>> live_;
    std::unique_ptr<worker_thread> thread_; // once there is a worker
};

} // namespace warmd::worker

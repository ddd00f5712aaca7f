#include "app/application.hpp"

#include "app/supervision.hpp"
#include "base/text.hpp"
#include "hf/hf_loader.hpp"
#include "server/http_token.hpp"
#include "system/allowed_roots.hpp"
#include "system/prompt_thread.hpp"
#include "system/worker_pool.hpp"
#include "worker/workers.hpp"

#include "methods/methods.hpp"
#include "server/service.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <csignal>
#include <cstdlib>
#include <memory>

namespace warmd {

namespace {

/// For calls that are stopped at the end of the grace to notice and give their leases back, and for
/// replies to be read.
constexpr auto last_moment = std::chrono::seconds(2);
/// Even in a hurry, what is idle can be closed and the client that asked for the shutdown be
/// answered.
constexpr std::chrono::nanoseconds shortest_grace = std::chrono::milliseconds(100);

std::string limits(const cache_limits& cache)
{
    std::string text = std::to_string(cache.max_loaded_models) + " models";
    if (cache.max_loaded_bytes != 0)
        text += " of " + std::to_string(cache.max_loaded_bytes) + " bytes together";
    if (cache.idle_timeout.count() != 0)
        text += ", unloaded after " + seconds_text(cache.idle_timeout) + " without use";
    return text;
}

/// The composition root. Members are in order of dependence: destroyed last to first.
class application {
public:
    /// `reread`: the options as the configuration file has them by then.
    application(const daemon_options& options, configuration::reader reread,
                service_manager manager, process_log& log);
    /// Serves until told to stop; the exit status.
    int run();

private:
    result<void> tell_token();
    asio::awaitable<void> watch_signals();
    void reload(configuration::listener told);
    void begin_shutdown(std::optional<std::chrono::nanoseconds> grace, const std::string& why);
    asio::awaitable<void> shut_down(std::chrono::nanoseconds grace);
    void give_up(const std::string& why);
    void spawn(asio::awaitable<void> task);
    [[noreturn]] void leave_threads_behind();
    void join(worker_pool& pool, const char* doing);
    [[noreturn]] void leave_at_once(int status);

    const daemon_options options_;
    process_log& log_;
    const logger say_;
    asio::io_context io_{1};
    worker_pool load_threads_;
    worker_pool run_threads_;
    worker_pool check_threads_; // one may hang on a file system that does not answer
    const std::shared_ptr<metrics> metrics_ = std::make_shared<metrics>();
    worker::workers workers_;
    const backend_registry registry_;
    backend_cache cache_;
    daemon_info info_;
    configuration configuration_;
    dispatcher methods_{metrics_};
    service server_;
    supervision supervision_;
    asio::signal_set signals_{io_, SIGTERM, SIGINT, SIGHUP};
    asio::steady_timer patience_{io_};
    bool draining_ = false;
    int status_ = served;
    unsigned reloads_ = 0; ///< under way
};

/// Of threads that may compute: they yield to the io thread, so that it answers promptly meanwhile.
constexpr int polite = 10;

backend_registry backends(const daemon_options& options, worker::workers& workers,
                          const logger& say, const std::shared_ptr<metrics>& counted)
{
    const compute_limits& limits = options.compute;
    hf::hf_options how{.step_seconds = in_seconds(limits.step_time),
                       .prefix_cache_bytes = limits.prefix_cache_bytes,
                       .answer_cache_bytes = limits.answer_cache_bytes,
                       .counted = counted};
    if (limits.max_kv_bytes != 0)
        how.max_kv_bytes = limits.max_kv_bytes;
    backend_registry registry;
    registry.add("hf", limited_to(options.roots, hf::hf_loader(say, how)));
    if (options.enable_dummy)
        registry.add("dummy", dummy_loader());
    registry.add(workers.kinds());
    return registry;
}

worker::workers::limiter limits_of_paths(const daemon_options& options)
{
    return [roots = options.roots](loader how) { return limited_to(roots, std::move(how)); };
}

application::application(const daemon_options& options, configuration::reader reread,
                         service_manager manager, process_log& log)
    : options_(options), log_(log), say_(log.make_logger()),
      load_threads_(options.load_threads, "to load models"),
      run_threads_(options.run_threads, "to run models", polite),
      check_threads_(backend_cache::check_threads, "to look at files"),
      workers_(options.file.workers, limits_of_paths(options), say_),
      registry_(backends(options, workers_, say_, metrics_)),
      cache_(io_.get_executor(),
             worker_executors{load_threads_.get_executor(), run_threads_.get_executor(),
                              check_threads_.get_executor()},
             registry_, options.cache, say_, real_time(), metrics_),
      info_{.version = WARMD_VERSION,
            .started = std::chrono::steady_clock::now(),
            .limits = options.cache,
            .request = options.request,
            .connection = options.server.session,
            .max_connections = options.server.max_connections,
            .compute = options.compute,
            .models = options.file.models,
            .draining = [this] { return draining_; },
            .shut_down =
                [this](std::optional<std::chrono::nanoseconds> grace) {
                    begin_shutdown(grace, "asked by a client");
                },
            .reload = [this](configuration::listener told) { reload(std::move(told)); },
            .urls = [this] { return server_.urls(); },
            .workers = [this] { return workers_.status(); },
            .dropped_log_lines = [this] { return log_.dropped(); }},
      configuration_(options, std::move(reread),
                     {io_.get_executor(), check_threads_.get_executor()}, cache_, info_, say_,
                     [this](const worker_kinds& kinds) { workers_.set(kinds); }),
      server_(io_.get_executor(), options.server, methods_, say_),
      supervision_(io_.get_executor(), std::move(manager.notify), manager.watchdog, cache_, info_)
{
    add_methods(methods_, cache_, info_);
}

int application::run()
{
    try {
        run_promptly();
        say_.info("warmd " WARMD_VERSION ": kinds: " + registry_.kinds() + "; at most " +
                  limits(options_.cache) + "; threads: " + std::to_string(options_.load_threads) +
                  " to load, " + std::to_string(options_.run_threads) + " to run");
        if (const int news = cache_.files_descriptor(); news >= 0)
            server_.look_first(news, [this] { return cache_.look_at_files(); });
        server_.on_path_lost([this](const std::string& why) {
            status_ = could_not_serve;
            begin_shutdown({}, why);
        });
        server_.on_client_gone([this] { begin_shutdown({}, "standard input has ended"); });
        if (const auto listening = server_.start(); !listening) {
            say_.error(listening.error().detail);
            return could_not_serve;
        }
        if (const auto told = tell_token(); !told) {
            say_.error(told.error().detail);
            server_.stop();
            return could_not_serve;
        }
        std::vector<std::string> places = server_.urls();
        places.insert(places.begin(),
                      options_.stdio ? "standard input" : options_.server.socket_path);
        say_.info("ready: listening on " + joined(places));
        supervision_.start();
        configuration_.start();
        spawn(watch_signals());
        io_.run(); // until shut_down() has ended all that is asked for from here
        io_.restart();
        io_.run_for(last_moment); // what other threads still answer
        if (!io_.stopped())
            leave_threads_behind();
    } catch (const std::exception& trouble) {
        say_.error(trouble.what());
        leave_at_once(could_not_serve); // what runs on other threads cannot be ended in order
    }
    join(load_threads_, "loads or closes a model");
    join(run_threads_, "runs a model");
    join(check_threads_, "looks at files");
    say_.info("stopped");
    return status_;
}

/// Leaves the token for clients to find, now that the socket is ours, and so what is beside it.
result<void> application::tell_token()
{
    if (!options_.server.http.any() || options_.http_token_file)
        return {};
    return write_http_token(http_token_path(options_.server.socket_path),
                            options_.server.http.token);
}

asio::awaitable<void> application::watch_signals()
{
    for (bool told = false;;) {
        error_code ec;
        const int signal =
            co_await signals_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        if (ec)
            co_return;
        const std::string signal_name = signal == SIGTERM  ? "SIGTERM"
                                        : signal == SIGINT ? "SIGINT"
                                                           : "SIGHUP";
        if (signal == SIGHUP)
            reload([this](const result<model_changes>& done) {
                if (!done)
                    say_.error("SIGHUP changes nothing: " + done.error().detail);
            });
        else if (std::exchange(told, true))
            give_up(signal_name + " once more");
        else
            begin_shutdown({}, signal_name);
    }
}

void application::reload(configuration::listener told)
{
    supervision_.reload_begins();
    ++reloads_;
    configuration_.reload([this, told = std::move(told)](result<model_changes> done) {
        --reloads_;
        supervision_.reload_ended();
        told(std::move(done));
    });
}

void application::begin_shutdown(std::optional<std::chrono::nanoseconds> grace,
                                 const std::string& why)
{
    if (draining_)
        return;
    draining_ = true;
    const auto time = grace.value_or(options_.drain);
    supervision_.stopping(time +
                          3 * last_moment); // at its longest shut_down() takes two of them more
    say_.info("stopping (" + why + "): calls under way have " + seconds_text(time));
    // Later, not now: the answer of the request that may have asked for this is still to be sent.
    asio::post(io_, [this, time] { spawn(shut_down(std::max(time, shortest_grace))); });
}

asio::awaitable<void> application::shut_down(std::chrono::nanoseconds grace)
{
    server_.drain();
    bool clean = co_await cache_.drain(grace);
    if (!clean) {
        server_.stop();
        clean = co_await cache_.drain(last_moment);
    }
    if (!clean)
        give_up("something did not end in time");
    patience_.expires_after(
        last_moment); // then we wait no longer for clients to read their replies
    patience_.async_wait([this](const error_code& ec) { ec ? void() : server_.stop(); });
    co_await server_.ended();
    patience_.cancel();
    supervision_.stop();
    signals_.cancel();
    signals_.clear(); // from here on a signal ends the process at once
    io_.stop();
}

/// Leaves without taking the parts apart, which would wait for what is stuck.
void application::give_up(const std::string& why)
{
    std::vector<model_info> left;
    cache_.models(left);
    for (const model_info& each : left)
        say_.error("stuck: " + each.entry.key.text + " is " + std::string(name(each.entry.state)) +
                   " with " + std::to_string(each.entry.leases) + " leases");
    for (const std::string& each : cache_.stats().overdue_look_ups)
        say_.error("stuck: looking at " + each);
    say_.error("exiting at once: " + why);
    leave_at_once(stuck);
}

/// Something on another thread has not answered although all is closed: it waits for a file system.
void application::leave_threads_behind()
{
    say_.error("stuck: " + (reloads_ != 0 ? "reading " + options_.config
                                          : std::string("a thread that looks at files")));
    leave_at_once(stuck);
}

/// The last of what `pool` does cannot be cut short: it is left behind if it does not end.
void application::join(worker_pool& pool, const char* doing)
{
    if (pool.join(last_moment))
        return;
    say_.error(std::string("stuck: a thread that ") + doing);
    leave_at_once(stuck);
}

/// Without the destructors, which would wait for threads that are left behind.
void application::leave_at_once(int status)
{
    log_.end();
    std::_Exit(status);
}

/// Runs `task` on the io thread. What it throws is a bug and leaves io_.run().
void application::spawn(asio::awaitable<void> task)
{
    asio::co_spawn(io_, std::move(task), [](std::exception_ptr trouble) {
        if (trouble)
            std::rethrow_exception(trouble);
    });
}

} // namespace

int serve(const daemon_options& options, configuration::reader reread, service_manager manager,
          process_log& log)
{
    return application(options, std::move(reread), std::move(manager), log).run();
}

} // namespace warmd

#include "cache/backend_cache.hpp"

#include "cache/cache_shell.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/this_coro.hpp>

namespace warmd {

namespace {

/// A place in the queue: given up when the coroutine ends without its answer.
struct ticket {
    std::shared_ptr<cache_shell> cache;
    waiter_id waiter;
    bool answered = false;

    ~ticket()
    {
        if (!answered) // posted, never dispatched (invariant 13)
            asio::post(cache->io(), [self = cache, id = waiter] { self->abandon(id); });
    }
};

/// A place among the listeners: given up when the last copy of the subscription goes.
struct listening {
    std::weak_ptr<cache_shell> cache;
    std::uint64_t number;

    listening(std::weak_ptr<cache_shell> to, std::uint64_t as) : cache(std::move(to)), number(as) {}
    listening(const listening&) = delete;
    listening& operator=(const listening&) = delete;
    ~listening()
    {
        if (const auto self = cache.lock()) // posted, never dispatched (invariant 13)
            asio::post(self->io(), [self, number = number] { self->listen_no_more(number); });
    }
};

/// In a plain function: GCC 12 destroys captures twice that are made beside a co_await.
template <class T, class Function>
void start(const std::shared_ptr<cache_shell>& cache, Function what,
           std::shared_ptr<handoff<T>> reply)
{
    asio::dispatch(cache->io(), [cache, f = std::move(what), to = std::move(reply)]() mutable {
        f(*cache, std::move(to));
    });
}

/// Asks `what` on the cache's executor and waits for its reply on the caller's. `what`:
/// void(cache_shell&, shared_ptr<handoff<T>>).
template <class T, class Function>
asio::awaitable<T> query(std::shared_ptr<cache_shell> cache, Function what)
{
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const std::shared_ptr<handoff<T>> reply = handoff<T>::make(executor);
    start(cache, std::move(what), reply);
    T told = co_await reply->take();
    co_return std::move(told);
}

void enter(const std::shared_ptr<cache_shell>& cache, waiter_id waiter,
           cache_shell::lease_reply reply, model_spec spec, acquire_options options)
{
    asio::dispatch(cache->io(), [cache, waiter, to = std::move(reply), what = std::move(spec),
                                 with = std::move(options)]() mutable {
        cache->ask(waiter, std::move(to), std::move(what), std::move(with));
    });
}

} // namespace

backend_cache::backend_cache(asio::any_io_executor io, worker_executors workers,
                             const backend_registry& registry, cache_limits limits, logger log,
                             time_source time, std::shared_ptr<metrics> counted)
    : shell_(std::make_shared<cache_shell>(std::move(io), std::move(workers), registry, limits,
                                           std::move(log), std::move(time), std::move(counted)))
{
    shell_->start_resolver();
}

backend_cache::~backend_cache() = default;

asio::awaitable<result<backend_lease>> backend_cache::get_or_load(model_spec spec,
                                                                  acquire_options options)
{
    const std::shared_ptr<cache_shell> cache = shell_;
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const cache_shell::lease_reply reply = handoff<result<backend_lease>>::make(executor);
    ticket place{cache, cache->next_waiter()};
    enter(cache, place.waiter, reply, std::move(spec), std::move(options));
    result<backend_lease> told = co_await reply->take();
    place.answered = true;
    co_return std::move(told);
}

const residency* backend_cache::touch(const model_spec& spec, std::chrono::nanoseconds keep_alive,
                                      touch_hint& hint)
{
    return shell_->touch(spec, keep_alive, hint);
}

asio::awaitable<result<cache_key>> backend_cache::find_key(model_spec spec)
{
    return query<result<cache_key>>(shell_,
                                    [spec = std::move(spec)](cache_shell& cache, auto reply) {
                                        cache.find_key(spec, std::move(reply));
                                    });
}

asio::awaitable<result<std::vector<cache_key>>> backend_cache::unload(unload_request what)
{
    return query<result<std::vector<cache_key>>>(
        shell_, [what = std::move(what)](cache_shell& cache, auto reply) {
            cache.unload(what, std::move(reply));
        });
}

asio::awaitable<result<void>> backend_cache::set_pinned(cache_key key, bool pinned)
{
    return query<result<void>>(shell_,
                               [key = std::move(key), pinned](cache_shell& cache, auto reply) {
                                   cache.set_pinned(key, pinned, reply);
                               });
}

void backend_cache::set_limits(const cache_limits& limits)
{
    asio::dispatch(shell_->io(), [cache = shell_, limits] { cache->set_limits(limits); });
}

void backend_cache::models(std::vector<model_info>& into) const { shell_->models(into); }
std::vector<model_info> backend_cache::models_at_work() const { return shell_->models_at_work(); }
std::shared_ptr<const resolved_model> backend_cache::last_known(const model_spec& spec) const
{
    return shell_->last_known(spec);
}
cache_stats backend_cache::stats() const { return shell_->stats(); }
time_point backend_cache::now() const { return shell_->now(); }
bool backend_cache::look_at_files() { return shell_->look_at_files(); }
int backend_cache::files_descriptor() const noexcept { return shell_->files_descriptor(); }

asio::awaitable<subscription> backend_cache::subscribe(event_filter wanted, event_sink sink)
{
    return query<subscription>(
        shell_, [wanted, sink = std::move(sink)](cache_shell& cache, auto reply) mutable {
            const std::uint64_t number = cache.listen(wanted, std::move(sink));
            reply->deliver(std::make_shared<listening>(cache.weak_from_this(), number));
        });
}

asio::awaitable<bool> backend_cache::drain(std::chrono::nanoseconds grace)
{
    return query<bool>(
        shell_, [grace](cache_shell& cache, auto reply) { cache.drain(grace, std::move(reply)); });
}

std::string backend_cache::broken_invariant() const { return shell_->broken_invariant(); }

} // namespace warmd

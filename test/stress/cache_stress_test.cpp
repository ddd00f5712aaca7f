// The cache under real threads: callers on strands of their own, loads, runs and closes on pools,
// cancels and changes of files at any moment. What it proves needs ThreadSanitizer (invariants 1 to
// 3); what it asserts holds with or without.

#include "support/scratch.hpp"

#include "cache/backend_cache.hpp"
#include "model/batching_backend.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cstdlib>
#include <future>
#include <random>

using namespace warmd;
using namespace std::chrono_literals;

namespace {

struct counts {
    std::atomic<int> loads = 0, closes = 0, destroyed = 0, overlaps = 0, failed_loads = 0;
};

/// Notices whether two of its members ever run at once (invariant 3). Its plain int is for
/// ThreadSanitizer.
class touchy_backend final : public batching_backend {
public:
    touchy_backend(counts& seen, call_worker worker)
        : batching_backend(std::move(worker)), seen_(seen)
    {
    }
    ~touchy_backend() override { ++seen_.destroyed; }
    void run(std::span<call> calls) override
    {
        const touch here(*this);
        for (call& each : calls)
            each.complete(outcome(plain_text{"ok"}));
    }
    footprint bytes() const override { return {.all = 1}; }
    void close() override
    {
        const touch here(*this);
        ++seen_.closes;
    }

private:
    struct touch {
        explicit touch(touchy_backend& of) : of_(of)
        {
            if (of_.inside_.exchange(true))
                ++of_.seen_.overlaps;
            ++of_.touched_;
        }
        ~touch() { of_.inside_ = false; }
        touchy_backend& of_;
    };
    counts& seen_;
    std::atomic<bool> inside_ = false;
    int touched_ = 0;
};

/// Every model of it is made of `file`.
backend_registry touchy_registry(counts& seen, const std::filesystem::path& file)
{
    backend_registry registry;
    registry.add("touchy",
                 {[file](const model_spec& asked, const file_rules&) -> result<resolved_model> {
                      resolved_model model{.spec = asked,
                                           .key = {},
                                           .files = fingerprint({&file, 1}),
                                           .estimated_bytes = 1};
                      model.watched = {file};
                      model.key = key_of(asked);
                      return model;
                  },
                  [&seen](const resolved_model& model,
                          load_context& with) -> result<std::unique_ptr<backend>> {
                      if (model.spec.base == "broken") {
                          ++seen.failed_loads;
                          throw std::runtime_error("broken");
                      }
                      ++seen.loads;
                      return std::make_unique<touchy_backend>(seen, std::move(with.worker));
                  }});
    return registry;
}

struct tally {
    std::atomic<int> answered = 0, refused = 0, cancelled = 0, surprised = 0;
};

asio::awaitable<void> ask_once(backend_cache& cache, std::string base, tally& count)
{
    model_spec spec{.kind = "touchy",
                    .base = std::move(base)}; // named: GCC 12 destroys a temporary here twice
    result<backend_lease> lease = co_await cache.get_or_load(std::move(spec));
    if (!lease) {
        ++count.refused;
        co_return;
    }
    operation what = tokenize{"x", true};
    result<outcome> told = co_await lease->run(std::move(what));
    ++(told ? count.answered : count.surprised);
}

void count_end(tally& count, const std::exception_ptr& thrown)
{
    if (!thrown)
        return;
    try {
        std::rethrow_exception(thrown);
    } catch (const boost::system::system_error& error) {
        ++(error.code() == asio::error::operation_aborted ? count.cancelled : count.surprised);
    } catch (...) {
        ++count.surprised;
    }
}

/// One client on a strand of its own: asks again and again, and sometimes changes its mind at any
/// moment.
class client : public std::enable_shared_from_this<client> {
public:
    client(asio::any_io_executor pool, backend_cache& cache, std::filesystem::path file,
           tally& count, unsigned seed)
        : strand_(asio::make_strand(pool)), timer_(strand_), cache_(cache), file_(std::move(file)),
          count_(count), random_(seed)
    {
    }
    void start(int rounds, std::shared_ptr<std::promise<void>> all_ended)
    {
        asio::post(strand_, [self = shared_from_this(), rounds, all_ended] {
            self->next(rounds, all_ended);
        });
    }

private:
    void next(int rounds, const std::shared_ptr<std::promise<void>>& all_ended)
    {
        if (rounds == 0)
            return;
        static constexpr std::array<const char*, 6> bases{"a", "b", "c", "d", "e", "broken"};
        if (random_() % 16 == 0)
            test::write_file(file_, std::to_string(random_()));
        signal_.emplace();
        asio::co_spawn(
            strand_, ask_once(cache_, bases[random_() % bases.size()], count_),
            asio::bind_cancellation_slot(signal_->slot(), [self = shared_from_this(), rounds,
                                                           all_ended](std::exception_ptr thrown) {
                self->timer_.cancel();
                count_end(self->count_, thrown);
                asio::post(self->strand_,
                           [self, rounds, all_ended] { self->next(rounds - 1, all_ended); });
            }));
        if (random_() % 2) {
            timer_.expires_after(std::chrono::microseconds(random_() % 300));
            timer_.async_wait([self = shared_from_this()](const error_code& ec) {
                if (!ec && self->signal_)
                    self->signal_->emit(asio::cancellation_type::terminal);
            });
        }
    }

    asio::strand<asio::any_io_executor> strand_;
    asio::steady_timer timer_;
    backend_cache& cache_;
    std::filesystem::path file_;
    tally& count_;
    std::minstd_rand random_;
    std::optional<asio::cancellation_signal> signal_;
};

} // namespace

BOOST_AUTO_TEST_CASE(callers_come_and_go_on_many_threads_and_nothing_is_lost)
{
    const unsigned seed = std::random_device{}();
    BOOST_TEST_MESSAGE("seed " << seed);
    counts seen;
    tally count;
    asio::thread_pool io(3), loads(2), runs(2), checks(1);
    const test::scratch_directory scratch;
    const std::filesystem::path file = scratch.path / "model";
    test::write_file(file, "g1");
    const backend_registry registry = touchy_registry(seen, file);
    cache_limits limits;
    limits.max_loaded_models = 2;
    limits.idle_timeout = 1ms;
    limits.max_wait = 1ms;
    limits.back_off_first = 1ms;
    limits.recheck = 1ms;
    limits.quiet_files = 0ns; // they never are
    backend_cache cache(asio::make_strand(io),
                        {loads.get_executor(), runs.get_executor(), checks.get_executor()},
                        registry, limits, {});

    constexpr int clients = 16, rounds = 200;
    auto all_ended = std::make_shared<std::promise<void>>();
    std::future<void> ended = all_ended->get_future();
    // The promise is broken, and so ready, when the last client lets go of it.
    for (unsigned i = 0; i != clients; ++i)
        std::make_shared<client>(io.get_executor(), cache, file, count, seed + i)
            ->start(rounds, all_ended);
    all_ended.reset();
    BOOST_TEST_REQUIRE((ended.wait_for(240s) == std::future_status::ready)); // a hang is a failure

    std::promise<bool> drained;
    asio::co_spawn(
        asio::make_strand(io), cache.drain(60s),
        [&](const std::exception_ptr& thrown, bool clean) { drained.set_value(!thrown && clean); });
    BOOST_TEST(drained.get_future().get());
    io.join(), loads.join(), runs.join(), checks.join();

    BOOST_TEST(count.surprised == 0);
    BOOST_TEST(count.answered + count.refused + count.cancelled == clients * rounds);
    BOOST_TEST(count.answered > 0);
    BOOST_TEST(seen.overlaps == 0);
    BOOST_TEST(seen.loads == seen.closes);
    BOOST_TEST(seen.loads == seen.destroyed);
    BOOST_TEST_MESSAGE(count.answered << " answered, " << count.refused << " refused, "
                                      << count.cancelled << " cancelled; " << seen.loads
                                      << " loads, " << seen.failed_loads << " failed loads");
}

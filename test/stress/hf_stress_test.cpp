// Backends of one loader under real threads: bases and adapters come and go, are asked, told to
// stop and measured, all at once. What it proves needs ThreadSanitizer; what it asserts holds
// without.

#include "support/demo_model.hpp"
#include "support/outcome_bits.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <random>
#include <thread>

using namespace warmd;
using namespace warmd::hf;

namespace {

/// Threads that run what backends post, as the daemon's workers do.
class workers {
public:
    explicit workers(std::size_t threads)
    {
        while (threads_.size() != threads)
            threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    }
    void post(std::function<void()> job)
    {
        {
            const std::lock_guard lock(mutex_);
            jobs_.push_back(std::move(job));
        }
        posted_.notify_one();
    }

private:
    void work(const std::stop_token& stop)
    {
        for (;;) {
            std::unique_lock lock(mutex_);
            if (!posted_.wait(lock, stop, [&] { return !jobs_.empty(); }))
                return;
            const auto job = std::move(jobs_.front());
            jobs_.pop_front();
            lock.unlock();
            job();
        }
    }

    std::mutex mutex_;
    std::condition_variable_any posted_;
    std::deque<std::function<void()>> jobs_;
    std::vector<std::jthread> threads_; // last: they end before the rest goes
};

/// What is still to come. May be destroyed once wait() has returned.
class remainder {
public:
    explicit remainder(std::size_t left = 0) : left_(left) {}

    void one_more()
    {
        const std::lock_guard lock(mutex_);
        ++left_;
    }
    void one_less()
    {
        const std::lock_guard lock(mutex_);
        if (--left_ == 0)
            none_.notify_all();
    }
    void wait()
    {
        std::unique_lock lock(mutex_);
        none_.wait(lock, [&] { return left_ == 0; });
    }

private:
    std::mutex mutex_;
    std::condition_variable none_;
    std::size_t left_;
};

/// A loaded model, closed as the daemon does it: when its calls are completed and its jobs ended.
class resident {
public:
    resident(const loader& by, const model_spec& spec, workers& on)
    {
        load_context context{.stop = {}, .progress = [](std::uint64_t, std::uint64_t) {}};
        context.worker.post = [this, &on](std::function<void()> job) {
            jobs_.one_more();
            on.post([this, job = std::move(job)] {
                job();
                jobs_.one_less();
            });
        };
        model_ = by.load(by.resolve(spec, {}).value(), context).value();
    }
    ~resident()
    {
        jobs_.wait();
        model_->close();
    }
    resident(const resident&) = delete;
    resident& operator=(const resident&) = delete;

    backend& model() { return *model_; }

private:
    remainder jobs_;
    std::unique_ptr<backend> model_;
};

/// What is asked, on prompts that begin alike.
std::vector<operation> questions()
{
    std::vector<text_or_ids> prompts;
    for (const token_id own : {5, 6, 7}) {
        auto ids = some_ids(90, 3);
        ids.push_back(own);
        prompts.emplace_back(std::move(ids));
    }
    const view base{view::mode::base};
    return {next_token{base, prompts, 8},
            next_token{{}, prompts, 8},
            rolling_logprob{{}, prompts},
            rolling_logprob{base, {some_ids(300, 3)}},
            diverge{.prompts = prompts},
            generate{.through = {}, .prompt = some_ids(70, 3), .max_new_tokens = 20},
            generate{.through = base,
                     .prompt = some_ids(40, 3),
                     .max_new_tokens = 30,
                     .temperature = 1,
                     .seed = 4}};
}

/// The answer of a model that is asked nothing else.
outcome answer_alone(backend& model, const operation& what)
{
    std::promise<result<outcome>> answer;
    auto told = answer.get_future();
    model.submit({.what = what,
                  .stop = {},
                  .complete = [answer = std::move(answer)](result<outcome> came) mutable {
                      answer.set_value(std::move(came));
                  }});
    return told.get().value();
}

/// Some calls of one client: each may be told to stop, before it begins, when it does, between two
/// tokens, or at any moment.
class some_calls {
public:
    some_calls(const std::vector<operation>& questions, const std::vector<std::string>& right,
               std::uint64_t origin)
        : questions_(questions), right_(right), origin_(origin)
    {
    }

    /// Submits them and waits until all are completed; how many were wrong.
    int ask(backend& model, std::minstd_rand& random)
    {
        for (one& each : calls_)
            submit(model, each, random);
        for (std::size_t i = 0; i != calls_.size() / 2; ++i)
            if (random() % 3 == 0)
                stop(calls_[random() % calls_.size()]);
        told_.wait();
        return wrong_;
    }

private:
    struct one {
        std::stop_source stop{};
        std::atomic<bool> stopped = false; // before `stop` is told
    };

    static void stop(one& which)
    {
        which.stopped = true;
        which.stop.request_stop();
    }
    void submit(backend& model, one& as, std::minstd_rand& random)
    {
        const std::size_t which = random() % questions_.size();
        call made{.what = questions_[which],
                  .stop = as.stop.get_token(),
                  .complete = [this, &as, which](result<outcome> came) { note(as, which, came); },
                  .origin = origin_,
                  .priority = random() % 3 == 0 ? call_priority::batch : call_priority::interactive,
                  .fresh = random() % 4 == 0};
        const auto when = random() % 8;
        if (when == 0)
            stop(as);
        if (when == 1)
            made.on_start = [&as] { stop(as); };
        if (when == 2)
            made.on_token = [&as](const generated_token&) { stop(as); };
        model.submit(std::move(made));
    }
    void note(const one& of, std::size_t which, const result<outcome>& came)
    {
        const bool honest = came ? bits_of(*came) == right_[which]
                                 : of.stopped && came.error().code == errc::cancelled;
        wrong_ += honest ? 0 : 1;
        told_.one_less();
    }

    static constexpr std::size_t count = 8;
    const std::vector<operation>& questions_;
    const std::vector<std::string>& right_;
    const std::uint64_t origin_;
    std::array<one, count> calls_;
    remainder told_{count};
    std::atomic<int> wrong_ = 0;
};

std::vector<token_id> best_tokens(backend& model)
{
    return ask<distributions>(model, next_token{{}, {"Once upon", "The database"}, 5})
        .slices.at(1)
        .value()
        .token_ids;
}

} // namespace

BOOST_AUTO_TEST_CASE(
    bases_and_adapters_that_come_and_go_at_once_answer_alike_and_say_what_they_hold)
{
    const std::array<model_spec, 3> specs{spec_of(demo / "model"),
                                          spec_of(demo / "model", demo / "adapter"),
                                          spec_of(demo / "model", demo / "adapter-early-05")};
    struct truth {
        std::vector<token_id> best;
        std::uint64_t bytes;
    };
    const loader by = hf_loader();
    std::array<truth, 3> right;
    for (std::size_t i = 0; i != specs.size(); ++i) {
        const auto model = load_with(by, specs[i]).value();
        right[i].bytes = model->bytes().all;
        right[i].best = best_tokens(*model);
    }
    std::atomic<int> wrong_answers = 0, wrong_sizes = 0;
    const auto come_and_go = [&](unsigned seed) {
        std::minstd_rand random(seed);
        for (int round = 0; round != 30; ++round) {
            const std::size_t which = random() % specs.size();
            const auto model = load_with(by, specs[which]).value();
            for (std::size_t times = random() % 3; times != 0; --times)
                wrong_answers += best_tokens(*model) != right[which].best;
            const std::uint64_t bytes = model->bytes().all, alone = right[which].bytes;
            wrong_sizes += bytes < alone * 9 / 10 ||
                           bytes > alone * 2; // others' caches are among it, and come and go
            model->close();
        }
    };
    {
        std::vector<std::jthread> threads;
        for (unsigned i = 0; i != 3; ++i)
            threads.emplace_back(come_and_go, i + 1);
    }
    BOOST_TEST(wrong_answers == 0);
    BOOST_TEST(wrong_sizes == 0);
}

BOOST_AUTO_TEST_CASE(
    each_call_that_threads_submit_while_models_come_and_go_is_answered_right_or_was_told_to_stop)
{
    const std::array<model_spec, 3> specs{spec_of(demo / "model"),
                                          spec_of(demo / "model", demo / "adapter"),
                                          spec_of(demo / "model", demo / "adapter-early-05")};
    workers pool(2);
    const loader by = hf_loader({}, {.step_seconds = 0.001,
                                     .prefix_cache_bytes = 1 << 20, // soon full
                                     .answer_cache_bytes = 1 << 12});
    const std::vector<operation> asked = questions();
    std::array<std::vector<std::string>, 3> right;
    for (std::size_t i = 0; i != specs.size(); ++i) {
        resident one(hf_loader(), specs[i], pool);
        for (const operation& each : asked)
            right[i].push_back(bits_of(answer_alone(one.model(), each)));
    }
    resident kept(by, specs[1], pool); // what all share
    std::atomic<int> wrong = 0;
    const auto client = [&](unsigned seed) {
        std::minstd_rand random(seed);
        for (int round = 0; round != 15; ++round) {
            const std::size_t which = random() % 4;
            if (which == 3) {
                wrong += some_calls(asked, right[1], seed).ask(kept.model(), random);
                (void)kept.model().now();
                continue;
            }
            resident own(by, specs[which], pool);
            wrong += some_calls(asked, right[which], seed).ask(own.model(), random);
            (void)own.model().bytes();
        }
    };
    {
        std::vector<std::jthread> threads;
        for (unsigned i = 0; i != 4; ++i)
            threads.emplace_back(client, i + 1);
    }
    BOOST_TEST(wrong == 0);
}

// Operations from a specification to their outcome, as whoever asks for them has it.

#include "cache/operations.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <optional>

using namespace warmd;
using namespace std::chrono_literals;

namespace {

/// A cache of dummy models, both executors stepped by hand on one thread.
struct asked_cache {
    asio::io_context io{1}, workers{1};
    backend_registry registry;
    std::optional<backend_cache> cache;

    asked_cache()
    {
        registry.add("dummy", dummy_loader());
        const asio::any_io_executor work = workers.get_executor();
        cache.emplace(io.get_executor(), worker_executors{work, work, work}, registry,
                      cache_limits(), logger());
    }
    ~asked_cache()
    {
        asio::co_spawn(io, cache->drain(1min), [](std::exception_ptr, bool) {});
        settle();
    }
    void settle()
    {
        do {
            io.restart();
            workers.restart();
        } while (io.poll() + workers.poll() != 0);
    }
    template <class T>
    result<T> answer_of(asio::awaitable<result<T>> asked)
    {
        std::optional<result<T>> told;
        asio::co_spawn(io, std::move(asked), [&](std::exception_ptr trouble, result<T> made) {
            BOOST_TEST(!trouble);
            told = std::move(made);
        });
        settle();
        BOOST_REQUIRE(told.has_value());
        return *told;
    }
};

const model_spec model{.kind = "dummy", .base = "a"};

} // namespace

BOOST_FIXTURE_TEST_CASE(an_operation_is_answered_with_its_typed_outcome, asked_cache)
{
    std::string key;
    run_options how;
    how.granted = [&](const residency& there) { key = there.model->key.text; };
    const auto made = answer_of(run(*cache, model, tokenize{"hi", false}, how));
    BOOST_REQUIRE(made.has_value());
    BOOST_TEST((std::get<tokens>(*made).ids == std::vector<token_id>{104, 105}));
    BOOST_TEST(key.starts_with("a-"), key);
}

BOOST_FIXTURE_TEST_CASE(who_asks_for_a_text_says_how_it_is_written, asked_cache)
{
    const auto write = [](const outcome& what) {
        return result<std::string>(std::to_string(std::get<tokens>(what).ids.size()));
    };
    BOOST_TEST(answer_of(run(*cache, model, tokenize{"hi", false}, {}, write)).value() == "2");
    const auto refuse = [](const outcome&) {
        return result<std::string>(failure{errc::too_large, "no"});
    };
    BOOST_TEST((answer_of(run(*cache, model, tokenize{"hi", false}, {}, refuse)).error().code ==
                errc::too_large));
}

BOOST_FIXTURE_TEST_CASE(what_is_over_the_limits_is_refused_before_anything_is_loaded, asked_cache)
{
    bool granted = false;
    run_options how{.limits = {.max_prompts = 1}};
    how.granted = [&](const residency&) { granted = true; };
    const auto made = answer_of(run(*cache, model, next_token{.prompts = {"a", "b"}}, how));
    BOOST_REQUIRE(!made);
    BOOST_TEST((made.error().code == errc::invalid_params));
    BOOST_TEST(!granted);
    BOOST_TEST(answer_of(run(*cache, {.kind = "none", .base = "a"}, tokenize{"x", true}, how))
                   .has_error());
}

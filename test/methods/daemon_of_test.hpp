#pragma once
// The methods through the dispatcher, on a cache of dummy models. Both executors are stepped by
// hand on one thread.

#include "base/time_source.hpp"
#include "methods/methods.hpp"
#include <warmd/json_writer.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <chrono>
#include <map>
#include <set>

namespace warmd::test {

using namespace std::chrono_literals;

inline json::value parsed(const std::string& text) { return parse_json(text).value(); }

struct fake_peer : request_peer {
    json::value the_id = 7;
    unsigned uid = ::geteuid();
    std::vector<std::pair<std::string, json::value>> heard;
    std::optional<std::chrono::nanoseconds> timeout;
    std::uint64_t number = 3;                           // of its connection
    std::vector<std::function<void(std::size_t)>> kept; // of subscriptions

    const json::value& id() const noexcept override { return the_id; }
    unsigned peer_uid() const noexcept override { return uid; }
    std::uint64_t origin() const noexcept override { return number; }
    void notify(std::string_view name, std::string params) override
    {
        heard.emplace_back(name, parsed(params));
    }
    void chunk(std::string text) override { heard.emplace_back("$/chunk", parsed(text)); }
    void set_timeout(std::chrono::nanoseconds limit) override { timeout = limit; }
    bool outlive_reply(std::function<void(std::size_t)> caught_up) override
    {
        if (kept.size() == 2)
            return false;
        kept.push_back(std::move(caught_up));
        return true;
    }
};

struct daemon_of_test {
    asio::io_context io{1}, workers{1};
    backend_registry registry;
    daemon_info info{.version = "1.2.3",
                     .started = std::chrono::steady_clock::now(),
                     .limits = {},
                     .draining = [this] { return draining; },
                     .shut_down = [this](auto grace) { shutdowns.push_back(grace); },
                     .reload = [this](auto told) { reloads.push_back(std::move(told)); }};
    std::optional<backend_cache> cache;
    dispatcher methods;
    bool draining = false;
    std::vector<std::optional<std::chrono::nanoseconds>> shutdowns;
    std::vector<std::function<void(result<model_changes>)>> reloads;
    std::shared_ptr<fake_peer> from = std::make_shared<fake_peer>();
    std::pair<std::string, std::string> asked; // method and parameters
    json_document given;                       // those parameters
    std::optional<result<std::string>> answered;

    explicit daemon_of_test(time_source time = real_time())
    {
        registry.add("dummy", dummy_loader());
        const asio::any_io_executor work = workers.get_executor();
        cache.emplace(io.get_executor(), worker_executors{work, work, work}, registry, info.limits,
                      logger(), std::move(time));
        add_methods(methods, *cache, info);
    }
    ~daemon_of_test()
    {
        asio::co_spawn(io, cache->drain(1min), [](std::exception_ptr, bool) {});
        settle();
        cache.reset();
        settle();
        BOOST_TEST(io.stopped());
        BOOST_TEST(workers.stopped());
    }

    void settle()
    {
        do {
            io.restart();
            workers.restart();
        } while (io.poll() + workers.poll() != 0);
    }
    void begin(std::string name, const std::string& params)
    {
        answered.reset();
        asked = {std::move(name), params};
        const rpc::request request{nullptr, asked.first, given.read(asked.second).value()};
        asio::co_spawn(io, methods.answer(request, from),
                       [this](std::exception_ptr trouble, result<std::string> reply) {
                           BOOST_TEST(!trouble);
                           answered = std::move(reply);
                       });
    }
    result<std::string> ask(std::string name, const std::string& params)
    {
        begin(std::move(name), params);
        settle();
        BOOST_REQUIRE(answered.has_value());
        return *answered;
    }
    json::value result_of(std::string name, const std::string& params = "{}")
    {
        const auto reply = ask(std::move(name), params);
        BOOST_REQUIRE_MESSAGE(reply.has_value(), (reply ? "" : reply.error().detail));
        return parsed(*reply);
    }
    failure refusal_of(std::string name, const std::string& params)
    {
        const auto reply = ask(name, params);
        BOOST_REQUIRE_MESSAGE(!reply, name + ' ' + params + " was not refused");
        return reply.error();
    }
    std::vector<std::string> loaded()
    {
        std::vector<std::string> bases;
        const json::value health = result_of("health");
        for (const json::value& model : health.at("loaded_models").as_array())
            bases.emplace_back(model.at("base").as_string());
        return bases;
    }
};

inline const std::string a = R"("model":{"kind":"dummy","base":"a"})",
                         b = R"("model":{"kind":"dummy","base":"b"})";
inline std::string with(const std::string& more, const std::string& model = a)
{
    return '{' + model + ',' + more + '}';
}
inline std::string only(const std::string& model) { return '{' + model + '}'; }

inline std::set<std::string> names_in(const json::value& object)
{
    std::set<std::string> names;
    for (const auto& member : object.as_object())
        names.emplace(member.key());
    return names;
}
using names = std::set<std::string>;

inline double number(const json::value& value) { return value.to_number<double>(); }

} // namespace warmd::test

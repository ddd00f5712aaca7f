#pragma once
// An HTTP conversation on a connection that is none: its client is the test.

#include "http/http_conversation.hpp"

#include "support/stepping.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace warmd::test {

using answer_of = asio::awaitable<result<std::string>>;

struct http_carried : carrier {
    using response = boost::beast::http::response<boost::beast::http::string_body>;

    explicit http_carried(session_limits bounds = {}) : limits(bounds)
    {
        add("echo", [](json::object given, std::shared_ptr<request_peer>) -> answer_of {
            co_return json::serialize(given);
        });
        add("fail", [](json::object given, std::shared_ptr<request_peer>) -> answer_of {
            const auto code = find_errc(std::string_view(given.at("code").as_string()));
            co_return failure{code.value(), "as asked"};
        });
        // Answers once its name is rung.
        add("wait", [this](json::object given, std::shared_ptr<request_peer>) -> answer_of {
            const std::string name(given.at("name").as_string());
            asio::steady_timer& bell =
                bells.try_emplace(name, io, asio::steady_timer::time_point::max()).first->second;
            ++waiting;
            try {
                co_await bell.async_wait(asio::use_awaitable);
            } catch (const boost::system::system_error&) {
                if (!rung.contains(name)) {
                    ++cancelled;
                    throw;
                }
            }
            co_return json::serialize(json::string(name));
        });
        add("health", [this](json::object, std::shared_ptr<request_peer>) -> answer_of {
            co_return R"({"status":")" + status + R"(","ready":true})";
        });
        add("who", [](json::object, std::shared_ptr<request_peer> from) -> answer_of {
            const std::chrono::duration<double> kept = from->keep_alive();
            co_return '[' + std::to_string(from->peer_uid()) + ',' + std::to_string(kept.count()) +
                ']';
        });
        add("metrics", [](json::object, std::shared_ptr<request_peer>) -> answer_of {
            co_return R"({"content_type":"text/plain; version=0.0.4","text":"warmd_x 1\n"})";
        });
        add("models", [](json::object, std::shared_ptr<request_peer>) -> answer_of {
            co_return R"({"models":[
                {"key":"1","model":{"base":"/b","adapter":"/a"},"max_model_len":512,
                 "state":"ready"},
                {"key":"2","model":{"base":"/other base"},"state":"loading"},
                {"key":"3","model":{"base":"/other base","adapter":"/c"},"state":"ready"}],
                "names":[{"name":"verses","model":{"base":"org/b","adapter":"/link"},"key":"1"},
                         {"name":"half","model":{"base":"/b","adapter":"/a","dtype":"bf16"},
                          "key":null},
                         {"name":"plain","model":{"base":"/b"},"key":"4"}]})";
        });
        talk = std::make_unique<http_conversation>(*this, methods, limits, logger());
    }
    virtual ~http_carried()
    {
        talk->stop();
        run_to_end(io);
        BOOST_TEST(talk->in_flight() == 0U);
        BOOST_TEST(methods.counted()->in_flight == 0U);
    }

    std::shared_ptr<void> hold() override { return {life, this}; }
    const io_executor& executor() const noexcept override { return on; }
    peer_name peer() const noexcept override { return {1, 0, 42}; }
    outbox& out() noexcept override { return unsent; }
    void wrote() override {}
    void request_ended() override {}
    void give_up(std::string_view why) noexcept override { BOOST_ERROR(std::string(why)); }

    template <class Run>
    void add(std::string name, Run run)
    {
        methods.add(std::move(name), {.at_once = {}, .read = [run](const json_node& given) {
                                          return job([run, value = given.value().as_object()](
                                                         std::shared_ptr<request_peer> from) {
                                              return run(value, std::move(from));
                                          });
                                      }});
    }

    void send(std::string_view bytes, std::size_t at_once = 1'000'000)
    {
        while (!bytes.empty()) {
            const std::span<char> space = talk->space();
            const std::size_t n = std::min({space.size(), bytes.size(), at_once});
            std::copy_n(bytes.begin(), n, space.begin());
            talk->filled(n);
            bytes.remove_prefix(n);
            work();
        }
    }
    void work()
    {
        do {
            ++turns;
            turn left;
            asio::dispatch(io, [&] { last = talk->work(left); });
            settle(io);
        } while (last == conversation::standing::unfinished ||
                 (last == conversation::standing::full && talk->has_room()));
    }
    void ring(const std::string& name)
    {
        rung[name] = true;
        bells.at(name).cancel();
        settle(io);
        work();
    }
    std::string received()
    {
        std::string all;
        for (std::string_view next; !(next = unsent.next()).empty(); unsent.sent(next.size()))
            all += next;
        return all;
    }
    /// The responses since the last call. `heads`: to requests that have no bodies in them.
    std::vector<response> responses(bool heads = false)
    {
        std::string text = received();
        std::vector<response> all;
        while (!text.empty()) {
            boost::beast::http::response_parser<boost::beast::http::string_body> parser;
            parser.eager(true);
            parser.skip(heads);
            boost::system::error_code ec;
            const std::size_t used = parser.put(boost::asio::buffer(text), ec);
            BOOST_REQUIRE_MESSAGE(!ec && parser.is_done(), ec.message() << " in " << text);
            text.erase(0, used);
            all.push_back(parser.release());
        }
        return all;
    }
    response only_response(bool head = false)
    {
        const auto all = responses(head);
        BOOST_REQUIRE_EQUAL(all.size(), 1U);
        return all.front();
    }
    response ask(std::string_view request)
    {
        send(request);
        return only_response();
    }

    asio::io_context io{1};
    const io_executor on = io.get_executor();
    const std::shared_ptr<void> life = std::make_shared<int>();
    dispatcher methods;
    session_limits limits;
    outbox unsent;
    std::map<std::string, asio::steady_timer> bells;
    std::map<std::string, bool> rung;
    std::string status = "ok";
    std::size_t waiting = 0, cancelled = 0, turns = 0;
    std::unique_ptr<http_conversation> talk;
    conversation::standing last{};
};

inline std::string get(std::string_view path, std::string_view fields = "")
{
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: warmd\r\n" + std::string(fields) +
           "\r\n";
}
inline std::string post(std::string_view path, std::string_view body,
                        std::string_view fields = "Content-Type: application/json\r\n")
{
    return "POST " + std::string(path) +
           " HTTP/1.1\r\nHost: warmd\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           std::string(fields) + "\r\n" + std::string(body);
}
inline std::string error_code_of(const http_carried::response& said)
{
    return std::string(parse_json(said.body()).value().at("error").at("code").as_string());
}

} // namespace warmd::test

// A hit, from the socket to the socket: what it answers, what it counts as, and what it costs.

#include "methods/methods.hpp"
#include "server/connection.hpp"

#include "support/stepping.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <new>

namespace {

std::size_t allocations = 0;

} // namespace

[[gnu::noinline]] void* operator new(std::size_t bytes)
{
    ++allocations;
    if (void* const made = std::malloc(bytes))
        return made;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* given) noexcept { std::free(given); }
[[gnu::noinline]] void operator delete(void* given, std::size_t) noexcept { std::free(given); }

using namespace warmd;
using namespace warmd::test;
using namespace std::chrono_literals;

namespace {

const std::string resident =
    R"({"kind":"dummy","base":"/models/a-directory-with-a-rather-long-name",)"
    R"("adapter":"/adapters/another-long-name"})";

std::string load_of(const std::string& model, const std::string& more = "")
{
    return R"({"jsonrpc":"2.0","id":1,"method":"load","params":{"model":)" + model + more + "}}\n";
}

/// A connection before a cache of dummy models, and its client.
using local_socket = asio::basic_stream_socket<asio::local::stream_protocol, io_executor>;

struct daemon_of_test {
    explicit daemon_of_test(const std::function<void(cache_limits&)>& change = [](cache_limits&) {})
    {
        change(info.limits);
        registry.add("dummy", dummy_loader());
        const asio::any_io_executor work = workers.get_executor();
        cache.emplace(io.get_executor(), worker_executors{work, work, work}, registry, info.limits,
                      logger());
        add_methods(methods, *cache, info);
        local_socket near(io);
        asio::local::connect_pair(near, client);
        client.non_blocking(true);
        serving = std::make_shared<connection>(io.get_executor(), near.release(), 0U,
                                               std::make_shared<poller>(io.get_executor()), methods,
                                               session_limits{}, logger());
        asio::dispatch(io, [this] { serving->start([] {}); });
    }
    ~daemon_of_test()
    {
        client.close();
        asio::co_spawn(io, cache->drain(1min), [](std::exception_ptr, bool) {});
        settle_all();
        cache.reset();
        settle_all();
    }
    void settle_all()
    {
        do {
            io.restart();
            workers.restart();
        } while (io.poll() + workers.poll() != 0);
    }
    /// How many bytes came back; they are in `reply`.
    std::size_t ask(std::string_view requests)
    {
        asio::write(client, asio::buffer(requests));
        settle_all();
        error_code ec;
        return client.read_some(asio::buffer(reply), ec);
    }
    json::value answer(const std::string& request)
    {
        return parse_json(std::string_view(reply.data(), ask(request))).value();
    }
    json::value result_of(const std::string& request) { return answer(request).at("result"); }
    json::value stats()
    {
        return result_of("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"stats\"}\n");
    }

    asio::io_context io{1}, workers{1};
    backend_registry registry;
    daemon_info info{.version = "1",
                     .started = {},
                     .limits = {},
                     .models = {},
                     .draining = [] { return false; },
                     .shut_down = {},
                     .reload = {}};
    std::optional<backend_cache> cache;
    dispatcher methods;
    local_socket client{io};
    std::shared_ptr<connection> serving;
    std::vector<char> reply = std::vector<char>(1 << 16);
};

} // namespace

BOOST_AUTO_TEST_CASE(a_hit_is_answered_as_the_load_was_but_for_cached)
{
    daemon_of_test d;
    json::value first = d.result_of(load_of(resident));
    BOOST_TEST(first.at("cached") == json::value(false));
    first.as_object()["cached"] = true;
    const json::value hit = d.result_of(load_of(resident));
    BOOST_TEST(hit == first);
    BOOST_TEST(d.result_of(load_of(resident)) == hit);
}

BOOST_AUTO_TEST_CASE(a_hit_counts_as_use)
{
    daemon_of_test d;
    const auto named = [](const std::string& base) {
        return R"({"kind":"dummy","base":"/)" + base + "\"}";
    };
    for (const char* base : {"a", "b", "a", "c"}) // room for two: the load of c evicts b
        d.ask(load_of(named(base)));
    BOOST_TEST(d.stats().at("hits_total") == json::value(1));
    BOOST_TEST(d.result_of(load_of(named("a"))).at("cached") == json::value(true));
    BOOST_TEST(d.result_of(load_of(named("b"))).at("cached") == json::value(false));
}

BOOST_AUTO_TEST_CASE(a_specs_members_are_not_left_for_the_next_hit)
{
    daemon_of_test d;
    const std::string plain = R"({"kind":"dummy","base":"/b"})";
    const std::string special =
        R"({"kind":"dummy","base":"/b","adapter":"/x","dtype":"fp32","device":"cpu",)"
        R"("entry_point":"e","options":{"bytes":5}})";
    d.ask(load_of(plain));
    d.ask(load_of(special));
    const json::value key = d.result_of(load_of(plain)).at("key");
    BOOST_TEST(d.result_of(load_of(special)).at("key") != key);
    BOOST_TEST(d.result_of(load_of(plain)).at("key") == key);
    BOOST_TEST(d.result_of(load_of(plain)).at("cached") == json::value(true));
}

BOOST_AUTO_TEST_CASE(the_same_words_lead_to_a_new_load_once_the_model_is_gone)
{
    daemon_of_test d;
    d.ask(load_of(resident));
    BOOST_TEST(d.result_of(load_of(resident)).at("cached") == json::value(true));
    d.ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"unload\",\"params\":{\"all\":true}}\n");
    BOOST_TEST(d.result_of(load_of(resident)).at("cached") == json::value(false));
    BOOST_TEST(d.result_of(load_of(resident)).at("cached") == json::value(true));
}

BOOST_AUTO_TEST_CASE(a_name_means_what_the_configuration_says_now)
{
    daemon_of_test d;
    const auto base_of = [&] { return d.result_of(load_of("\"m\"")).at("model").at("base"); };
    for (const std::string base : {"/a", "/b", "/a"}) {
        d.info.models["m"] = model_spec{.kind = "dummy", .base = base};
        for (int i = 0; i != 2; ++i)
            BOOST_TEST(base_of() == json::value(base));
    }
}

BOOST_AUTO_TEST_CASE(a_faulty_request_for_a_resident_model_is_refused)
{
    daemon_of_test d;
    d.ask(load_of(resident));
    for (const char* more : {R"(,"pin":1)", R"(,"timeout":0)", R"(,"nonsense":1)"})
        BOOST_TEST(d.answer(load_of(resident, more)).at("error").at("code") == json::value(-32602),
                   more);
}

BOOST_AUTO_TEST_CASE(hits_in_a_batch_are_answered_with_the_rest)
{
    daemon_of_test d;
    d.ask(load_of(resident));
    std::string request = load_of(resident);
    request.pop_back();
    const json::value all = d.answer('[' + request + ",1," + request + "]\n");
    BOOST_REQUIRE(all.as_array().size() == 3);
    BOOST_TEST(all.at(0).at("result").at("cached") == json::value(true));
    BOOST_TEST(all.at(1).as_object().contains("error"));
    BOOST_TEST(all.at(2) == all.at(0));
}

BOOST_AUTO_TEST_CASE(hits_and_health_allocate_nothing)
{
    daemon_of_test d([](cache_limits& limits) { limits.idle_timeout = 1h; });
    const std::string health = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"health\"}\n";
    for (const std::string& one :
         {load_of(resident), load_of(resident, R"(,"keep_alive":5.5,"timeout":1e1)"), health}) {
        d.ask(load_of(resident));
        std::string many;
        for (int i = 0; i != 16; ++i)
            many += one;
        for (int i = 0; i != 3; ++i) // buffers find their size
            d.ask(many);
        const std::size_t before = allocations;
        const std::size_t answered = d.ask(many);
        BOOST_TEST(allocations - before == 0U, one);
        BOOST_TEST(answered > many.size());
    }
}

#include "wire/dispatcher.hpp"

#include "support/stepping.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/json.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

using namespace warmd;
using namespace warmd::test;

namespace {

using answer_of = asio::awaitable<result<std::string>>;

answer_of echo(json::object params, std::shared_ptr<request_peer>)
{
    co_return json::serialize(params);
}
answer_of refuse(json::object, std::shared_ptr<request_peer>)
{
    co_return failure{errc::busy, "the line is full"};
}
answer_of fail(json::object, std::shared_ptr<request_peer>)
{
    throw std::logic_error("a bug");
    co_return std::string();
}
answer_of fail_strangely(json::object, std::shared_ptr<request_peer>)
{
    throw 7;
    co_return std::string();
}
answer_of abort(json::object, std::shared_ptr<request_peer>)
{
    throw boost::system::system_error(asio::error::operation_aborted);
    co_return std::string();
}

method run_by(answer_of (*how)(json::object, std::shared_ptr<request_peer>))
{
    return {.at_once = {}, .read = [how](const json_node& params) {
                return job([how, given = params.value().as_object()](
                               std::shared_ptr<request_peer> from) { return how(given, from); });
            }};
}

result<job> fail_to_read(const json_node&) { throw std::length_error("too long to read"); }

struct answered {
    std::optional<result<std::string>> reply;
    std::exception_ptr thrown;
};

/// The request is gone by the time its method runs.
asio::awaitable<result<std::string>> answer(const dispatcher& by, std::string name,
                                            std::string params)
{
    json_document given;
    const rpc::request request{nullptr, name, given.read(params).value()};
    auto begun = by.answer(request, nullptr);
    name.assign(name.size(), '?');
    params.assign(params.size(), '?');
    return begun;
}

answered ask(std::string name, std::string params = "{}")
{
    dispatcher methods;
    methods.add("echo", run_by(echo));
    methods.add("refuse", run_by(refuse));
    methods.add("fail", run_by(fail));
    methods.add("fail_strangely", run_by(fail_strangely));
    methods.add("abort", run_by(abort));
    methods.add("unreadable", {.at_once = {}, .read = fail_to_read});
    asio::io_context io{1};
    answered got;
    asio::co_spawn(io, answer(methods, std::move(name), std::move(params)),
                   [&got](std::exception_ptr thrown, result<std::string> reply) {
                       got.thrown = thrown;
                       got.reply = std::move(reply);
                   });
    run_to_end(io);
    BOOST_REQUIRE(got.reply.has_value());
    return got;
}

} // namespace

BOOST_AUTO_TEST_CASE(
    a_request_reaches_the_method_it_names_with_its_params_though_its_frame_has_gone)
{
    BOOST_TEST(ask("echo", R"({"a":1})").reply->value() == R"({"a":1})");
}

BOOST_AUTO_TEST_CASE(a_failure_is_passed_on_as_it_is)
{
    BOOST_TEST((ask("refuse").reply->error() == failure{errc::busy, "the line is full"}));
}

BOOST_AUTO_TEST_CASE(an_unknown_method_is_named_in_the_error)
{
    const failure why = ask("ech").reply->error();
    BOOST_TEST((why.code == errc::method_not_found));
    BOOST_TEST(why.detail == "there is no method 'ech'");
    BOOST_TEST(ask(std::string(1'000'000, 'x')).reply->error().detail.size() < 200);
}

BOOST_AUTO_TEST_CASE(a_method_that_throws_is_an_internal_error)
{
    const failure why = ask("fail").reply->error();
    BOOST_TEST((why.code == errc::internal_error));
    BOOST_TEST(why.detail == "method 'fail' failed: a bug");
    BOOST_TEST((ask("fail_strangely").reply->error().code == errc::internal_error));
    BOOST_TEST(ask("unreadable").reply->error().detail ==
               "method 'unreadable' failed: too long to read");
}

BOOST_AUTO_TEST_CASE(operation_aborted_travels)
{
    const answered got = ask("abort");
    BOOST_REQUIRE(got.thrown);
    BOOST_CHECK_EXCEPTION(
        std::rethrow_exception(got.thrown), boost::system::system_error,
        [](const auto& error) { return error.code() == asio::error::operation_aborted; });
}

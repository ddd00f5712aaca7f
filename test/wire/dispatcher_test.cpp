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

answer_of echo(json::object params, std::shared_ptr<caller>) { co_return json::serialize(params); }
answer_of refuse(json::object, std::shared_ptr<caller>)
{
    co_return failure{errc::busy, "the line is full"};
}
answer_of fail(json::object, std::shared_ptr<caller>)
{
    throw std::logic_error("a bug");
    co_return std::string();
}
answer_of fail_strangely(json::object, std::shared_ptr<caller>)
{
    throw 7;
    co_return std::string();
}
answer_of abort(json::object, std::shared_ptr<caller>)
{
    throw boost::system::system_error(asio::error::operation_aborted);
    co_return std::string();
}

method run_by(answer_of (*how)(json::object, std::shared_ptr<caller>))
{
    return {.at_once = {}, .run = [how](const json_node& params, std::shared_ptr<caller> from) {
                return how(params.value().as_object(), std::move(from));
            }};
}

struct answered {
    std::optional<result<std::string>> reply;
    std::exception_ptr thrown;
};

answered ask(std::string name, std::string_view params = "{}")
{
    json_document given;
    const rpc::request request{nullptr, name, given.read(params).value()};
    dispatcher methods;
    methods.add("echo", run_by(echo));
    methods.add("refuse", run_by(refuse));
    methods.add("fail", run_by(fail));
    methods.add("fail_strangely", run_by(fail_strangely));
    methods.add("abort", run_by(abort));
    asio::io_context io{1};
    answered got;
    asio::co_spawn(io, methods.answer(request, nullptr),
                   [&got](std::exception_ptr thrown, result<std::string> reply) {
                       got.thrown = thrown;
                       got.reply = std::move(reply);
                   });
    run_to_end(io);
    BOOST_REQUIRE(got.reply.has_value());
    return got;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_request_reaches_the_method_it_names_with_its_params)
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
}

BOOST_AUTO_TEST_CASE(operation_aborted_travels)
{
    const answered got = ask("abort");
    BOOST_REQUIRE(got.thrown);
    BOOST_CHECK_EXCEPTION(
        std::rethrow_exception(got.thrown), boost::system::system_error,
        [](const auto& error) { return error.code() == asio::error::operation_aborted; });
}

#include "wire/rpc.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <limits>

using namespace warmd;

namespace {

/// One message of a frame, as it outlives it.
struct message {
    std::optional<failure> why; // malformed
    json::value id;
    std::string id_text;
    bool notification = false;
    std::string method;
    json::object params;
};
struct messages {
    std::vector<message> items;
    bool batch = false;
};

messages read_all(std::string_view frame)
{
    static rpc::reader reader; // one for all: nothing of a frame may be left for the next
    reader.read(frame);
    messages all{{}, reader.batch()};
    while (const auto item = reader.next()) {
        message& made = all.items.emplace_back();
        const json_node* id = nullptr;
        if (const auto* request = std::get_if<rpc::request>(&*item)) {
            id = request->id;
            made.notification = request->notification();
            made.method = request->method;
            made.params = request->params->value().as_object();
        } else {
            id = std::get<rpc::malformed>(*item).id;
            made.why = std::get<rpc::malformed>(*item).why;
        }
        made.id = id ? id->value() : nullptr;
        rpc::append_id(made.id_text, id);
    }
    return all;
}

/// The only message of `frame`, which must be well-formed.
message request_in(std::string_view frame)
{
    messages read = read_all(frame);
    BOOST_REQUIRE_EQUAL(read.items.size(), 1U);
    BOOST_REQUIRE_MESSAGE(!read.items[0].why, frame);
    return read.items[0];
}

/// The only message of `frame`, which must not be one.
message malformed_in(std::string_view frame)
{
    messages read = read_all(frame);
    BOOST_REQUIRE_EQUAL(read.items.size(), 1U);
    BOOST_REQUIRE_MESSAGE(read.items[0].why, frame);
    return read.items[0];
}

json::value error_of(const failure& why)
{
    return parse_json(rpc::failure_text(1, why)).value().at("error");
}

} // namespace

BOOST_AUTO_TEST_CASE(a_request_is_read_whole)
{
    const message read =
        request_in(R"({"jsonrpc":"2.0","id":7,"method":"next_token","params":{"top_k":3}})");
    BOOST_TEST(read.id == json::value(7));
    BOOST_TEST(!read.notification);
    BOOST_TEST(read.method == "next_token");
    BOOST_TEST(read.params == (json::object{{"top_k", 3}}));
}

BOOST_AUTO_TEST_CASE(params_may_be_left_out_and_unknown_members_are_tolerated)
{
    BOOST_TEST(request_in(R"({"jsonrpc":"2.0","id":1,"method":"health"})").params.empty());
    BOOST_TEST(request_in(R"({"trace":[1],"method":"health","id":1,"jsonrpc":"2.0"})").method ==
               "health");
}

BOOST_AUTO_TEST_CASE(without_an_id_it_is_a_notification_and_with_a_null_one_it_is_not)
{
    BOOST_TEST(request_in(R"({"jsonrpc":"2.0","method":"m"})").notification);
    const message null = request_in(R"({"jsonrpc":"2.0","id":null,"method":"m"})");
    BOOST_TEST(!null.notification);
    BOOST_TEST(null.id.is_null());
    BOOST_TEST(null.id_text == "null");
}

BOOST_AUTO_TEST_CASE(every_string_and_number_is_an_id_and_is_echoed_as_it_was_written)
{
    for (const char* id :
         {"0", "-1", "9223372036854775807", "18446744073709551615", "18446744073709551616", "1.5",
          "1.50", "-0.0", "123456789012345678901234567890", "1e400", "1E+2", "\"\"", "\"7\"",
          "\"a \\\"b\\\" \\n\"", "null"}) {
        const std::string single =
            R"({"jsonrpc":"2.0","params":{"id":2.5},"id":)" + std::string(id) + R"(,"method":"m"})";
        BOOST_TEST(request_in(single).id_text == id);
        const messages batch =
            read_all("[1.5,[{\"id\":3.5}]," + single + ",{\"id\":6.25}," + single + ']');
        BOOST_TEST(batch.items.size() == 5);
        BOOST_TEST(batch.items[2].id_text == id);
        BOOST_TEST(batch.items[3].id_text == "6.25");
        BOOST_TEST(batch.items[4].id_text == id);
    }
    BOOST_TEST(request_in(R"({"jsonrpc":"2.0","id":1.25,"i\u0064":2.50,"method":"m"})").id_text ==
               "2.50"); // the last one counts
}

BOOST_AUTO_TEST_CASE(an_id_of_another_type_is_an_invalid_request_with_a_null_id)
{
    for (const char* id : {"true", "[1]", "{\"a\":1}"}) {
        const message read =
            malformed_in(R"({"jsonrpc":"2.0","method":"m","id":)" + std::string(id) + '}');
        BOOST_TEST((read.why->code == errc::invalid_request));
        BOOST_TEST(read.id.is_null());
        BOOST_TEST(read.id_text == "null");
    }
}

BOOST_AUTO_TEST_CASE(jsonrpc_must_be_the_string_2_0)
{
    for (const char* version : {"", R"("jsonrpc":"1.0",)", R"("jsonrpc":2.0,)",
                                R"("jsonrpc":"2.00",)", R"("jsonrpc":null,)"}) {
        const message read = malformed_in("{" + std::string(version) + R"("id":"a","method":"m"})");
        BOOST_TEST((read.why->code == errc::invalid_request));
        BOOST_TEST(read.why->detail.find("jsonrpc") != std::string::npos);
        BOOST_TEST(read.id_text == "\"a\"");
    }
}

BOOST_AUTO_TEST_CASE(method_must_be_a_string)
{
    for (const char* method :
         {"", R"(,"method":1)", R"(,"method":null)", R"(,"method":["m"])", R"(,"result":1)"}) {
        const message read = malformed_in(R"({"jsonrpc":"2.0","id":4)" + std::string(method) + "}");
        BOOST_TEST((read.why->code == errc::invalid_request));
        BOOST_TEST(read.id == json::value(4));
    }
    // without an id, whether a request or a notification was meant cannot be told: answered with
    // null
    BOOST_TEST(malformed_in(R"({"jsonrpc":"2.0","method":1,"params":"bar"})").id.is_null());
}

BOOST_AUTO_TEST_CASE(params_in_an_array_are_invalid_params_with_the_requests_id)
{
    const message read = malformed_in(R"({"jsonrpc":"2.0","id":5,"method":"m","params":[1]})");
    BOOST_TEST((read.why->code == errc::invalid_params));
    BOOST_TEST(read.id_text == "5");
}

BOOST_AUTO_TEST_CASE(a_notification_with_params_in_an_array_is_not_answered)
{
    BOOST_TEST(read_all(R"({"jsonrpc":"2.0","method":"m","params":[1]})").items.empty());
}

BOOST_AUTO_TEST_CASE(params_of_another_type_are_an_invalid_request)
{
    for (const char* params : {"1", "\"x\"", "null", "true"}) {
        const message read = malformed_in(R"({"jsonrpc":"2.0","id":5,"method":"m","params":)" +
                                          std::string(params) + '}');
        BOOST_TEST((read.why->code == errc::invalid_request));
        BOOST_TEST(read.id_text == "5");
    }
}

BOOST_AUTO_TEST_CASE(what_is_not_json_is_a_parse_error_with_a_null_id)
{
    const std::string deep(max_json_depth + 1, '[');
    for (const std::string& frame :
         {std::string(), std::string("{"), std::string("[1,"), std::string("{\"id\":1}{"),
          deep + std::string(deep.size(), ']'),
          std::string("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}")}) {
        const message read = malformed_in(frame);
        BOOST_TEST((read.why->code == errc::parse_error));
        BOOST_TEST(read.id.is_null());
    }
}

BOOST_AUTO_TEST_CASE(a_message_that_is_no_object_is_an_invalid_request)
{
    for (const char* frame : {"1", "\"x\"", "null", "true"})
        BOOST_TEST((malformed_in(frame).why->code == errc::invalid_request));
}

BOOST_AUTO_TEST_CASE(a_batch_is_read_item_by_item)
{
    const messages read =
        read_all(R"([{"jsonrpc":"2.0","id":1,"method":"a"},1,{"foo":"boo"},{"jsonrpc":"2.0",)"
                 R"("method":"b"},[]])");
    BOOST_TEST(read.batch);
    BOOST_TEST(read.items.size() == 5);
    BOOST_TEST(read.items[0].method == "a");
    for (const std::size_t bad : {1U, 2U, 4U}) {
        BOOST_TEST((read.items[bad].why->code == errc::invalid_request));
        BOOST_TEST(read.items[bad].id.is_null());
    }
    BOOST_TEST(read.items[3].notification);
}

BOOST_AUTO_TEST_CASE(an_empty_batch_is_one_invalid_request)
{
    BOOST_TEST(!read_all("[]").batch);
    BOOST_TEST((malformed_in(" [ ] ").why->code == errc::invalid_request));
}

BOOST_AUTO_TEST_CASE(a_batch_is_bounded)
{
    const auto batch_of = [](std::size_t items) {
        std::string text = "[1";
        for (std::size_t i = 1; i != items; ++i)
            text += ",1";
        return text + ']';
    };
    BOOST_TEST(read_all(batch_of(rpc::max_batch_items)).items.size() == rpc::max_batch_items);
    BOOST_TEST(malformed_in(batch_of(rpc::max_batch_items + 1)).why->detail.find("65537") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(texts_have_the_shape_of_the_specification)
{
    BOOST_TEST(rpc::success_text(7, "[1,2]") == R"({"jsonrpc":"2.0","id":7,"result":[1,2]})");
    BOOST_TEST(rpc::success_text("a\"b", "{}") == R"({"jsonrpc":"2.0","id":"a\"b","result":{}})");
    BOOST_TEST(rpc::success_text(1.5, "{}") == R"({"jsonrpc":"2.0","id":1.5,"result":{}})");
    BOOST_TEST(rpc::notification_text("$/progress", R"({"id":1})") ==
               R"({"jsonrpc":"2.0","method":"$/progress","params":{"id":1}})");
    BOOST_TEST(rpc::request_text(1, "health", "{}") ==
               R"({"jsonrpc":"2.0","id":1,"method":"health","params":{}})");
    BOOST_TEST(
        rpc::failure_text(nullptr, failure{errc::parse_error, "no \"json\""}) ==
        R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no \"json\"","data":)"
        R"({"kind":"parse_error"}}})");
}

BOOST_AUTO_TEST_CASE(a_request_survives_the_round_trip)
{
    const message read = request_in(rpc::request_text("x", "load", R"({"model":{"base":"/m"}})"));
    BOOST_TEST(read.id == json::value("x"));
    BOOST_TEST(read.method == "load");
    BOOST_TEST(read.params.at("model").at("base") == json::value("/m"));
}

BOOST_AUTO_TEST_CASE(error_data_says_what_is_known)
{
    BOOST_TEST(error_of({errc::not_found, "no /m"}).at("data") ==
               (json::value{{"kind", "not_found"}}));
    BOOST_TEST(error_of({errc::load_failed, "no", "bad header", true, 2.5}).at("data") ==
               (json::value{{"kind", "load_failed"},
                            {"cause", "bad header"},
                            {"cached", true},
                            {"retry_after_seconds", 2.5}}));
    BOOST_TEST(error_of({errc::load_failed, "no"}).at("data") ==
               (json::value{{"kind", "load_failed"}, {"cached", false}}));
    BOOST_TEST(error_of({.code = errc::invalid_params,
                         .cause = "raised",
                         .in_template = template_place{"default", 3}})
                   .at("data") == (json::value{{"kind", "invalid_params"},
                                               {"cause", "raised"},
                                               {"template", "default"},
                                               {"line", 3}}));
    BOOST_TEST(error_of({.code = errc::busy, .retry_after_seconds = 1}).at("message") ==
               json::value("busy"));
}

BOOST_AUTO_TEST_CASE(an_error_is_utf_8_whatever_it_quotes)
{
    BOOST_TEST(error_of({errc::not_found, "no /caf\xC3\xA9"}).at("message") ==
               json::value("no /caf\xC3\xA9"));
    BOOST_TEST(error_of({errc::load_failed, "no /\xff\xC3", "\xE2\x82"}).at("message") ==
               json::value(R"(no /\xff\xc3)"));
}

BOOST_AUTO_TEST_CASE(every_error_has_the_code_of_the_contract)
{
    const std::pair<errc, int> table[] = {
        {errc::parse_error, -32700},       {errc::invalid_request, -32600},
        {errc::method_not_found, -32601},  {errc::invalid_params, -32602},
        {errc::internal_error, -32603},    {errc::not_found, -32001},
        {errc::load_failed, -32002},       {errc::busy, -32003},
        {errc::timeout, -32004},           {errc::too_large, -32005},
        {errc::all_pinned, -32006},        {errc::shutting_down, -32007},
        {errc::permission_denied, -32008}, {errc::unsupported, -32009},
        {errc::frame_too_large, -32010},   {errc::backend_failed, -32011},
        {errc::cancelled, -32800}};
    for (const auto& [code, number] : table) {
        BOOST_TEST(rpc::wire_code(code) == number);
        BOOST_TEST(error_of({code, "x"}).at("code") == json::value(number));
        BOOST_TEST(error_of({code, "x"}).at("data").at("kind") ==
                   json::value(std::string(name(code))));
    }
}

// Which bytes are HTTP requests, and which are refused.

#include "http/http_inbox.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace warmd;

namespace {

std::string text_of(const http_inbox::event& came)
{
    if (const auto* request = std::get_if<http_request>(&came))
        return std::string(request->method_string()) + ' ' + std::string(request->target()) + ' ' +
               request->body();
    if (const auto* bad = std::get_if<http_inbox::unreadable>(&came))
        return std::to_string(bad->status);
    if (std::holds_alternative<http_inbox::waits_to_send>(came))
        return "waits";
    return std::holds_alternative<http_inbox::ended>(came) ? "ended" : "nothing";
}

/// What a client that sends this and goes is found to have said, in pieces of so many bytes.
std::string heard(std::string_view bytes, std::size_t at_once = 100'000)
{
    http_inbox in(1000);
    std::string all;
    const auto hear = [&] {
        for (std::string one; (one = text_of(in.next())) != "nothing" && one != "ended";)
            all += one + '\n';
    };
    while (!bytes.empty()) {
        const std::span<char> space = in.space();
        const std::size_t n = std::min({space.size(), bytes.size(), at_once});
        std::copy_n(bytes.begin(), n, space.begin());
        in.filled(n);
        bytes.remove_prefix(n);
        hear();
    }
    in.end();
    hear();
    return all;
}

const std::string post = "POST / HTTP/1.1\r\nHost: x\r\n";

struct refused {
    std::string_view name, status;
    std::string text;
    friend std::ostream& operator<<(std::ostream& out, const refused& of) { return out << of.name; }
};
const std::vector<refused> bad{
    {"both lengths", "400", post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"},
    {"the other way round", "400",
     post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n"},
    {"two lengths", "400", post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"},
    {"a list of lengths", "400", post + "Content-Length: 3, 4\r\n\r\nabcd"},
    {"a negative length", "400", post + "Content-Length: -1\r\n\r\n"},
    {"a signed length", "400", post + "Content-Length: +1\r\n\r\na"},
    {"a huge length", "400", post + "Content-Length: 99999999999999999999\r\n\r\n"},
    {"a long body", "413", post + "Content-Length: 1001\r\n\r\n"},
    {"many chunks", "413",
     post + "Transfer-Encoding: chunked\r\n\r\n300\r\n" + std::string(0x300, 'a') + "\r\n300\r\n" +
         std::string(0x300, 'a') + "\r\n0\r\n\r\n"},
    {"another coding", "501", post + "Transfer-Encoding: gzip\r\n\r\n"},
    {"a coding twice", "501", post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"},
    {"a coding before", "501", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
    {"nearly chunked", "501", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
    {"a coding in 1.0", "400", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"a chunk of no length", "400", post + "Transfer-Encoding: chunked\r\n\r\n\r\nabc"},
    {"a chunk of letters", "400", post + "Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc"},
    {"a chunk too long", "400",
     post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc"},
    {"a chunk that goes on", "400", post + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n"},
    {"a line without an end", "400",
     post + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(40'000, 'e')},
    {"no Host", "400", "GET / HTTP/1.1\r\n\r\n"},
    {"two Hosts", "400", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
    {"a blank before the colon", "400", "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
    {"a line of its own ends", "400", "GET / HTTP/1.1\nHost: a\n\n"},
    {"a NUL", "400", std::string("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 29)},
    {"a large header", "431", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'x')},
    {"a large path", "431", "GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\n"},
    {"no HTTP", "400", "GET http\r\n\r\n"},
    {"HTTP/2", "400", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}};

} // namespace

BOOST_AUTO_TEST_CASE(requests_come_one_after_the_other_however_they_are_cut)
{
    const std::string all = "\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n" + post +
                            "Content-Length: 3\r\n\r\nabc" + post +
                            "Transfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n";
    for (const std::size_t at_once : {1U, 2U, 3U, 7U, 50U, 1000U})
        BOOST_TEST(heard(all, at_once) == "GET /a \nPOST / abc\nPOST / def\n");
}

BOOST_AUTO_TEST_CASE(the_same_length_twice_is_refused_or_read_as_one)
{
    const std::string said = heard(post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc");
    BOOST_TEST((said == "400\n" || said == "POST / abc\n"), said);
}

BOOST_DATA_TEST_CASE(what_may_be_read_in_two_ways_or_is_too_large_is_refused_and_nothing_after_it,
                     boost::unit_test::data::make(bad), one)
{
    const std::string after = "\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    for (const std::size_t at_once : {1U, 100'000U})
        BOOST_TEST(heard(one.text + after, at_once) == std::string(one.status) + '\n');
}

BOOST_AUTO_TEST_CASE(what_is_not_whole_when_the_client_ends_was_no_request)
{
    BOOST_TEST(heard("GET / HT") == "");
    BOOST_TEST(heard(post + "Content-Length: 3\r\n\r\nab") == "");
}

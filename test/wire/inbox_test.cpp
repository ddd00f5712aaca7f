#include "wire/inbox.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace warmd;

namespace {

/// What comes out, as words: a request by its method.
std::string word(const inbox::event& came)
{
    if (const auto* request = std::get_if<rpc::request>(&came))
        return std::string(request->method);
    if (const auto* bad = std::get_if<rpc::malformed>(&came))
        return '!' + std::string(name(bad->why.code));
    if (const auto* end = std::get_if<inbox::unreadable>(&came))
        return "unreadable:" + std::string(name(end->why.code));
    return std::holds_alternative<inbox::busy>(came)           ? "busy"
           : std::holds_alternative<inbox::batch_begins>(came) ? "["
           : std::holds_alternative<inbox::batch_ends>(came)   ? "]"
           : std::holds_alternative<inbox::ended>(came)        ? "ended"
                                                               : "nothing";
}

struct read_from {
    explicit read_from(std::size_t max_frame = 1 << 20) : in(max_frame) {}

    void feed(std::string_view bytes)
    {
        while (!bytes.empty()) {
            const std::span<char> space = in.space();
            const std::size_t n = std::min(space.size(), bytes.size());
            std::copy_n(bytes.begin(), n, space.begin());
            in.filled(n);
            bytes.remove_prefix(n);
            if (!bytes.empty())
                read();
        }
        read();
    }
    void read()
    {
        for (std::string next; (next = word(in.next())) != "nothing";) {
            busy += next == "busy";
            words += next == "busy" ? "" : next + ' ';
            if (next == "ended")
                break;
        }
    }

    inbox in;
    std::string words;
    std::size_t busy = 0;
};

std::string message(std::string_view method)
{
    return R"({"jsonrpc":"2.0","id":1,"method":")" + std::string(method) + "\"}";
}

} // namespace

BOOST_AUTO_TEST_CASE(messages_come_out_in_order_and_batches_with_their_begin_and_end)
{
    read_from r;
    r.feed(message("a") + "\n[" + message("b") + ",1," + message("c") + "]\n7\n[]\n" +
           message("d"));
    BOOST_TEST(r.words == "a [ b !invalid_request c ] !invalid_request !invalid_request ");
    r.words.clear();
    r.in.end(inbox::ending::by_client);
    r.read();
    BOOST_TEST(r.words == "d ended ");
    BOOST_TEST(r.in.frames() == 5U);
}

BOOST_AUTO_TEST_CASE(a_line_that_we_cut_off_is_no_frame_and_what_is_whole_is_read)
{
    read_from r;
    const std::string half = message("b").substr(0, 20);
    const std::span<char> space = r.in.space();
    const std::string bytes = message("a") + '\n' + half;
    std::copy(bytes.begin(), bytes.end(), space.begin());
    r.in.filled(bytes.size());
    r.in.end(inbox::ending::by_us);
    r.read();
    BOOST_TEST(r.words == "a ended ");
}

BOOST_AUTO_TEST_CASE(a_frame_that_cannot_be_read_is_said_once_and_nothing_comes_after_it)
{
    read_from r(1024);
    r.feed(message("a") + '\n' + std::string(2000, '[') + '\n' + message("b") + '\n');
    BOOST_TEST(r.words == "a unreadable:frame_too_large ended ");
    BOOST_TEST(r.in.refused());
    BOOST_TEST(!r.in.in_frame());
}

BOOST_AUTO_TEST_CASE(what_comes_after_a_refusal_is_thrown_away_and_takes_no_memory)
{
    read_from r(1 << 20);
    r.feed("nonsense\n" + message("a") + '\n');
    BOOST_TEST(r.words == "unreadable:parse_error ended ");
    for (int megabytes = 0; megabytes != 10; ++megabytes) {
        for (std::size_t come = 0; come < 1 << 20; come += r.in.space().size()) {
            const std::span<char> space = r.in.space();
            BOOST_TEST_REQUIRE(space.size() <= 64U * 1024);
            std::fill(space.begin(), space.end(), '\n');
            r.in.filled(space.size());
            BOOST_TEST_REQUIRE(word(r.in.next()) == "ended");
        }
        BOOST_TEST_REQUIRE(r.in.refused());
    }
    r.in.end(inbox::ending::by_client);
    BOOST_TEST(!r.in.refused());
    BOOST_TEST(word(r.in.next()) == "ended");
}

BOOST_AUTO_TEST_CASE(a_frame_is_under_way_from_its_first_byte_to_its_last)
{
    read_from r;
    BOOST_TEST(!r.in.in_frame());
    r.feed("{");
    BOOST_TEST(r.in.in_frame());
    r.feed("}\n");
    BOOST_TEST(!r.in.in_frame());
}

BOOST_AUTO_TEST_CASE(a_large_frame_is_read_in_steps_and_comes_out_as_a_small_one_does)
{
    read_from r(4 << 20);
    std::string numbers = "[1";
    for (int i = 0; i != 100'000; ++i)
        numbers += ",[1,\"\\u00e9\"]";
    const std::string large = R"({"jsonrpc":"2.0","id":1,"method":"m","params":{"n":)" + numbers;
    r.feed('[' + large + "]}}," + message("b") + "]\n" + large + "]}}\n" + large + "}}\n" +
           message("c") + '\n');
    BOOST_TEST(r.words == "[ m b ] m !parse_error c ");
    BOOST_TEST(r.busy >= 3 * 200'000 / inbox::values_in_a_row);
}

BOOST_AUTO_TEST_CASE(where_a_large_frame_is_no_json_is_found_in_steps_and_its_memory_goes_in_steps)
{
    constexpr std::size_t values = 1'000'000; // 32 MB of nodes
    std::string zeros = "[0";
    for (std::size_t i = 1; i != values; ++i)
        zeros += ",0";
    read_from sound(4 << 20), unsound(4 << 20);
    sound.feed(zeros + "]\n");
    unsound.feed(zeros + ",]\n");
    BOOST_TEST(sound.words == "!invalid_request "); // more than a batch may have
    BOOST_TEST(unsound.words == "!parse_error ");
    BOOST_TEST(sound.busy >= values / inbox::values_in_a_row + 3);
    BOOST_TEST(unsound.busy >= sound.busy + 2 * values / (16 * inbox::values_in_a_row));
}

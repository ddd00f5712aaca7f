#include "wire/outbox.hpp"

#include <boost/test/unit_test.hpp>

using namespace warmd;

namespace {

constexpr std::size_t piece = text_queue::piece_bytes;

/// All of it, in uses of at most `most` bytes.
std::string read_through(text_queue& from, std::size_t most)
{
    std::string all;
    for (std::string_view next; !(next = from.front()).empty();) {
        next = next.substr(0, most);
        all += next;
        from.use(next.size());
    }
    return all;
}

std::string all_of(outbox& from)
{
    std::string all;
    for (std::string_view next; !(next = from.next()).empty(); from.sent(next.size()))
        all += next;
    return all;
}

} // namespace

BOOST_AUTO_TEST_CASE(what_goes_in_comes_out_in_order_however_it_is_cut)
{
    for (const std::size_t most : {std::size_t{1000}, piece - 1, piece, 10 * piece}) {
        text_queue text, other;
        std::string expected;
        for (int i = 0; i != 40; ++i) {
            const std::string part(5000, static_cast<char>('a' + i % 26));
            text.tail() += part;
            expected += part;
        }
        text.append(std::string(3 * piece, 'X'));
        other.tail() += "tail";
        other.append(std::string(piece, 'Y'));
        expected += std::string(3 * piece, 'X') + "tail" + std::string(piece, 'Y') + "end";
        text.append(std::move(other));
        text.tail() += "end";
        BOOST_TEST(other.empty());
        BOOST_TEST(text.size() == expected.size());
        BOOST_TEST((read_through(text, most) == expected));
        BOOST_TEST(text.empty());
    }
}

BOOST_AUTO_TEST_CASE(a_queue_that_has_been_used_in_part_is_appended_without_that_part)
{
    text_queue text, other;
    other.tail() += "used,rest";
    other.use(5);
    text.tail() += "a";
    text.append(std::move(other));
    BOOST_TEST(text.size() == 5U);
    BOOST_TEST(read_through(text, 100) == "arest");
}

BOOST_AUTO_TEST_CASE(what_is_taken_back_was_never_there)
{
    text_queue text;
    text.tail() += "kept";
    const text_queue::place here = text.here();
    text.tail() += std::string(piece, 'x');
    text.tail() += "in another piece";
    text.append(std::string(2 * piece, 'y'));
    BOOST_TEST(text.since(here) == 3 * piece + 16);
    text.back_to(here);
    text.tail() += ',';
    BOOST_TEST(text.size() == 5U);
    BOOST_TEST(read_through(text, 2) == "kept,");
}

BOOST_AUTO_TEST_CASE(a_frame_over_several_pieces_has_its_header_in_front)
{
    for (const std::size_t before : {std::size_t{0}, std::size_t{7}, piece}) {
        outbox out;
        out.begin();
        out.text().tail() += std::string(before, 'b');
        out.end(framing::json_lines);
        out.begin();
        BOOST_TEST(out.begun());
        out.text().tail() += '[';
        out.text().append(std::string(2 * piece, 'x'));
        out.text().tail() += ']';
        out.end(framing::content_length);
        BOOST_TEST(!out.begun());
        std::string expected;
        append_frame(expected, framing::json_lines, std::string(before, 'b'));
        append_frame(expected, framing::content_length, '[' + std::string(2 * piece, 'x') + ']');
        BOOST_TEST(out.unsent() == expected.size());
        BOOST_TEST((all_of(out) == expected));
    }
}

BOOST_AUTO_TEST_CASE(a_frame_that_is_taken_back_leaves_no_trace_behind_what_is_half_sent)
{
    outbox out;
    out.begin();
    out.text().tail() += "first";
    out.end(framing::json_lines);
    out.sent(3);
    out.begin();
    out.text().tail() += "never";
    out.text().append(std::string(piece, 'x'));
    out.take_back();
    out.begin();
    out.text().tail() += "second";
    out.end(framing::content_length);
    BOOST_TEST(all_of(out) == "st\nContent-Length: 6\r\n\r\nsecond");
}

BOOST_AUTO_TEST_CASE(a_large_reply_is_neither_copied_nor_kept)
{
    outbox out;
    std::string large(10 * piece, 'x');
    const char* const there = large.data();
    out.begin();
    out.text().append(std::move(large));
    out.end(framing::json_lines);
    BOOST_TEST(out.next().data() == there);
    BOOST_TEST(all_of(out).size() == 10 * piece + 1);
    BOOST_TEST(out.text().tail().capacity() < piece);
}

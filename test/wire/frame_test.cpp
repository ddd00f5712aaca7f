#include "wire/frame.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstring>
#include <vector>

using namespace warmd;

namespace {

/// What came out of a decoder: frames, and the failure that ended it.
struct cut {
    std::vector<std::string> frames;
    std::optional<failure> broken;
};

/// Takes every frame that is there; false once the decoder is broken.
bool take_all(frame_decoder& decoder, cut& into)
{
    for (;;) {
        const auto frame = decoder.next();
        if (!frame) {
            into.broken = frame.error();
            return false;
        }
        if (!*frame)
            return true;
        into.frames.emplace_back(**frame);
    }
}

/// Feeds `bytes` in reads of at most `step` bytes.
bool feed(frame_decoder& decoder, std::string_view bytes, cut& into, std::size_t step = 1'000'000)
{
    while (!bytes.empty()) {
        const std::span<char> space = decoder.prepare();
        BOOST_REQUIRE(!space.empty());
        const std::size_t n = std::min({bytes.size(), space.size(), step});
        std::memcpy(space.data(), bytes.data(), n);
        decoder.commit(n);
        bytes.remove_prefix(n);
        if (!take_all(decoder, into))
            return false;
    }
    return true;
}

void end(frame_decoder& decoder, cut& into)
{
    const auto frame = decoder.last();
    if (!frame)
        into.broken = frame.error();
    else if (*frame)
        into.frames.emplace_back(**frame);
}

cut decode(std::string_view bytes, std::size_t max_frame = 1024)
{
    frame_decoder decoder(max_frame);
    cut all;
    if (feed(decoder, bytes, all))
        end(decoder, all);
    return all;
}

using frames = std::vector<std::string>;

std::string measured(std::string_view payload)
{
    std::string out;
    append_frame(out, framing::content_length, payload);
    return out;
}

bool broken_with(const cut& what, errc code, std::string_view words)
{
    return what.broken && what.broken->code == code &&
           what.broken->detail.find(words) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_CASE(two_frames_come_out_whole_wherever_the_stream_is_split)
{
    const frames expected{R"({"id":1})", R"([2,"\n"])"};
    const std::string streams[] = {
        "{\"id\":1}\n[2,\"\\n\"]\n",
        " {\"id\":1}\r\n\n \r\n[2,\"\\n\"]\r\n",
        measured(expected[0]) + measured(expected[1]),
        "content-LENGTH:8\r\nX-Other: a:b\r\n\r\n{\"id\":1}X-Other:\r\nContent-Length: \t8 "
        "\r\n\r\n[2,\"\\n\"]",
    };
    for (std::string stream : streams) {
        for (std::size_t split = 0; split <= stream.size(); ++split) {
            frame_decoder decoder(1024);
            cut out;
            BOOST_TEST(feed(decoder, std::string_view(stream).substr(0, split), out));
            BOOST_TEST(feed(decoder, std::string_view(stream).substr(split), out));
            end(decoder, out);
            if (stream.front() == ' ')
                out.frames.at(0).erase(0, 1); // white space within a line is JSON's own affair
            BOOST_TEST(out.frames == expected, boost::test_tools::per_element());
            BOOST_TEST(!out.broken);
        }
        frame_decoder decoder(1024);
        cut out;
        BOOST_TEST(feed(decoder, stream, out, 1));
        BOOST_TEST(out.frames.size() == 2);
    }
}

BOOST_AUTO_TEST_CASE(the_first_byte_picks_the_framing)
{
    for (const char* lines : {"{", "[", " ", "\t", "\r", "\n"}) {
        frame_decoder decoder(1024);
        cut out;
        BOOST_TEST(feed(decoder, lines, out));
        BOOST_TEST((decoder.kind() == framing::json_lines));
    }
    for (const char* header : {"C", "c"}) {
        frame_decoder decoder(1024);
        cut out;
        BOOST_TEST(feed(decoder, header, out));
        BOOST_TEST((decoder.kind() == framing::content_length));
    }
    for (int byte = 0; byte != 256; ++byte) {
        const char first = static_cast<char>(byte);
        if (std::string_view("{[ \t\r\nCc").find(first) == std::string_view::npos)
            BOOST_TEST(broken_with(decode(std::string(1, first)), errc::parse_error, "first byte"),
                       byte);
    }
    BOOST_TEST(broken_with(decode("GET / HTTP/1.1\r\n\r\n"), errc::parse_error, "HTTP"));
    BOOST_TEST(broken_with(decode("POST / HTTP/1.1\r\n\r\n"), errc::parse_error, "HTTP"));
}

BOOST_AUTO_TEST_CASE(a_last_line_without_its_end_is_a_frame)
{
    BOOST_TEST(decode("{\"id\":1}").frames == frames{"{\"id\":1}"},
               boost::test_tools::per_element());
    BOOST_TEST(decode("{}\n[1]").frames == (frames{"{}", "[1]"}), boost::test_tools::per_element());
    BOOST_TEST(decode("{}\n  \t").frames == frames{"{}"}, boost::test_tools::per_element());
    BOOST_TEST(decode("").frames.empty());
}

BOOST_AUTO_TEST_CASE(blank_lines_are_ignored)
{
    BOOST_TEST(decode("\n\r\n \t\r\n\n").frames.empty());
    BOOST_TEST(decode("\n\n{}\n\n\r\n[]\n\n").frames == (frames{"{}", "[]"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_line_may_be_as_long_as_the_limit_and_no_longer)
{
    for (const char* line_end : {"\n", "\r\n", ""}) {
        for (const std::size_t size : {2047U, 2048U, 2049U}) {
            const std::string line = '[' + std::string(size - 1, ' ');
            const cut out = decode(line + line_end, 2048);
            if (size <= 2048)
                BOOST_TEST(out.frames == frames{line}, boost::test_tools::per_element());
            else
                BOOST_TEST(broken_with(out, errc::frame_too_large, "limit of 2048"));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_line_above_the_limit_is_refused_before_its_end_has_come)
{
    frame_decoder decoder(2048);
    cut out;
    BOOST_TEST(!feed(decoder, '[' + std::string(100'000, '1'), out, 100));
    BOOST_TEST(broken_with(out, errc::frame_too_large, "2048"));
    BOOST_TEST(decoder.capacity() <= 16 * 1024);
}

BOOST_AUTO_TEST_CASE(a_measured_frame_may_be_as_long_as_the_limit_and_no_longer)
{
    for (const std::size_t size : {0U, 2047U, 2048U})
        BOOST_TEST(decode(measured(std::string(size, 'x')), 2048).frames ==
                       frames{std::string(size, 'x')},
                   boost::test_tools::per_element());
    BOOST_TEST(broken_with(decode("Content-Length: 2049\r\n\r\n", 2048), errc::frame_too_large,
                           "2049 bytes"));
    for (const char* huge :
         {"18446744073709551615", "18446744073709551616", "99999999999999999999999999999999"})
        BOOST_TEST(broken_with(decode("Content-Length: " + std::string(huge) + "\r\n\r\n"),
                               errc::frame_too_large, "limit"));
}

BOOST_AUTO_TEST_CASE(a_malformed_content_length_is_refused)
{
    for (const char* length : {"", " ", "-1", "+1", "1.0", "0x10", "1 2", "ten", "1,2", "1\t2"})
        BOOST_TEST(broken_with(decode("Content-Length: " + std::string(length) + "\r\n\r\n"),
                               errc::parse_error, "decimal digits"),
                   length);
    BOOST_TEST(broken_with(decode("Content-Length: 2\r\ncontent-length: 2\r\n\r\n{}"),
                           errc::parse_error, "twice"));
    BOOST_TEST(broken_with(decode("Content-Type: x\r\n\r\n{}"), errc::parse_error,
                           "without Content-Length"));
    BOOST_TEST(
        broken_with(decode(measured("{}") + "\r\n"), errc::parse_error, "without Content-Length"));
    BOOST_TEST(broken_with(decode("Content-Length: 2\n\n{}"), errc::parse_error, "\\r\\n"));
    for (const char* header : {"Content-Length 2\r\n", "CONNECT host:80 HTTP/1.1\r\n",
                               "Content-Length : 2\r\n", "c\xff: 1\r\n"})
        BOOST_TEST(broken_with(decode(header), errc::parse_error, "Name: value"), header);
}

BOOST_AUTO_TEST_CASE(a_header_block_is_bounded)
{
    const std::string length = "Content-Length: 2\r\n";
    const auto with_block_of = [&](std::size_t bytes) {
        return length + "c:" + std::string(bytes - length.size() - 6, 'x') + "\r\n\r\n{}";
    };
    BOOST_TEST(decode(with_block_of(max_header_bytes)).frames == frames{"{}"},
               boost::test_tools::per_element());
    BOOST_TEST(broken_with(decode(with_block_of(max_header_bytes + 1)), errc::parse_error, "4096"));
    BOOST_TEST(broken_with(decode(std::string(100'000, 'c')), errc::parse_error, "4096"));
    std::string many;
    for (int i = 0; i != 10'000; ++i)
        many += "c:\r\n";
    BOOST_TEST(broken_with(decode(many), errc::parse_error, "4096"));
}

BOOST_AUTO_TEST_CASE(input_that_ends_within_a_measured_frame_is_refused)
{
    const std::string whole = measured("{\"id\":1}");
    for (std::size_t size = 1; size != whole.size(); ++size)
        BOOST_TEST(broken_with(decode(whole.substr(0, size)), errc::parse_error, "ended within"),
                   size);
    BOOST_TEST(!decode(whole).broken);
}

BOOST_AUTO_TEST_CASE(a_broken_decoder_stays_broken)
{
    frame_decoder decoder(1024);
    cut out;
    BOOST_TEST(!feed(decoder, "x", out));
    BOOST_TEST(!feed(decoder, "{}\n", out));
    BOOST_TEST(!decoder.last());
    BOOST_TEST(out.frames.empty());
}

BOOST_AUTO_TEST_CASE(many_small_frames_in_one_read_need_no_larger_buffer)
{
    std::string stream;
    for (int i = 0; i != 200'000; ++i)
        stream += "{\"id\":" + std::to_string(i) + "}\n";
    frame_decoder decoder(1 << 20);
    cut out;
    BOOST_TEST(feed(decoder, stream, out));
    BOOST_TEST(out.frames.size() == 200'000);
    BOOST_TEST(out.frames.back() == "{\"id\":199999}");
    BOOST_TEST(decoder.capacity() <= 16 * 1024);
}

BOOST_AUTO_TEST_CASE(one_huge_frame_in_small_reads_is_bounded_and_given_back)
{
    constexpr std::size_t huge =
        8 * 1024 * 1024; // quadratic work over 80'000 reads would hit the time-out
    for (const framing kind : {framing::json_lines, framing::content_length}) {
        frame_decoder decoder(huge);
        cut out;
        BOOST_TEST(feed(decoder, kind == framing::json_lines ? "{}\n" : measured("{}"), out));
        std::string stream;
        append_frame(stream, kind, '[' + std::string(huge - 2, ' ') + ']');
        BOOST_TEST(feed(decoder, stream, out, 100));
        BOOST_TEST(out.frames.size() == 2);
        BOOST_TEST(out.frames.back().size() == huge);
        BOOST_TEST(decoder.capacity() <= huge + 16 * 1024);
        decoder.prepare();
        BOOST_TEST(decoder.capacity() <= 16 * 1024);
    }
}

BOOST_AUTO_TEST_CASE(frames_of_every_size_survive_every_read_size)
{
    std::string stream;
    frames expected;
    for (std::size_t size = 2; size < 40'000; size = size * 5 / 4 + 1) {
        expected.push_back('[' + std::string(size - 2, '7') + ']');
        append_frame(stream, framing::json_lines, expected.back());
    }
    for (const std::size_t step : {1U, 7U, 4095U, 4096U, 4097U, 16384U, 1'000'000U}) {
        frame_decoder decoder(64 * 1024);
        cut out;
        BOOST_TEST(feed(decoder, stream, out, step));
        BOOST_TEST(out.frames == expected, boost::test_tools::per_element());
    }
}

BOOST_AUTO_TEST_CASE(replies_are_framed_alike)
{
    std::string out = "before";
    append_frame(out, framing::json_lines, "{}");
    BOOST_TEST(out == "before{}\n");
    out = "before";
    append_frame(out, framing::content_length, "[1]");
    BOOST_TEST(out == "beforeContent-Length: 3\r\n\r\n[1]");
}

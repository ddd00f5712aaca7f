// The log's lines on their way to a pipe that is read, full, or closed at its other end.

#include "system/line_writer.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <csignal>

using namespace warmd;

namespace {

constexpr auto for_ever = std::chrono::hours(1); // a hang is a failure

struct piped {
    piped()
    {
        std::signal(SIGPIPE, SIG_IGN);
        BOOST_REQUIRE(::pipe(ends) == 0);
    }
    ~piped()
    {
        stop_reading();
        ::close(ends[1]);
    }
    void stop_reading()
    {
        if (ends[0] >= 0)
            ::close(std::exchange(ends[0], -1));
    }
    /// Until it takes no more.
    void fill() const
    {
        const std::string block(4096, '.');
        ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
        while (::write(ends[1], block.data(), block.size()) > 0)
            ;
        ::fcntl(ends[1], F_SETFL, 0);
    }
    std::string read(std::size_t bytes) const
    {
        std::string text(bytes, '\0');
        for (std::size_t n = 0; n != bytes;) {
            const ssize_t more = ::read(ends[0], &text[n], bytes - n);
            if (more <= 0)
                return text.substr(0, n);
            n += static_cast<std::size_t>(more);
        }
        return text;
    }
    static std::string lost(std::size_t n) { return std::to_string(n) + " lost\n"; }

    int ends[2] = {-1, -1};
};

} // namespace

BOOST_FIXTURE_TEST_CASE(all_lines_are_written_in_order_before_it_ends, piped)
{
    line_writer writer(ends[1], lost);
    for (const char* line : {"a\n", "b\n", "c\n"})
        writer.push(line);
    BOOST_TEST(writer.end(for_ever) == 0U);
    BOOST_TEST(read(6) == "a\nb\nc\n");
}

BOOST_FIXTURE_TEST_CASE(ending_waits_for_nobody_who_does_not_read_and_counts_what_is_dropped, piped)
{
    fill();
    line_writer writer(ends[1], lost);
    for (const char* line : {"a\n", "b\n", "c\n"})
        writer.push(line);
    BOOST_TEST(writer.end({}) == 3U);
    writer.push("d\n");
    BOOST_TEST(writer.end(for_ever) == 4U);
}

BOOST_FIXTURE_TEST_CASE(past_its_bound_lines_are_dropped_and_their_number_stands_in_their_place,
                        piped)
{
    fill();
    line_writer writer(ends[1], lost, 2);
    for (const char* line : {"a\n", "b\n", "c\n", "d\n", "e\n"})
        writer.push(line);
    const std::size_t filled = static_cast<std::size_t>(::fcntl(ends[1], F_GETPIPE_SZ));
    const std::string before = read(filled);
    BOOST_TEST(before.find_first_not_of('.') == std::string::npos);
    BOOST_TEST(read(4) == "a\nb\n");
    BOOST_TEST(writer.end(for_ever) == 3U);
    BOOST_TEST(read(7) == "3 lost\n");
}

BOOST_FIXTURE_TEST_CASE(with_nobody_at_the_other_end_lines_are_dropped_and_counted, piped)
{
    stop_reading();
    line_writer writer(ends[1], lost);
    writer.push("a\n");
    writer.push("b\n");
    BOOST_TEST(writer.end(for_ever) == 2U);
}

// One worker's life, without a process: what is said to it, and when it is believed no longer.

#include "worker/breaker.hpp"
#include "worker/call_queue.hpp"
#include "worker/supervisor.hpp"

#include <boost/test/unit_test.hpp>

#include <array>

using namespace warmd;
using namespace warmd::worker;
using namespace std::chrono_literals;

namespace {

std::string text(const any_effect& one)
{
    static constexpr std::array<const char*, 5> messages{"hello", "estimate", "load", "ping",
                                                         "shutdown"};
    struct {
        std::string operator()(const effect::say& e) const
        {
            return std::string("say ") + messages[static_cast<std::size_t>(e.what)];
        }
        std::string operator()(const effect::terminate&) const { return "terminate"; }
        std::string operator()(const effect::kill&) const { return "kill"; }
        std::string operator()(const effect::serve&) const { return "serve"; }
        std::string operator()(const effect::fail& e) const { return "fail: " + e.why; }
    } as_text;
    return std::visit(as_text, one);
}
std::string text(const effects& all)
{
    std::string joined;
    for (const any_effect& one : all)
        joined += (joined.empty() ? "" : "; ") + text(one);
    return joined;
}

struct fixture {
    std::string start() { return text(one.started(now)); }
    std::string answered() { return text(one.answered(now)); }
    std::string after(std::chrono::nanoseconds time)
    {
        now += time;
        return text(one.tick(now));
    }
    /// Up to where it is given calls.
    void serve() { start(), answered(), answered(), answered(); }
    std::string pong(std::uint64_t steps, bool computes = true)
    {
        return text(one.pong(steps, computes, now));
    }

    supervisor one{{.load = 100s, .stall = 40s, .stop = 5s}};
    time_point now = time_point() + 1h;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(from_its_start_to_its_end, fixture)
{
    BOOST_TEST(start() == "say hello");
    BOOST_TEST((one.state() == life::starting));
    BOOST_TEST(answered() == "say estimate");
    BOOST_TEST((one.state() == life::loading));
    BOOST_TEST(answered() == "say load");
    BOOST_TEST(answered() == "serve");
    BOOST_TEST((one.state() == life::serving));
    BOOST_TEST(text(one.stop(now)) == "say shutdown");
    BOOST_TEST((one.state() == life::stopping));
    BOOST_TEST(text(one.exited("ended with status 0")) == "");
    BOOST_TEST((one.state() == life::gone));
    BOOST_TEST(!one.wake());
}

BOOST_FIXTURE_TEST_CASE(one_that_says_nothing_is_ended_in_steps, fixture)
{
    start();
    BOOST_TEST(after(99s) == "");
    BOOST_TEST(after(1s) == "fail: did not say hello within its load_timeout of 100 s; terminate");
    BOOST_TEST(after(4s) == "");
    BOOST_TEST(after(1s) == "kill");
    BOOST_TEST(after(1h) == "");
    BOOST_TEST(text(one.exited("was ended by signal 9 (Killed)")) == "");
}

BOOST_FIXTURE_TEST_CASE(the_load_timeout_counts_from_the_start, fixture)
{
    start();
    after(60s), answered(), answered();
    BOOST_TEST(after(39s) == "");
    BOOST_TEST(after(1s).starts_with("fail: did not load within its load_timeout"));
}

BOOST_FIXTURE_TEST_CASE(a_refused_load_is_told_and_it_is_asked_to_end, fixture)
{
    start(), answered(), answered();
    BOOST_TEST(text(one.refused("no such model", now)) == "fail: no such model; say shutdown");
    BOOST_TEST(after(5s) == "terminate");
    BOOST_TEST(after(5s) == "kill");
}

BOOST_FIXTURE_TEST_CASE(one_that_dies_is_told_once, fixture)
{
    serve();
    BOOST_TEST(text(one.exited("was ended by signal 6 (Aborted)")) ==
               "fail: was ended by signal 6 (Aborted)");
    BOOST_TEST(text(one.exited("again")) == "");
    BOOST_TEST(text(one.stop(now)) == "");
}

BOOST_FIXTURE_TEST_CASE(one_that_breaks_the_protocol_is_not_asked_but_told_to_end, fixture)
{
    serve();
    BOOST_TEST(text(one.violated("wrote 'Loading'", now)) ==
               "fail: broke the protocol: it wrote 'Loading'; terminate");
    BOOST_TEST(text(one.violated("wrote more", now)) == "");
    BOOST_TEST(after(5s) == "kill");
}

BOOST_FIXTURE_TEST_CASE(one_that_breaks_it_while_it_ends_loses_its_time, fixture)
{
    serve();
    one.stop(now);
    BOOST_TEST(text(one.violated("wrote 'bye'", now)) == "terminate");
}

BOOST_FIXTURE_TEST_CASE(what_will_not_end_is_terminated_and_then_killed, fixture)
{
    serve();
    one.stop(now);
    BOOST_TEST(after(4s) == "");
    BOOST_TEST(after(1s) == "terminate");
    BOOST_TEST(after(5s) == "kill");
}

BOOST_FIXTURE_TEST_CASE(one_that_does_not_answer_a_ping_hangs, fixture)
{
    serve();
    BOOST_TEST(after(10s) == "say ping");
    BOOST_TEST(after(10s) == "");
    BOOST_TEST(after(10s) == "");
    BOOST_TEST(after(10s) ==
               "fail: did not answer a ping for its stall_timeout of 40 s; terminate");
}

BOOST_FIXTURE_TEST_CASE(one_whose_device_hangs_answers_pings_and_makes_no_progress, fixture)
{
    serve();
    for (int i = 0; i != 3; ++i) {
        BOOST_TEST(after(10s) == "say ping");
        pong(7);
    }
    one.moved(now); // a token
    for (int i = 0; i != 3; ++i) {
        BOOST_TEST(after(10s) == "say ping");
        pong(7);
    }
    BOOST_TEST(after(10s) == "fail: made no progress for its stall_timeout of 40 s; terminate");
}

BOOST_FIXTURE_TEST_CASE(steps_are_progress_and_so_is_having_nothing_to_do, fixture)
{
    serve();
    for (std::uint64_t i = 1; i != 20; ++i) {
        BOOST_TEST(after(10s) == "say ping");
        pong(i);
    }
    for (int i = 0; i != 20; ++i) {
        BOOST_TEST(after(10s) == "say ping");
        pong(19, false);
    }
}

BOOST_FIXTURE_TEST_CASE(one_that_closes_its_output_has_a_moment_to_die, fixture)
{
    serve();
    one.closed(now);
    BOOST_TEST((one.wake() == now + 500ms));
    BOOST_TEST(after(499ms) == "");
    BOOST_TEST(after(1ms) == "fail: closed its standard input or output; terminate");
}

BOOST_FIXTURE_TEST_CASE(one_that_dies_in_that_moment_died, fixture)
{
    serve();
    one.closed(now);
    BOOST_TEST(text(one.exited("ended with status 3")) == "fail: ended with status 3");
    BOOST_TEST(!one.wake());
}

BOOST_FIXTURE_TEST_CASE(one_that_closes_its_output_when_asked_to_end_does_as_it_is_told, fixture)
{
    serve();
    one.stop(now);
    one.closed(now);
    BOOST_TEST(after(500ms) == "");
    BOOST_TEST(after(4500ms) == "terminate");
}

BOOST_FIXTURE_TEST_CASE(stopped_before_it_has_loaded_it_fails_nobody, fixture)
{
    start(), answered();
    BOOST_TEST(text(one.stop(now)) == "say shutdown");
    BOOST_TEST(answered() == "");
    BOOST_TEST(text(one.exited("ended with status 0")) == "");
}

// -- the breaker ------------------------------------------------------------

BOOST_AUTO_TEST_CASE(three_deaths_within_a_minute_of_load_open_the_breaker)
{
    breaker b;
    time_point now = time_point() + 1h;
    for (int i = 0; i != 2; ++i)
        b.died("a", now, now + 59s);
    BOOST_TEST(!b.open_until("a", now));
    b.died("a", now, now + 59s);
    BOOST_TEST((b.open_until("a", now) == now + 59s + breaker::open_for));
    BOOST_TEST(!b.open_until("b", now));
    BOOST_TEST(!b.open_until("a", now + 59s + breaker::open_for)); // tried once more
    b.died("a", now, now + 1s);
    BOOST_TEST(b.open_until("a", now).has_value());
    b.close_all();
    BOOST_TEST(!b.open_until("a", now));
}

BOOST_AUTO_TEST_CASE(one_that_lived_for_a_minute_begins_anew)
{
    breaker b;
    const time_point now = time_point() + 1h;
    b.died("a", now, now), b.died("a", now, now), b.died("a", now, now + 60s);
    b.died("a", now, now);
    BOOST_TEST(!b.open_until("a", now));
}

// -- who is next ------------------------------------------------------------

BOOST_AUTO_TEST_CASE(clients_take_turns)
{
    call_queue q;
    for (call_queue::number i = 1; i != 4; ++i)
        q.push(i, 1, call_priority::interactive);
    q.push(10, 2, call_priority::interactive);
    std::string order;
    while (const auto next = q.pop())
        order += std::to_string(*next) + ' ';
    BOOST_TEST(order == "1 10 2 3 ");
}

BOOST_AUTO_TEST_CASE(batch_calls_wait_but_not_for_ever)
{
    call_queue q;
    q.push(1000, 7, call_priority::batch);
    for (call_queue::number i = 1; i != 20; ++i)
        q.push(i, i % 3, call_priority::interactive);
    std::size_t before = 0;
    while (*q.pop() != 1000)
        ++before;
    BOOST_TEST(before == call_queue::batch_every - 1);
}

BOOST_AUTO_TEST_CASE(what_is_taken_out_is_not_next)
{
    call_queue q;
    q.push(1, 1, call_priority::interactive), q.push(2, 1, call_priority::interactive);
    BOOST_TEST(q.remove(1));
    BOOST_TEST(!q.remove(1));
    BOOST_TEST(q.size() == 1U);
    BOOST_TEST(q.pop().value() == 2U);
    BOOST_TEST(!q.pop());
}

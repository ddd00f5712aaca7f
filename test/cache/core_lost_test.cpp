// What is lost: an entry whose backend can answer nothing any more.

#include "support/core_fixture.hpp"

using namespace warmd;
using namespace std::chrono_literals;
using test::limits_with, test::model, test::text;

namespace {

struct fixture : test::core_fixture {
    using core_fixture::core_fixture;
    std::string lost(entry_id entry)
    {
        return text(core.lost(entry, failure{errc::backend_failed, "it died"}, now));
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(an_idle_one_closes_at_once_and_its_loss_is_remembered)
{
    fixture f(2);
    f.use("a");
    BOOST_TEST(f.lost(1) == "close 1 lost");
    BOOST_TEST(f.want(1, "a") == "refuse 1 backend_failed cached");
    BOOST_TEST((f.state("a") == entry_state::failed));
    BOOST_TEST(f.core.stats().charged_bytes == 1U); // until its process is gone
    BOOST_TEST(f.closed(1) == "gone 1");
    BOOST_TEST(f.core.stats().charged_bytes == 0U);
}

BOOST_AUTO_TEST_CASE(a_leased_one_is_granted_no_more_and_closes_with_the_last_lease)
{
    fixture f(2);
    f.want(1, "a"), f.want(2, "a"), f.loaded(1);
    BOOST_TEST(f.lost(1) == "");
    BOOST_TEST(f.want(3, "a") == "refuse 3 backend_failed cached");
    BOOST_TEST(f.released(1) == "");
    BOOST_TEST(f.released(1) == "close 1 lost");
}

BOOST_AUTO_TEST_CASE(after_the_back_off_the_next_request_loads_again_once_the_old_one_is_gone)
{
    fixture f(2);
    f.use("a"), f.lost(1);
    f.after(1s);
    BOOST_TEST(f.want(1, "a") == "gone 2"); // of the failure
    BOOST_TEST(f.closed(1) == "gone 1; load 3");
    BOOST_TEST(f.loaded(3) == "grant 1 of 3");
}

BOOST_AUTO_TEST_CASE(each_loss_soon_after_a_load_doubles_the_back_off)
{
    fixture f(2);
    f.use("a"), f.lost(1), f.closed(1), f.after(1s);
    f.use("a"), f.lost(3), f.closed(3);
    f.after(1s);
    BOOST_TEST(f.want(1, "a") == "refuse 1 backend_failed cached");
    f.after(1s);
    BOOST_TEST(f.want(2, "a") == "gone 4; load 5");
    f.failed(5);
    f.after(3s); // a failed load counts on
    BOOST_TEST(f.want(3, "a") == "refuse 3 load_failed cached");
    f.after(1s);
    BOOST_TEST(f.want(4, "a") == "gone 5; load 6");
}

BOOST_AUTO_TEST_CASE(one_that_has_lived_is_loaded_again_at_once)
{
    fixture f(2);
    f.use("a"), f.after(60s);
    BOOST_TEST(f.lost(1) == "close 1 lost");
    BOOST_TEST(f.want(1, "a") == ""); // waits for the close
    BOOST_TEST(f.closed(1) == "gone 1; load 2");
}

BOOST_AUTO_TEST_CASE(an_explicit_load_does_not_wait_for_the_back_off)
{
    fixture f(2);
    f.use("a"), f.lost(1), f.closed(1);
    BOOST_TEST(f.insist(1, "a") == "gone 2; load 3");
}

BOOST_AUTO_TEST_CASE(one_lost_before_its_load_was_told_is_granted_to_nobody)
{
    fixture f(2);
    f.want(1, "a"), f.want(2, "a");
    BOOST_TEST(f.lost(1) == "");
    BOOST_TEST(f.loaded(1) == "refuse 1 backend_failed; refuse 2 backend_failed; close 1 lost");
    BOOST_TEST(f.want(3, "a") == "refuse 3 backend_failed cached");
}

BOOST_AUTO_TEST_CASE(one_on_its_way_out_goes_on_leaving_and_leaves_nothing_behind)
{
    fixture f(2);
    f.want(1, "a"), f.loaded(1), f.unload("a");
    BOOST_TEST(f.lost(1) == "");
    BOOST_TEST(f.released(1) == "close 1 admin");
    BOOST_TEST(f.lost(1) == "");
    BOOST_TEST(f.want(2, "a") == "");
    BOOST_TEST(f.closed(1) == "gone 1; load 2");
    BOOST_TEST(f.lost(1) == ""); // unknown by now
}

BOOST_AUTO_TEST_CASE(its_room_is_given_only_when_it_has_closed)
{
    fixture f(1);
    f.use("a");
    f.want(1, "b"); // closes a for its place
    BOOST_TEST(f.lost(1) == "");
    BOOST_TEST(f.closed(1) == "gone 1; load 2");
    f.loaded(2), f.released(1 + 1);
    f.lost(2);
    BOOST_TEST(f.want(2, "c") == "");
    BOOST_TEST(f.closed(2) == "gone 2; load 4");
}

BOOST_AUTO_TEST_CASE(new_files_are_not_refused_for_the_loss_of_the_old)
{
    fixture f(2);
    f.use("a"), f.lost(1);
    BOOST_TEST(f.want(1, "a", 1, "g2") == "gone 2; load 3");
}

BOOST_AUTO_TEST_CASE(a_pin_does_not_keep_what_is_lost)
{
    fixture f(2);
    f.want_pinned(1, "a"), f.loaded(1), f.released(1);
    BOOST_TEST(f.lost(1) == "close 1 lost");
    BOOST_TEST(!f.core.find({"a"})->pinned);
}

BOOST_AUTO_TEST_CASE(during_a_drain_nothing_is_remembered)
{
    fixture f(2);
    f.want(1, "a"), f.loaded(1);
    f.core.drain(f.now);
    f.lost(1);
    BOOST_TEST(f.released(1) == "close 1 shutdown");
    BOOST_TEST(f.closed(1) == "gone 1");
    BOOST_TEST(f.core.entries().empty());
}

// The null views that are kept: each drawn once, a few at a time.

#include "hf/null_views.hpp"

#include <boost/test/unit_test.hpp>

#include <optional>
#include <stdexcept>
#include <string>

using namespace warmd;
using namespace warmd::hf;

namespace {

view seed(std::uint64_t of) { return {.what = view::mode::null, .seed = of}; }

struct fixture {
    std::vector<std::uint64_t> drawn;
    std::vector<std::function<void()>> posted;
    std::shared_ptr<null_views> views;

    explicit fixture(std::size_t most)
        : views(null_views::make(
              most,
              [this](const view& through) {
                  drawn.push_back(through.seed);
                  if (through.seed == 13)
                      throw std::runtime_error("unlucky");
                  return lora_weights{};
              },
              [this](std::function<void()> job) { posted.push_back(std::move(job)); }))
    {
    }
    /// Of a view, once it can be had.
    struct wish {
        std::optional<result<null_views::weights>> came;
    };
    std::shared_ptr<wish> use(std::uint64_t which)
    {
        const auto mine = std::make_shared<wish>();
        views->use(seed(which),
                   [mine](result<null_views::weights> came) { mine->came.emplace(came); });
        return mine;
    }
    void run_posted()
    {
        for (const auto& job : std::exchange(posted, {}))
            job();
    }
};

using list = std::vector<std::uint64_t>;

} // namespace

BOOST_AUTO_TEST_CASE(a_view_is_drawn_once_as_long_as_it_is_kept)
{
    fixture f(2);
    for (const std::uint64_t which : list{1, 2, 1, 2, 1})
        BOOST_TEST(f.use(which)->came->has_value());
    BOOST_TEST(f.drawn == (list{1, 2}));
}

BOOST_AUTO_TEST_CASE(the_least_recently_used_goes_first)
{
    fixture f(2);
    for (const std::uint64_t which : list{1, 2, 1, 3, 1, 2})
        f.use(which);
    BOOST_TEST(f.drawn == (list{1, 2, 3, 2}));
}

BOOST_AUTO_TEST_CASE(who_finds_all_places_in_use_waits_for_one)
{
    fixture f(1);
    const auto first = f.use(1), same = f.use(1), second = f.use(2), third = f.use(3);
    BOOST_TEST(first->came.has_value());
    BOOST_TEST(same->came.has_value()); // shares the place
    BOOST_TEST(!second->came.has_value());
    first->came.reset();
    f.run_posted();
    BOOST_TEST(!second->came.has_value());
    same->came.reset();
    f.run_posted();
    BOOST_TEST_REQUIRE(second->came.has_value());
    BOOST_TEST(!third->came.has_value());
    second->came.reset();
    f.run_posted();
    BOOST_TEST(third->came.has_value());
    BOOST_TEST(f.drawn == (list{1, 2, 3}));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_drawn_is_told_and_its_place_is_free_again)
{
    fixture f(1);
    const auto broken = f.use(13);
    BOOST_TEST((broken->came->error().code == errc::backend_failed));
    BOOST_TEST(broken->came->error().detail == "unlucky");
    broken->came.reset();
    BOOST_TEST(f.use(1)->came->has_value());
    BOOST_TEST((f.use(13)->came->error().code == errc::backend_failed));
    BOOST_TEST(f.drawn == (list{13, 1, 13}));
}

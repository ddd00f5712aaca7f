// Questions put together into operations.

#include "evaluation/batches.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace warmd;
using namespace warmd::evaluation;

namespace {

question after(const view& through, token_id id, std::size_t top_k = 256)
{
    return {.what = question::kind::slice, .through = through, .ids = {id}, .size = top_k};
}

view null_of(std::uint64_t seed) { return {.what = view::mode::null, .seed = seed}; }

/// Its first inputs' first tokens, in order: "1 3 5".
std::string ids_in(const batch& of)
{
    std::string made;
    for (const question& each : of.asked)
        made += (made.empty() ? "" : " ") + std::to_string(each.ids.front());
    return made;
}

} // namespace

BOOST_AUTO_TEST_CASE(questions_of_one_view_and_size_go_together_in_order)
{
    const auto made = batches_of({after({}, 1), after(null_of(7), 2), after({}, 3),
                                  after(null_of(8), 4), after(null_of(7), 5), after({}, 6, 16)});
    BOOST_TEST_REQUIRE(made.size() == 4u);
    BOOST_TEST(ids_in(made[0]) == "1 3");
    BOOST_TEST(ids_in(made[1]) == "2 5");
    BOOST_TEST(ids_in(made[2]) == "4");
    BOOST_TEST(ids_in(made[3]) == "6");
    BOOST_TEST(std::get<next_token>(made[1].what).prompts.size() == 2u);
    BOOST_TEST(std::get<next_token>(made[1].what).through.seed == 7u);
    BOOST_TEST(made[0].tokens() == 2u);
}

BOOST_AUTO_TEST_CASE(at_most_sixty_four_go_together)
{
    std::vector<question> open;
    for (token_id id = 0; id != 130; ++id)
        open.push_back(after({}, id));
    const auto made = batches_of(std::move(open));
    BOOST_TEST_REQUIRE(made.size() == 3u);
    BOOST_TEST(made[0].asked.size() == 64u);
    BOOST_TEST(made[2].asked.front().ids.front() == 128);
}

BOOST_AUTO_TEST_CASE(texts_and_what_is_written_go_alone)
{
    using kind = question::kind;
    const auto made = batches_of({{.what = kind::tokens, .text = "a"},
                                  {.what = kind::tokens, .text = "b"},
                                  {.what = kind::text, .ids = {1}},
                                  {.what = kind::tokenizer},
                                  {.what = kind::writing, .ids = {1}, .size = 4},
                                  {.what = kind::writing, .ids = {2}, .size = 4}});
    BOOST_TEST_REQUIRE(made.size() == 6u);
    BOOST_TEST(std::get<tokenize>(made[1].what).add_special_tokens);
    BOOST_TEST(std::holds_alternative<detokenize>(made[2].what));
    BOOST_TEST(std::holds_alternative<describe_tokenizer>(made[3].what));
    BOOST_TEST(made[2].tokens() == 0u);
    BOOST_TEST(made[4].tokens() == 5u);
}

// Backends of one loader under real threads: bases and adapters come and go, are asked and
// measured, all at once. What it proves needs ThreadSanitizer; what it asserts holds without.

#include "support/hf_model.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <random>
#include <thread>

using namespace warmd;
using namespace warmd::hf;

namespace {

const std::filesystem::path demo = test_data / "demo";

std::vector<token_id> best_tokens(backend& model)
{
    return ask<distributions>(model, next_token{{}, {"Once upon", "The database"}, 5})
        .slices.at(1)
        .value()
        .token_ids;
}

} // namespace

BOOST_AUTO_TEST_CASE(
    bases_and_adapters_that_come_and_go_at_once_answer_alike_and_say_what_they_hold)
{
    const std::array<model_spec, 3> specs{spec_of(demo / "model"),
                                          spec_of(demo / "model", demo / "adapter"),
                                          spec_of(demo / "model", demo / "adapter-early-05")};
    struct truth {
        std::vector<token_id> best;
        std::uint64_t bytes;
    };
    const loader by = hf_loader();
    std::array<truth, 3> right;
    for (std::size_t i = 0; i != specs.size(); ++i) {
        const auto model = load_with(by, specs[i]).value();
        right[i].bytes = model->bytes().all;
        right[i].best = best_tokens(*model);
    }
    std::atomic<int> wrong_answers = 0, wrong_sizes = 0;
    const auto come_and_go = [&](unsigned seed) {
        std::minstd_rand random(seed);
        for (int round = 0; round != 30; ++round) {
            const std::size_t which = random() % specs.size();
            const auto model = load_with(by, specs[which]).value();
            for (std::size_t times = random() % 3; times != 0; --times)
                wrong_answers += best_tokens(*model) != right[which].best;
            const std::uint64_t bytes = model->bytes().all, alone = right[which].bytes;
            wrong_sizes += bytes < alone * 9 / 10 ||
                           bytes > alone * 2; // others' caches are among it, and come and go
            model->close();
        }
    };
    {
        std::vector<std::jthread> threads;
        for (unsigned i = 0; i != 3; ++i)
            threads.emplace_back(come_and_go, i + 1);
    }
    BOOST_TEST(wrong_answers == 0);
    BOOST_TEST(wrong_sizes == 0);
}

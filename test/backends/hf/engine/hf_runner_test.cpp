// Sequences under way, step by step, on this thread.

#include "hf/calls/generation.hpp"
#include "hf/calls/scoring.hpp"
#include "hf/engine/runner.hpp"
#include "support/demo_model.hpp"

#include <boost/test/unit_test.hpp>

using namespace warmd;
using namespace warmd::hf;

namespace {

/// Takes down what it is told.
struct listener : sequence_owner {
    bool unwanted = false;
    std::size_t begun_ = 0;
    std::vector<std::optional<failure>> left_;

    bool given_up() const noexcept override { return unwanted; }
    void begun() noexcept override { ++begun_; }
    void left(std::optional<failure> why) noexcept override { left_.push_back(std::move(why)); }
};

/// A sequence of the demo model that breaks when it gets its logits.
struct broken_sequence final : sequence {
    using sequence::sequence;
    std::size_t wanted() const override { return ids_.size(); }
    std::size_t first_logits() const override { return ids_.size() - 1; }
    void receive(std::size_t, std::span<const float>) override
    {
        throw std::runtime_error("this one is broken");
    }
};

/// The demo model's base and a runner, which takes no more than 32 rows a step until it knows how
/// fast this machine is.
struct fixture {
    compute_gate gate{2};
    std::shared_ptr<metrics> counted = std::make_shared<metrics>();
    std::shared_ptr<kv_budget> kv;
    std::shared_ptr<base_model> base;
    std::optional<sequence_runner> runner;

    explicit fixture(std::uint64_t kv_bytes = kv_budget::unbounded, std::uint64_t prefixes = 0)
        : kv(std::make_shared<kv_budget>(kv_bytes))
    {
        load_context context{.stop = {}, .progress = [](std::uint64_t, std::uint64_t) {}};
        base =
            load_base_model(demo / "model", format_of(precision::fp32), gate, kv, context).value();
        runner.emplace(gate, sequence_runner::options{.steps = {.most_rows = 32},
                                                      .prefix_cache_bytes = prefixes,
                                                      .counted = counted});
    }
    std::shared_ptr<listener> add(std::vector<sequence*> what, std::uint64_t client = 1)
    {
        const auto told = std::make_shared<listener>();
        runner->add({.on = base.get(),
                     .through = {},
                     .weights = {},
                     .client = client,
                     .sequences = std::move(what),
                     .owner = told,
                     .counts = counts});
        return told;
    }
    void run()
    {
        while (runner->step()) {
        }
        BOOST_TEST(runner->empty());
    }
    const std::shared_ptr<work_counts> counts = std::make_shared<work_counts>();
};

} // namespace

BOOST_AUTO_TEST_CASE(a_newcomer_is_in_the_step_after_the_one_under_way)
{
    fixture f;
    slice_sequence large(some_ids(400, 1), 4), small(some_ids(5, 2), 4);
    const auto first = f.add({&large}, 1);
    BOOST_TEST(f.runner->step());
    const auto second = f.add({&small}, 2);
    BOOST_TEST(f.runner->step());
    BOOST_TEST(second->left_.size() == 1u);
    BOOST_TEST(!second->left_.at(0));
    BOOST_TEST(first->left_.empty());
    f.run();
    BOOST_TEST(first->left_.size() == 1u);
}

BOOST_AUTO_TEST_CASE(who_is_given_up_leaves_before_the_next_step_and_its_blocks_go_back)
{
    fixture f;
    slice_sequence large(some_ids(400, 1), 4);
    const auto told = f.add({&large});
    BOOST_TEST(f.runner->step());
    BOOST_TEST(f.kv->in_use() > 0u);
    BOOST_TEST(f.counts->kv_bytes > 0u);
    BOOST_TEST(f.counts->queued_tokens == 368u);
    told->unwanted = true;
    f.runner->drop_given_up();
    BOOST_TEST_REQUIRE(told->left_.size() == 1u);
    BOOST_TEST((told->left_.at(0).value().code == errc::cancelled));
    BOOST_TEST(f.kv->in_use() == 0u);
    BOOST_TEST(f.counts->kv_bytes == 0u);
    BOOST_TEST(f.counts->queued_tokens == 0u);
    BOOST_TEST(f.runner->empty());
}

BOOST_AUTO_TEST_CASE(what_breaks_a_step_is_told_to_those_in_it_and_to_nobody_else)
{
    fixture f;
    broken_sequence broken(some_ids(3, 1));
    slice_sequence beside(some_ids(4, 1), 4), later(some_ids(4, 1), 4);
    const auto first = f.add({&broken, &beside});
    BOOST_TEST(f.runner->step());
    BOOST_TEST_REQUIRE(first->left_.size() == 2u);
    BOOST_TEST((first->left_.at(0).value().code == errc::backend_failed));
    BOOST_TEST(first->left_.at(0).value().detail == "this one is broken");
    BOOST_TEST(f.kv->in_use() == 0u);
    const auto second = f.add({&later});
    f.run();
    BOOST_TEST(!second->left_.at(0));
    BOOST_TEST(later.take().has_value());
}

BOOST_AUTO_TEST_CASE(who_begins_alike_waits_for_what_is_computed_and_computes_the_rest)
{
    fixture f;
    auto ids = some_ids(200, 1);
    slice_sequence first(ids, 4);
    ids.back() = 7;
    slice_sequence second(ids, 4);
    f.add({&first}, 1);
    f.add({&second}, 2);
    f.run();
    BOOST_TEST(f.counted->prefix_tokens == 192u); // six blocks of 32
    BOOST_TEST(f.counted->step_rows.read().sum == 208.0);
    BOOST_TEST(f.kv->in_use() == 0u);
}

BOOST_AUTO_TEST_CASE(what_was_computed_stays_as_far_as_it_may_and_goes_when_the_room_is_needed)
{
    fixture f(kv_budget::unbounded, std::uint64_t{1} << 30);
    slice_sequence first(some_ids(200, 1), 4), again(some_ids(200, 1), 4);
    f.add({&first});
    f.run();
    const std::uint64_t kept = f.kv->in_use();
    BOOST_TEST(kept > 0u);
    BOOST_TEST(f.counted->prefix_bytes >= kept);
    f.add({&again});
    f.run();
    BOOST_TEST(f.counted->prefix_tokens == 192u);

    fixture tight(f.base->pool.bytes_for(200), std::uint64_t{1} << 30);
    slice_sequence one(some_ids(200, 1), 4), other(some_ids(200, 5), 4);
    tight.add({&one});
    tight.run();
    const auto told = tight.add({&other});
    tight.run();
    BOOST_TEST(!told->left_.at(0));
    f.runner->forget_base(f.base->id);
    tight.runner->forget_base(tight.base->id);
    BOOST_TEST(f.kv->in_use() == 0u);
    BOOST_TEST(tight.kv->in_use() == 0u);
}

BOOST_AUTO_TEST_CASE(a_generation_goes_on_one_row_a_step_beside_a_prompt)
{
    fixture f;
    const generate how{.prompt = {}, .max_new_tokens = 8};
    const std::function<void(const generated_token&)> nobody;
    hf::generation text(some_ids(4, 1), continuation_of(how), f.base->weights.config, f.base->words,
                        nobody);
    slice_sequence prompt(some_ids(300, 2), 4);
    const auto generated = f.add({&text}, 1);
    BOOST_TEST(f.runner->step());
    f.add({&prompt}, 2);
    for (int i = 0; i != 7; ++i)
        BOOST_TEST(f.runner->step());
    BOOST_TEST(generated->left_.size() == 1u);
    BOOST_TEST(text.take().value().made.ids.size() == 8u);
    BOOST_TEST(f.counted->decode_seconds > 0);
    f.run();
}

#include "hf/hf_backend.hpp"

#include "hf/calls/plan.hpp"
#include "hf/model/lora_amx.hpp"

#include <algorithm>
#include <tuple>

namespace warmd::hf {

namespace {

/// A call under way.
struct work {
    call* by;
    plan what;
    std::size_t tokens_in = 0;
    std::size_t left = 0; // sequences that have not ended
    bool completed = false;

    void complete(result<outcome> answer)
    {
        completed = true;
        by->complete(std::move(answer), tokens_in);
    }
    /// True if its caller wants nothing more of it; completes it if that is news.
    bool given_up()
    {
        if (!completed && by->stop.stop_requested())
            complete(failure{errc::cancelled, "asked to stop"});
        return completed;
    }
};

bool is_null(const view& through) { return through.what == view::mode::null; }

/// Equal views compare equal; null views come last.
auto order(const view& through)
{
    return std::tuple(through.what, through.scale, through.seed, through.init_scale,
                      through.rank_scale);
}

std::string name_of(view::mode what)
{
    switch (what) {
    case view::mode::base: return "base";
    case view::mode::ft: return "ft";
    case view::mode::scaled: return "scaled";
    case view::mode::null: return "null";
    }
    return "?";
}

/// The name PEFT has for a factor today, whatever the file calls it: null draws depend on it.
std::string canonical_name(const lora_factors& factors, bool is_a)
{
    return "base_model.model." + factors.module.path + (is_a ? ".lora_A.weight" : ".lora_B.weight");
}

} // namespace

/// A sequence, its view in its simplest form, and whose it is.
struct task {
    sequence* what;
    view through;
    work* owner;
};

hf_backend::hf_backend(std::shared_ptr<base_model> base, std::optional<loaded_adapter> adapter,
                       std::shared_ptr<compute_gate> gate, call_worker worker)
    : batching_backend(std::move(worker)), base_(std::move(base)), adapter_(std::move(adapter)),
      gate_(std::move(gate))
{
    if (!adapter_)
        return;
    make_lora_tiles(base_->weights.config, base_->weights.computes, adapter_->weights,
                    gate_->team());
    const auto turn = gate_->enter();
    base_->forward.make_room(adapter_->weights);
}

void hf_backend::run(std::span<call> calls)
{
    std::vector<std::unique_ptr<work>> under_way;
    std::vector<task> tasks;
    for (call& each : calls) {
        auto what = make_plan(each, base_->weights.config, words());
        if (!what) {
            each.complete(what.error());
            continue;
        }
        std::size_t tokens_in = 0;
        for (const planned_sequence& planned : what->sequences)
            tokens_in += planned.what->ids().size();
        if (tokens_in > each.max_tokens) {
            each.complete(too_many_tokens(tokens_in, each.max_tokens), tokens_in);
            continue;
        }
        under_way.push_back(std::make_unique<work>(work{&each, std::move(*what), tokens_in}));
        work& mine = *under_way.back();
        for (const planned_sequence& planned : mine.what.sequences)
            if (planned.what->wanted() != 0) {
                ++mine.left;
                tasks.push_back({planned.what.get(), simplest(planned.through), &mine});
            }
        if (!mine.given_up() && mine.left == 0)
            mine.complete(mine.what.finish());
    }
    // What looks through one view stands together. There is room for one null view at a time: the
    // others follow.
    std::stable_sort(tasks.begin(), tasks.end(), [](const task& a, const task& b) {
        return order(a.through) < order(b.through);
    });
    for (auto first = tasks.begin(); first != tasks.end();) {
        const auto null =
            std::find_if(first, tasks.end(), [](const task& t) { return is_null(t.through); });
        const auto last = std::find_if(null, tasks.end(),
                                       [&](const task& t) { return t.through != null->through; });
        run_together(std::span(first, last));
        first = last;
    }
}

void hf_backend::run_together(std::span<const task> tasks)
{
    std::vector<seen_sequence> sequences;
    for (const task& each : tasks)
        sequences.push_back({each.what, lens_of(each.through)});
    run_sequences(
        base_->forward, base_->pool, *gate_, sequences,
        [&](std::size_t i) { return tasks[i].owner->given_up(); },
        [&](std::size_t i) {
            work& owner = *tasks[i].owner;
            if (--owner.left == 0)
                owner.complete(owner.what.finish());
        });
}

view hf_backend::simplest(view through) const
{
    const bool is_base = !adapter_ || through.what == view::mode::base ||
                         (through.what == view::mode::scaled && through.scale == 0);
    if (is_base)
        return view{.what = view::mode::base};
    if (through.what == view::mode::ft ||
        (through.what == view::mode::scaled && through.scale == 1))
        return view{.what = view::mode::ft};
    if (through.what == view::mode::scaled)
        return view{.what = view::mode::scaled, .scale = through.scale};
    through.scale = 1;
    return through;
}

lens hf_backend::lens_of(const view& through)
{
    switch (through.what) {
    case view::mode::base: return {};
    case view::mode::ft: return {&adapter_->weights, 1};
    case view::mode::scaled: return {&adapter_->weights, through.scale};
    case view::mode::null: break;
    }
    if (!null_ || null_view_ != through) {
        null_.reset();
        std::vector<lora_factors> structure = adapter_->factors;
        for (lora_factors& each : structure) {
            each.a_name = canonical_name(each, true);
            each.b_name = canonical_name(each, false);
        }
        const factor_source draws = [&](const std::string& tensor, std::span<float> values) {
            null_draws(through, tensor, values);
            return result<void>();
        };
        auto arranged = arrange_lora(base_->weights.config, structure, draws, gate_->team());
        null_ = std::move(*arranged); // draws cannot fail
        make_lora_tiles(base_->weights.config, base_->weights.computes, *null_, gate_->team());
        null_view_ = through;
    }
    return {&*null_, 1};
}

footprint hf_backend::bytes() const
{
    const std::uint64_t shared = base_->bytes();
    return {.all = shared + (adapter_ ? 2 * adapter_->weights.bytes() : 0), .shared = shared};
}

result<void> preflight(hf_backend& loaded, const std::vector<view>& views,
                       const std::vector<token_id>& prompt)
{
    std::vector<result<outcome>> answers(views.size(), failure{});
    std::vector<call> calls;
    for (std::size_t i = 0; i != views.size(); ++i)
        calls.push_back(
            {.what = next_token{.through = views[i], .prompts = {prompt}, .top_k = 1},
             .stop = {},
             .complete = [&answers, i](result<outcome> came) { answers[i] = std::move(came); }});
    loaded.run(calls);
    for (std::size_t i = 0; i != views.size(); ++i)
        if (!answers[i])
            return failure{errc::load_failed, "preflight through view " + name_of(views[i].what) +
                                                  ": " + answers[i].error().detail};
    return {};
}

} // namespace warmd::hf

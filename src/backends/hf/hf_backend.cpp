#include "hf/hf_backend.hpp"

#include "hf/calls/plan.hpp"
#include "hf/model/lora_amx.hpp"

#include <algorithm>
#include <iterator>
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
    most_null_views_ = most_null_views(adapter_->weights.bytes());
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
        if (auto why = never_fits(*what)) {
            each.complete(*why, tokens_in);
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
    // What looks through one view stands together, null views last. As many of those as are kept
    // go together; the others follow.
    std::stable_sort(tasks.begin(), tasks.end(), [](const task& a, const task& b) {
        return order(a.through) < order(b.through);
    });
    for (auto first = tasks.begin(); first != tasks.end();) {
        std::size_t nulls = 0;
        auto last = first;
        for (; last != tasks.end(); ++last) {
            const bool is_new = last == first || last->through != std::prev(last)->through;
            if (is_null(last->through) && is_new && ++nulls > most_null_views_)
                break;
        }
        run_together(std::span(first, last));
        first = last;
    }
}

/// Why one of its sequences could not even be run alone.
std::optional<failure> hf_backend::never_fits(const plan& what) const
{
    const std::uint64_t capacity = base_->pool.budget().capacity();
    for (const planned_sequence& each : what.sequences) {
        const std::size_t positions = each.what->most_wanted();
        const std::uint64_t bytes = base_->pool.bytes_for(positions);
        if (bytes > capacity)
            return failure{errc::too_large,
                           "the keys and values of a sequence of " + std::to_string(positions) +
                               " tokens take " + std::to_string(bytes) +
                               " bytes; max_kv_bytes allows " + std::to_string(capacity)};
    }
    return {};
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
    return {&null_weights(through), 1};
}

/// Of those that are kept, the last used go first, so that the views of one run stay.
const lora_weights& hf_backend::null_weights(const view& through)
{
    const auto found = std::find_if(null_views_.begin(), null_views_.end(),
                                    [&](const null_draw& each) { return each.through == through; });
    if (found != null_views_.end()) {
        null_views_.splice(null_views_.begin(), null_views_, found);
    } else {
        if (null_views_.size() >= most_null_views_)
            null_views_.pop_back(); // first: there is room for so many, and no more
        null_views_.push_front({through, drawn(through)});
    }
    return null_views_.front().weights;
}

lora_weights hf_backend::drawn(const view& through) const
{
    std::vector<lora_factors> structure = adapter_->factors;
    for (lora_factors& each : structure) {
        each.a_name = canonical_name(each, true);
        each.b_name = canonical_name(each, false);
    }
    const factor_source draws = [&](const std::string& tensor, std::span<float> values) {
        null_draws(through, tensor, values);
        return result<void>();
    };
    lora_weights made = // draws cannot fail
        *arrange_lora(base_->weights.config, structure, draws, gate_->team());
    make_lora_tiles(base_->weights.config, base_->weights.computes, made, gate_->team());
    return made;
}

std::size_t most_null_views(std::uint64_t adapter_bytes)
{
    constexpr std::uint64_t some_memory = 256 << 20, most = 4;
    return static_cast<std::size_t>(std::clamp<std::uint64_t>(
        some_memory / std::max<std::uint64_t>(adapter_bytes, 1), 1, most));
}

footprint hf_backend::bytes() const
{
    const std::uint64_t shared = base_->bytes();
    return {.all = shared + (adapter_ ? (1 + most_null_views_) * adapter_->weights.bytes() : 0),
            .shared = shared};
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

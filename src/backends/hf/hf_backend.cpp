#include "hf_backend.hpp"

#include "plan.hpp"

#include <algorithm>

namespace warmd::hf {

namespace {

/// A call under way.
struct work {
    call* by;
    plan what;
    std::size_t left = 0; // sequences that have not ended
    bool completed = false;

    void complete(result<outcome> answer)
    {
        completed = true;
        by->complete(std::move(answer));
    }
    /// True if its caller wants nothing more of it; completes it if that is news.
    bool given_up()
    {
        if (!completed && by->stop.stop_requested())
            complete(failure{errc::cancelled, "asked to stop"});
        return completed;
    }
};

/// What is to be run through one view.
struct batch {
    view through;
    std::vector<sequence*> sequences;
    std::vector<work*> owners; // by sequence
};

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

hf_backend::hf_backend(std::shared_ptr<const base_weights> base, std::optional<loaded_adapter> adapter, tokenizer words,
                       std::shared_ptr<compute_gate> gate)
    : base_(std::move(base)), adapter_(std::move(adapter)), words_(std::move(words)), gate_(std::move(gate)),
      model_(base_, adapter_ ? largest_fused_rank(base_->config, adapter_->factors) : 0)
{
}

void hf_backend::run(std::span<call> calls)
{
    std::vector<std::unique_ptr<work>> under_way;
    std::vector<batch> batches;
    for (call& each : calls) {
        auto what = make_plan(each, base_->config, words_);
        if (!what) {
            each.complete(what.error());
            continue;
        }
        under_way.push_back(std::make_unique<work>(work{&each, std::move(*what)}));
        work& mine = *under_way.back();
        for (const planned_sequence& planned : mine.what.sequences) {
            if (planned.what->wanted() == 0)
                continue;
            ++mine.left;
            const view through = simplest(planned.through);
            auto same = std::find_if(batches.begin(), batches.end(), [&](const batch& b) { return b.through == through; });
            if (same == batches.end())
                same = batches.insert(same, batch{through, {}, {}});
            same->sequences.push_back(planned.what.get());
            same->owners.push_back(&mine);
        }
        if (!mine.given_up() && mine.left == 0)
            mine.complete(mine.what.finish());
    }
    for (const batch& together : batches) {
        const auto through = lens_of(together.through);
        run_sequences(
            model_, *gate_, through, together.sequences, [&](std::size_t i) { return together.owners[i]->given_up(); },
            [&](std::size_t i) {
                work& owner = *together.owners[i];
                if (--owner.left == 0)
                    owner.complete(owner.what.finish());
            });
    }
}

view hf_backend::simplest(view through) const
{
    const bool is_base =
        !adapter_ || through.what == view::mode::base || (through.what == view::mode::scaled && through.scale == 0);
    if (is_base)
        return view{.what = view::mode::base};
    if (through.what == view::mode::ft || (through.what == view::mode::scaled && through.scale == 1))
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
        const factor_source draws = [&](const std::string& tensor, std::size_t elements) -> result<std::vector<float>> {
            return null_draws(through, tensor, elements);
        };
        null_ = std::move(*pack_lora(base_->config, structure, draws, *gate_)); // draws cannot fail
        null_view_ = through;
    }
    return {&*null_, 1};
}

footprint hf_backend::bytes() const
{
    const std::uint64_t shared = base_->bytes();
    return {.all = shared + (adapter_ ? 2 * adapter_->weights.bytes() : 0) + model_.bytes(), .shared = shared};
}

result<void> preflight(backend& loaded, bool has_adapter, const std::vector<token_id>& prompt)
{
    std::vector<view> views{{.what = view::mode::base}};
    if (has_adapter)
        views.insert(views.end(),
                     {{.what = view::mode::ft}, {.what = view::mode::scaled, .scale = 0.5}, {.what = view::mode::null}});
    for (const view& through : views) {
        result<outcome> answer = failure{};
        call one{.what = next_token{.through = through, .prompts = {prompt}, .top_k = 1},
                 .stop = {},
                 .on_token = {},
                 .complete = [&](result<outcome> came) { answer = std::move(came); }};
        loaded.run(std::span(&one, 1));
        if (!answer)
            return failure{errc::load_failed, "preflight through view " + name_of(through.what) + ": " + answer.error().detail};
    }
    return {};
}

} // namespace warmd::hf

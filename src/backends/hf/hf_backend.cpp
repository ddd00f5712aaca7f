#include "hf/hf_backend.hpp"

#include "base/exception_text.hpp"
#include "hf/calls/inputs.hpp"
#include "hf/model/lora_amx.hpp"

#include <algorithm>
#include <ctime>
#include <latch>
#include <string>
#include <utility>

namespace warmd::hf {

namespace {

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

/// With the names PEFT has for factors today, whatever the file calls them: null draws depend on
/// them.
lora_factors with_canonical_names(lora_factors factors)
{
    const std::string module = "base_model.model." + factors.module.path;
    const bool of_embedding = factors.module.what == base_module::kind::embedding;
    factors.a_name = module + (of_embedding ? ".lora_embedding_A" : ".lora_A.weight");
    factors.b_name = module + (of_embedding ? ".lora_embedding_B" : ".lora_B.weight");
    factors.transposed = false;
    if (!factors.b_bias_name.empty())
        factors.b_bias_name = module + ".lora_B.bias";
    return factors;
}

model_config with_vocabulary(model_config config, const std::optional<loaded_adapter>& adapter)
{
    if (adapter)
        config.vocab_size = adapter->vocabulary.value_or(config.vocab_size);
    return config;
}

std::tm local_time()
{
    const std::time_t now = std::time(nullptr);
    std::tm here{};
    ::localtime_r(&now, &here);
    return here;
}

void run_here(const std::function<void()>& job) { job(); }

/// It needs no model, and takes less time than it takes to wake a worker.
bool is_done_at_once(const operation& what)
{
    constexpr std::size_t short_text = 1024, few_ids = 1024;
    if (const auto* const text = std::get_if<tokenize>(&what)) {
        if (const auto* const given = std::get_if<std::string>(&text->text))
            return given->size() <= short_text;
        const auto* const ids = std::get_if<std::vector<token_id>>(&text->text);
        return ids && ids->size() <= few_ids;
    }
    const auto* const ids = std::get_if<detokenize>(&what);
    return ids && ids->ids.size() <= few_ids;
}

} // namespace

hf_backend::hf_backend(std::shared_ptr<base_model> base, std::optional<loaded_adapter> adapter,
                       shared_engine by, call_worker worker, chat_templates chats)
    : base_(std::move(base)), adapter_(std::move(adapter)),
      config_(with_vocabulary(base_->weights.config, adapter_)), by_(std::move(by)),
      chats_(std::move(chats)), adapter_id_(adapter_ ? by_.steps->new_id() : 0),
      post_(worker.post ? std::move(worker.post) : run_here)
{
    if (!adapter_)
        return;
    compute_gate& gate = by_.steps->gate();
    measure_updates(base_->weights, gate, adapter_->weights);
    make_lora_tiles(base_->weights.config, base_->weights.computes, adapter_->weights, gate.team());
    null_views_ = null_views::make(
        most_null_views(adapter_->weights.bytes()),
        [this](const view& through) { return drawn(through); }, post_);
    const auto turn = gate.enter();
    base_->forward.make_room(adapter_->weights);
}

void hf_backend::submit(call what)
{
    const auto mine = std::make_shared<running_call>(
        std::move(what),
        call_surroundings{.post = post_, .counts = counts_, .remember = [this](const plan& ended) {
                              remember(ended);
                          }});
    const auto begin = [this, mine] {
        try {
            start(mine);
        } catch (...) { // before any sequence was submitted
            mine->complete(failure{errc::backend_failed, current_exception_text()});
        }
    };
    if (is_done_at_once(mine->by().what))
        begin();
    else
        post_(begin);
}

void hf_backend::start(const std::shared_ptr<running_call>& mine)
{
    if (mine->given_up())
        return mine->complete(failure{errc::cancelled, "the caller has gone"});
    const call& by = mine->by();
    auto made = make_plan(by, config_, words(), {&chats_, local_time, by.stop});
    if (!made)
        return mine->complete(made.error());
    std::size_t tokens_in = 0;
    for (const planned_sequence& each : made->sequences)
        tokens_in += each.what->ids().size();
    if (auto why = objection(*made, by, tokens_in))
        return mine->complete(*why, tokens_in);
    if (!by.fresh)
        recall(*made);
    std::vector<std::pair<view, sequences>> by_view;
    std::size_t count = 0;
    for (const planned_sequence& each : made->sequences) {
        if (each.what->wanted() == 0)
            continue;
        const view through = simplest(each.through);
        auto group = std::find_if(by_view.begin(), by_view.end(),
                                  [&](const auto& known) { return known.first == through; });
        if (group == by_view.end())
            group = by_view.insert(group, {through, {}});
        group->second.push_back(each.what.get());
        ++count;
    }
    mine->take_on(std::move(*made), tokens_in, count);
    for (auto& [through, what] : by_view)
        if (through.what == view::mode::null)
            run_null(mine, through, std::move(what));
        else
            run(mine, through, std::move(what));
}

/// Why it is not even begun.
std::optional<failure> hf_backend::objection(const plan& what, const call& by,
                                             std::size_t tokens_in) const
{
    if (tokens_in > by.max_tokens)
        return too_many_tokens(tokens_in, by.max_tokens);
    if (auto why = foreign_to_base(what, by))
        return why;
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

/// Where an adapter has other tokens than its base: what the base cannot answer.
std::optional<failure> hf_backend::foreign_to_base(const plan& what, const call& by) const
{
    const model_config& base = base_->weights.config;
    if (base.vocab_size == config_.vocab_size)
        return {};
    const auto is_base = [&](const view& through) {
        return simplest(through).what == view::mode::base;
    };
    if (const auto* const asked = std::get_if<diverge>(&by.what);
        asked && is_base(asked->from) != is_base(asked->to))
        return failure{errc::unsupported, "the adapter has " + std::to_string(config_.vocab_size) +
                                              " tokens and its base " +
                                              std::to_string(base.vocab_size) +
                                              ": their distributions are not of the same tokens"};
    for (const planned_sequence& each : what.sequences)
        if (is_base(each.through))
            if (auto sound = check_ids(each.what->ids(), base); !sound)
                return sound.error();
    return {};
}

/// Gives what is seen through the base the answers that are remembered.
void hf_backend::recall(const plan& what) const
{
    for (const planned_sequence& each : what.sequences) {
        if (simplest(each.through).what != view::mode::base)
            continue;
        if (const auto key = each.what->remembered_as(base_->id))
            if (const auto answer = by_.answers->find(*key))
                each.what->recall(*answer);
    }
}

void hf_backend::remember(const plan& what) const
{
    for (const planned_sequence& each : what.sequences) {
        if (simplest(each.through).what != view::mode::base)
            continue;
        auto key = each.what->remembered_as(base_->id);
        auto answer = key ? each.what->found() : std::nullopt;
        if (answer)
            by_.answers->keep(std::move(*key), std::move(*answer));
    }
}

sequence_group hf_backend::group_for(const std::shared_ptr<running_call>& mine,
                                     sequences what) const
{
    const call& by = mine->by();
    return {.on = base_.get(),
            .shares_prefixes = !by.fresh,
            .client = by.origin,
            .priority = by.priority,
            .sequences = std::move(what),
            .owner = mine,
            .counts = counts_};
}

void hf_backend::run(const std::shared_ptr<running_call>& mine, const view& through, sequences what)
{
    sequence_group group = group_for(mine, std::move(what));
    if (through.what != view::mode::base) {
        group.through = {&adapter_->weights,
                         through.what == view::mode::scaled ? through.scale : 1};
        group.adapter = adapter_id_;
    }
    by_.steps->submit(std::move(group));
}

/// Once the view is drawn. What is kept of a null view's prefixes would hardly be used again.
void hf_backend::run_null(const std::shared_ptr<running_call>& mine, const view& through,
                          sequences what)
{
    null_views_->use(through, [this, mine,
                               what = std::move(what)](result<null_views::weights> drawn) mutable {
        if (!drawn || mine->given_up()) {
            const failure why = drawn ? failure{errc::cancelled, "asked to stop"} : drawn.error();
            for (std::size_t i = 0; i != what.size(); ++i)
                mine->left(why);
            return;
        }
        sequence_group group = group_for(mine, std::move(what));
        group.through = {drawn->get(), 1};
        group.weights = std::move(*drawn);
        group.shares_prefixes = false;
        by_.steps->submit(std::move(group));
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

lora_weights hf_backend::drawn(const view& through) const
{
    std::vector<lora_factors> structure;
    for (const lora_factors& each : adapter_->factors)
        structure.push_back(with_canonical_names(each));
    const factor_source draws = [&](const std::string& tensor, std::span<float> values) {
        null_draws(through, tensor, values);
        return result<void>();
    };
    thread_team& team = by_.steps->gate().team();
    lora_weights made = // draws cannot fail
        *arrange_lora(base_->weights.config, structure, draws, team);
    if (through.match)
        match_norms(base_->weights.config, made, adapter_->weights, team);
    keep_undrawn(adapter_->weights, made);
    measure_updates(base_->weights, by_.steps->gate(), made);
    make_lora_tiles(base_->weights.config, base_->weights.computes, made, team);
    return made;
}

footprint hf_backend::bytes() const
{
    const std::uint64_t shared = base_->bytes();
    if (!adapter_)
        return {.all = shared, .shared = shared};
    const lora_weights& own = adapter_->weights;
    const std::uint64_t replaced = own.replaced ? own.replaced->bytes() : 0;
    return {.all = shared + replaced + (1 + null_views_->most()) * own.bytes(), .shared = shared};
}

activity hf_backend::now() const
{
    return {.running = counts_->running,
            .queued_tokens = counts_->queued_tokens,
            .kv_bytes = counts_->kv_bytes,
            .tokenizer = adapter_ && adapter_->words ? "adapter" : "base"};
}

void hf_backend::close()
{
    for (std::size_t left = counts_->running; left != 0; left = counts_->running)
        counts_->running.wait(left);
    if (adapter_)
        by_.steps->forget_adapter(adapter_id_);
}

result<void> preflight(hf_backend& loaded, const std::vector<view>& views,
                       const std::vector<token_id>& prompt)
{
    std::vector<result<outcome>> answers(views.size(), failure{});
    std::latch all(static_cast<std::ptrdiff_t>(views.size()));
    for (std::size_t i = 0; i != views.size(); ++i)
        loaded.submit({.what = next_token{.through = views[i], .prompts = {prompt}, .top_k = 1},
                       .stop = {},
                       .complete =
                           [&answers, &all, i](result<outcome> came) {
                               answers[i] = std::move(came);
                               all.count_down();
                           },
                       .fresh = true});
    all.wait();
    for (std::size_t i = 0; i != views.size(); ++i)
        if (!answers[i])
            return failure{errc::load_failed, "preflight through view " + name_of(views[i].what) +
                                                  ": " + answers[i].error().detail};
    return {};
}

} // namespace warmd::hf

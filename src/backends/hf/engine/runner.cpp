#include "hf/engine/runner.hpp"

#include "base/exception_text.hpp"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

namespace warmd::hf {

namespace {

using clock = std::chrono::steady_clock;

/// Where each thread has bands of rows of its own, all should have the same.
step_planner::limits for_threads(std::size_t threads, step_planner::limits how)
{
    const std::size_t even = threads * matmul_engine::band_rows;
    if (even <= how.most_rows)
        how.even_rows = even;
    return how;
}

/// While it lives, the metrics say since when a step is under way.
class shown_step {
public:
    explicit shown_step(metrics& to) : to_(to)
    {
        to_.step_since = began_.time_since_epoch().count();
    }
    ~shown_step() { to_.step_since = 0; }
    shown_step(const shown_step&) = delete;
    shown_step& operator=(const shown_step&) = delete;

    double seconds() const { return std::chrono::duration<double>(clock::now() - began_).count(); }

private:
    metrics& to_;
    const clock::time_point began_ = clock::now();
};

} // namespace

/// A sequence under way.
struct sequence_runner::running {
    std::shared_ptr<const sequence_group> group;
    sequence* what;
    std::optional<prefix_store::place> place = {}; // once it was asked to begin, if it shares
    kv_cache cache;                                // goes first
    std::size_t prompt;                            // tokens, when it came
    std::size_t queued;                            // of those, not yet fed: counted in work_counts
    std::size_t length_class = 0;                  // of all tokens so far
    bool has_begun = false;
    std::uint64_t set_aside = 0; // counted in work_counts

    running(std::shared_ptr<const sequence_group> in, sequence* of)
        : group(std::move(in)), what(of), cache(group->on->pool), prompt(of->wanted()),
          queued(prompt), length_class(now())
    {
        group->counts->queued_tokens += queued;
    }
    ~running()
    {
        group->counts->queued_tokens -= queued;
        group->counts->kv_bytes -= set_aside;
    }
    running(const running&) = delete;
    running& operator=(const running&) = delete;

    void fed(std::size_t tokens)
    {
        const std::size_t of_prompt = std::min(tokens, queued);
        queued -= of_prompt;
        group->counts->queued_tokens -= of_prompt;
    }
    void set_aside_bytes(std::uint64_t bytes)
    {
        set_aside = bytes;
        group->counts->kv_bytes += bytes;
    }
    /// Whether its positions would be turned otherwise, the first ones too, since it has grown.
    bool turns_otherwise() const { return now() != length_class; }
    /// What was computed of it is of no more use: it begins anew with all that it has.
    void begin_anew()
    {
        cache.clear();
        place.reset();
        group->counts->kv_bytes -= std::exchange(set_aside, 0);
        prompt = queued = what->wanted();
        group->counts->queued_tokens += queued;
        length_class = now();
    }
    lens_key key() const
    {
        return {group->on->id, group->adapter, group->through.scale, length_class};
    }

private:
    std::size_t now() const { return group->on->weights.config.length_class(what->ids().size()); }
};

/// A step as the transformer takes it: what is seen through one lens stands together.
struct sequence_runner::prepared_step {
    base_model* on = nullptr;
    std::vector<sequence_id> ids; // by segment, as the others
    std::vector<running*> of;
    std::vector<segment> segments;
    std::vector<std::size_t> starts;
    std::size_t rows = 0, decoded = 0; // tokens, and of those the ones that were drawn
};

sequence_runner::sequence_runner(compute_gate& gate, options how)
    : gate_(gate), counted_(std::move(how.counted)),
      planner_(for_threads(gate.team().size(), how.steps)), prefixes_(how.prefix_cache_bytes)
{
}

sequence_runner::~sequence_runner() = default;

void sequence_runner::add(sequence_group what)
{
    const auto group = std::make_shared<const sequence_group>(std::move(what));
    for (sequence* const each : group->sequences) {
        const sequence_id id = next_id_++;
        try {
            running_.try_emplace(id, group, each);
            arrive(id, *group, each->wanted());
        } catch (...) { // no memory
            running_.erase(id);
            group->owner->left(failure{errc::backend_failed, current_exception_text()});
        }
    }
    show();
}

void sequence_runner::drop_given_up()
{
    std::vector<sequence_id> unwanted;
    for (const auto& [id, each] : running_)
        if (each.group->owner->given_up())
            unwanted.push_back(id);
    for (const sequence_id id : unwanted)
        leave(id, failure{errc::cancelled, "asked to stop"});
}

void sequence_runner::drop_all(const failure& why)
{
    while (!running_.empty())
        leave(running_.begin()->first, why);
}

void sequence_runner::forget_base(std::uint64_t id)
{
    planner_.forget(id);
    prefixes_.drop_base(id);
    show();
}

void sequence_runner::forget_adapter(std::uint64_t id)
{
    prefixes_.drop_adapter(id);
    show();
}

bool sequence_runner::step()
{
    const auto next = planner_.next([this](sequence_id id) { return begin(id); });
    show();
    if (!next)
        return false;
    const prepared_step prepared = prepare(*next);
    const auto broken = take(prepared);
    for (const sequence_id id : prepared.ids)
        settle(id, broken);
    show();
    return true;
}

/// Its memory is set aside, but for what is there already.
step_planner::beginning sequence_runner::begin(sequence_id id)
{
    using kind = step_planner::beginning::kind;
    running& one = running_.at(id);
    if (one.group->shares_prefixes && !one.place)
        one.place.emplace(
            prefixes_.enter(id, one.key(), one.what->ids(), one.what->shareable_blocks()));
    if (one.place && waits(one))
        return {kind::later};
    if (one.place)
        one.cache.share(one.place->begin());
    if (!reserve(one)) {
        one.cache.clear();
        if (one.place)
            one.place->undo();
        return {kind::no_room};
    }
    const std::size_t there = one.cache.length();
    one.fed(there);
    counted_->prefix_tokens += there;
    if (!std::exchange(one.has_begun, true))
        one.group->owner->begun();
    return {kind::begun, there};
}

/// Another computes what it begins with. Who waited for less urgent work would be as slow as that.
bool sequence_runner::waits(running& one)
{
    const auto other = one.place->waits_for();
    return other && running_.at(*other).group->priority <= one.group->priority;
}

/// What nobody uses is given up first.
bool sequence_runner::reserve(running& one)
{
    const std::size_t most = one.what->most_wanted();
    const std::uint64_t bytes = one.group->on->pool.bytes_for(most);
    if (!one.cache.reserve(most)) {
        prefixes_.give_up(bytes);
        if (!one.cache.reserve(most))
            return false;
    }
    one.set_aside_bytes(bytes);
    return true;
}

sequence_runner::prepared_step sequence_runner::prepare(const step_planner::step& next)
{
    std::vector<std::pair<running*, step_planner::share>> shares;
    for (const step_planner::share& each : next.shares)
        shares.emplace_back(&running_.at(each.id), each);
    std::stable_sort(shares.begin(), shares.end(), [](const auto& a, const auto& b) {
        const lens &x = a.first->group->through, &y = b.first->group->through;
        return std::tuple(x.adapter, x.scale) < std::tuple(y.adapter, y.scale);
    });
    prepared_step step;
    for (const auto& [one, share] : shares) {
        const std::size_t start = one->cache.length(), first = one->what->first_logits();
        step.on = one->group->on;
        step.ids.push_back(share.id);
        step.of.push_back(one);
        step.segments.push_back({one->group->through, &one->cache,
                                 std::span(one->what->ids()).subspan(start, share.tokens),
                                 first > start ? std::min(first - start, share.tokens) : 0,
                                 one->length_class});
        step.starts.push_back(start);
        step.rows += share.tokens;
        step.decoded += start >= one->prompt ? share.tokens : 0;
    }
    return step;
}

/// Computes it; the failure of all of its sequences if that cannot be done.
std::optional<failure> sequence_runner::take(const prepared_step& step)
{
    std::optional<failure> broken;
    const shown_step shown(*counted_);
    try {
        const auto turn = gate_.enter();
        step.on->forward.step(turn.engine(), step.segments,
                              [&](std::size_t s, std::size_t token, std::span<const float> logits) {
                                  step.of[s]->what->receive(step.starts[s] + token, logits);
                              });
    } catch (...) {
        broken = failure{errc::backend_failed, current_exception_text()};
    }
    const double seconds = shown.seconds();
    planner_.stepped(seconds);
    counted_->step_rows.add(static_cast<double>(step.rows));
    counted_->step_seconds.add(seconds);
    const double decoding =
        seconds * static_cast<double>(step.decoded) / static_cast<double>(step.rows);
    counted_->decode_seconds += decoding;
    counted_->prefill_seconds += seconds - decoding;
    return broken;
}

/// What a step meant for one of its sequences.
void sequence_runner::settle(sequence_id id, const std::optional<failure>& broken)
{
    running& one = running_.at(id);
    if (broken)
        return leave(id, broken);
    one.fed(one.cache.length() - (one.prompt - one.queued));
    if (one.place)
        one.place->computed(one.cache, std::span(one.what->ids()).first(one.cache.length()));
    try {
        one.what->stepped();
    } catch (...) {
        return leave(id, failure{errc::backend_failed, current_exception_text()});
    }
    if (one.what->wanted() == one.cache.length())
        leave(id, {});
    else if (one.cache.length() < one.prompt)
        return;
    else if (one.turns_otherwise())
        begin_anew(id, one);
    else
        planner_.grow(id);
}

/// To the planner it is a new prompt, of the same client.
void sequence_runner::begin_anew(sequence_id id, running& one)
{
    planner_.leave(id);
    one.begin_anew();
    arrive(id, *one.group, one.prompt);
}

void sequence_runner::arrive(sequence_id id, const sequence_group& in, std::size_t tokens)
{
    planner_.arrive({.id = id,
                     .base = in.on->id,
                     .client = in.client,
                     .priority = in.priority,
                     .tokens = tokens});
}

void sequence_runner::leave(sequence_id id, std::optional<failure> why)
{
    const auto found = running_.find(id);
    const auto owner = found->second.group->owner;
    planner_.leave(id);
    running_.erase(found);
    owner->left(std::move(why));
}

void sequence_runner::show()
{
    counted_->waiting_tokens = planner_.waiting_tokens(call_priority::interactive);
    counted_->waiting_batch_tokens = planner_.waiting_tokens(call_priority::batch);
    counted_->prefix_bytes = prefixes_.bytes();
}

} // namespace warmd::hf

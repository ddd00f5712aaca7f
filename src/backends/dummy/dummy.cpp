// The dummy backend: canned numbers with the shape of real ones, and the troubles a test asks for.

#include "base/text.hpp"
#include "dummy_options.hpp"
#include "model/batching_backend.hpp"
#include "model/chat_prompt.hpp"
#include <warmd/backend_registry.hpp>
#include <warmd/json.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <thread>

namespace warmd {

namespace {

constexpr std::size_t vocabulary = 256; // one token per byte

failure bad(std::string detail) { return failure{errc::invalid_params, std::move(detail)}; }
failure lacking(std::string detail) { return failure{errc::unsupported, std::move(detail)}; }

/// Waits `time`, or less if asked to stop: then false.
bool pause(std::chrono::milliseconds time, const std::stop_token& stop)
{
    if (time.count() == 0)
        return true;
    std::mutex mutex;
    std::condition_variable_any bell;
    std::unique_lock lock(mutex);
    return !bell.wait_for(lock, stop, time, [] { return false; }) && !stop.stop_requested();
}

/// Numbers that look arbitrary and never change.
std::uint64_t mix(std::uint64_t seed)
{
    seed += 0x9e3779b97f4a7c15; // splitmix64 (Steele et al. 2014)
    seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9;
    seed = (seed ^ (seed >> 27)) * 0x94d049bb133111eb;
    return seed ^ (seed >> 31);
}

/// BOS is the byte 0.
std::vector<token_id> ids_of(const text_or_ids& input, bool bos = false)
{
    if (const auto* ids = std::get_if<std::vector<token_id>>(&input))
        return *ids;
    std::vector<token_id> ids(bos ? 1 : 0);
    if (const auto* text = std::get_if<std::string>(&input))
        for (const char c : *text)
            ids.push_back(static_cast<unsigned char>(c));
    return ids;
}

/// The canned distribution after `context` through `through`, logprobs by id.
std::vector<float> canned(const view& through, std::span<const token_id> context)
{
    double shift = 0; // how far from base: 1 is ft
    switch (through.what) {
    case view::mode::base: break;
    case view::mode::ft: shift = 1; break;
    case view::mode::scaled: shift = through.scale; break;
    case view::mode::null:
        shift = through.init_scale * static_cast<double>(mix(through.seed) % 1000);
        break;
    }
    const auto last = static_cast<std::uint64_t>(context.empty() ? 0 : context.back());
    std::array<double, vocabulary> logits{};
    double sum = 0;
    for (std::size_t id = 0; id != vocabulary; ++id) {
        const auto draw = [&](std::uint64_t salt) {
            return static_cast<double>(mix(last * 1024 + id + salt) % 4096) / 1024;
        };
        logits[id] = draw(0) + shift * draw(1 << 20);
        sum += std::exp(logits[id]);
    }
    std::vector<float> logprobs(vocabulary);
    for (std::size_t id = 0; id != vocabulary; ++id)
        logprobs[id] = static_cast<float>(logits[id] - std::log(sum));
    return logprobs;
}

top_slice top_of(const std::vector<float>& logprobs, std::size_t top_k)
{
    std::vector<token_id> order(logprobs.size());
    std::iota(order.begin(), order.end(), 0);
    const auto at = [&](token_id id) { return logprobs[static_cast<std::size_t>(id)]; };
    std::stable_sort(order.begin(), order.end(),
                     [&](token_id a, token_id b) { return at(a) > at(b); });
    top_slice slice{.vocab_size = logprobs.size()};
    double listed = 0;
    for (std::size_t i = 0; i != std::min(top_k, order.size()); ++i) {
        slice.token_ids.push_back(order[i]);
        slice.logprobs.push_back(at(order[i]));
        listed += std::exp(static_cast<double>(at(order[i])));
    }
    if (slice.token_ids.size() < logprobs.size())
        slice.tail_logprob = 1 - listed > 1e-12 ? std::log(1 - listed) : 0.0;
    return slice;
}

class dummy final : public batching_backend {
public:
    dummy(dummy_options options, call_worker worker)
        : batching_backend(std::move(worker)), options_(std::move(options))
    {
    }

    void run(std::span<call> calls) override
    {
        for (call& each : calls) {
            const std::size_t inputs =
                std::visit([](const auto& what) { return inputs_of(what); }, each.what);
            if (needs_chat_template(each.what))
                each.complete(lacking("the dummy kind has no chat template"));
            else if (inputs > each.max_tokens)
                each.complete(too_many_tokens(inputs, each.max_tokens), inputs);
            else if (auto why = too_much_to_list(each.what, vocabulary, each.max_reply_bytes))
                each.complete(*why, inputs);
            else if (!pause(options_.call, each.stop))
                each.complete(failure{errc::cancelled, "asked to stop"}, inputs);
            else if (!options_.call_error.empty())
                throw std::runtime_error(options_.call_error);
            else
                each.complete(
                    std::visit([&](const auto& what) { return answer(what, each); }, each.what),
                    inputs);
        }
    }
    footprint bytes() const override { return {.all = options_.bytes}; }
    void close() override
    {
        pause(options_.close, {});
        if (!options_.close_error.empty())
            throw std::runtime_error(options_.close_error);
    }

private:
    using answered = result<outcome>;

    static std::size_t inputs_of(const text_or_ids& text)
    {
        const auto* given = std::get_if<std::string>(&text);
        const auto* ids = std::get_if<std::vector<token_id>>(&text);
        return given ? given->size() : ids ? ids->size() : 0;
    }
    static std::size_t inputs_of(const std::vector<text_or_ids>& texts)
    {
        std::size_t all = 0;
        for (const text_or_ids& each : texts)
            all += inputs_of(each);
        return all;
    }
    static std::size_t inputs_of(const logprob& what)
    {
        std::size_t all = 0;
        for (const logprob::item& each : what.items)
            all += inputs_of(each.prompt) + inputs_of(each.completion);
        return all;
    }
    static std::size_t inputs_of(const tokenize& what) { return inputs_of(what.text); }
    static std::size_t inputs_of(const detokenize& what) { return what.ids.size(); }
    static std::size_t inputs_of(const next_token& what) { return inputs_of(what.prompts); }
    static std::size_t inputs_of(const rolling_logprob& what) { return inputs_of(what.texts); }
    static std::size_t inputs_of(const generate& what) { return inputs_of(what.prompt); }
    static std::size_t inputs_of(const diverge& what) { return inputs_of(what.prompts); }
    static std::size_t inputs_of(const auto&) { return 0; }

    static result<void> check(const std::vector<token_id>& ids)
    {
        for (const token_id id : ids)
            if (id < 0 || static_cast<std::size_t>(id) >= vocabulary)
                return bad("token id " + std::to_string(id) + " is outside the vocabulary of " +
                           std::to_string(vocabulary));
        return {};
    }
    static std::string bytes_of(const std::vector<token_id>& ids)
    {
        std::string text; // above 0x7f a byte on its own is not UTF-8
        for (const token_id id : ids)
            text += id < 0x80 ? std::string(1, static_cast<char>(id)) : "\xEF\xBF\xBD";
        return text;
    }

    answered answer(const tokenize& what, call&) const
    {
        tokens all{.ids = ids_of(what.text), .texts = {}};
        if (const auto sound = check(all.ids); !sound)
            return sound.error();
        for (const token_id id : all.ids)
            all.texts.push_back(bytes_of({id}));
        return outcome(std::move(all));
    }
    answered answer(const detokenize& what, call&) const
    {
        if (const auto sound = check(what.ids); !sound)
            return sound.error();
        return outcome(plain_text{bytes_of(what.ids)});
    }
    /// What `one` makes of each item of the list called `list`.
    template <class T, class Item, class One>
    static std::vector<result<T>> each_of(std::string_view list, const std::vector<Item>& items,
                                          const One& one)
    {
        std::vector<result<T>> all;
        for (const Item& item : items) {
            result<T> made = one(item);
            if (!made)
                made = at_item(list, all.size(), made.error());
            all.push_back(std::move(made));
        }
        return all;
    }
    template <class Outcome, class T>
    static answered answer_of(failure_scope scope, std::vector<result<T>> items)
    {
        if (auto why = first_failure(scope, items))
            return *why;
        return outcome(Outcome{std::move(items)});
    }

    static std::vector<result<top_slice>> slices_of(const next_token& what)
    {
        return each_of<top_slice>("prompts", what.prompts,
                                  [&](const text_or_ids& prompt) -> result<top_slice> {
                                      const std::vector<token_id> ids = ids_of(prompt, what.bos);
                                      if (const auto sound = check(ids); !sound)
                                          return sound.error();
                                      return top_of(canned(what.through, ids), what.top_k);
                                  });
    }
    answered answer(const next_token& what, call&) const
    {
        return answer_of<distributions>(what.on_error, slices_of(what));
    }
    static scored_text score(const view& through, const std::vector<token_id>& ids,
                             std::size_t from)
    {
        scored_text scored;
        scored.ids.assign(ids.begin() + static_cast<std::ptrdiff_t>(from), ids.end());
        for (std::size_t i = std::max<std::size_t>(from, 1); i < ids.size(); ++i) {
            const float logprob =
                canned(through, std::span(ids).first(i))[static_cast<std::size_t>(ids[i])];
            scored.logprobs.push_back(logprob);
            scored.total += static_cast<double>(logprob);
        }
        return scored;
    }
    static result<scored_text> score_item(const logprob& what, const logprob::item& item)
    {
        std::vector<token_id> ids = ids_of(item.prompt, what.bos);
        const std::vector<token_id> completion = ids_of(item.completion);
        const std::size_t prompt_size = ids.size();
        ids.insert(ids.end(), completion.begin(), completion.end());
        if (completion.empty())
            return bad("the completion has no token");
        if (const auto sound = check(ids); !sound)
            return sound.error();
        return score(what.through, ids, prompt_size);
    }
    answered answer(const logprob& what, call&) const
    {
        return answer_of<scored_texts>(
            what.on_error,
            each_of<scored_text>("items", what.items, [&](const logprob::item& item) {
                return score_item(what, item);
            }));
    }
    answered answer(const rolling_logprob& what, call&) const
    {
        return answer_of<scored_texts>(
            what.on_error,
            each_of<scored_text>("texts", what.texts,
                                 [&](const text_or_ids& text) -> result<scored_text> {
                                     const std::vector<token_id> ids = ids_of(text, what.bos);
                                     if (const auto sound = check(ids); !sound)
                                         return sound.error();
                                     return score(what.through, ids, 0);
                                 }));
    }
    answered answer(const generate& what, call& by) const
    {
        std::vector<token_id> ids = ids_of(what.prompt, what.bos);
        for (const std::vector<token_id>* given : {&std::as_const(ids), &what.stop_token_ids})
            if (const auto sound = check(*given); !sound)
                return sound.error();
        generation_result all;
        for (std::size_t i = 0; i != what.max_new_tokens; ++i) {
            if (by.stop.stop_requested())
                return failure{errc::cancelled, "asked to stop"};
            const top_slice best = top_of(canned(what.through, ids),
                                          1); // always the most likely: canned text needs no dice
            generated_token token{{}, best.token_ids[0], best.logprobs[0]};
            const bool stops =
                std::count(what.stop_token_ids.begin(), what.stop_token_ids.end(), token.id) != 0;
            if (!stops)
                token.text = bytes_of({token.id});
            ids.push_back(token.id);
            all.ids.push_back(token.id);
            all.text += token.text;
            if (by.on_token)
                by.on_token(token);
            if (stops) {
                all.reason = generation_result::finish::stop;
                break;
            }
        }
        return outcome(std::move(all));
    }
    answered answer(const auto&, call&) const { return lacking("no dummy does this"); }
    answered answer(const diverge& what, call&) const
    {
        const auto from = slices_of({what.from, what.prompts, what.top_k, what.bos});
        const auto to = slices_of({what.to, what.prompts, what.top_k, what.bos});
        divergence_report report = compare(what.kind, from, to);
        if (auto why = first_failure(what.on_error, report.per_prompt))
            return *why;
        return outcome(std::move(report));
    }

    dummy_options options_;
};

result<resolved_model> resolve(const model_spec& asked, const file_rules&)
{
    if (asked.dtype != "auto" && asked.dtype != "fp32")
        return failure{errc::unsupported,
                       "the dummy kind computes in fp32 only, asked for " + asked.dtype};
    const auto options = read_dummy_options(asked.options);
    if (!options)
        return options.error();
    resolved_model model{.spec = asked, .key = {}, .files = {}, .estimated_bytes = options->bytes};
    if (model.spec.base.starts_with('/'))
        model.spec.base = real_path(model.spec.base);
    if (model.spec.adapter)
        model.spec.adapter = real_path(*model.spec.adapter);
    model.spec.dtype = "fp32";
    model.spec.device = "cpu";
    model.spec.trust_remote_code = false;
    model.key = key_of(model.spec);
    model.files.text = "dummy";
    return model;
}

/// How often each spec's load has failed so far, for load_error_times.
struct failure_count {
    std::mutex mutex;
    std::map<cache_key, std::uint64_t> failed;
};

result<std::unique_ptr<backend>> load(const resolved_model& model, load_context& context,
                                      failure_count& counted)
{
    const auto options = read_dummy_options(model.spec.options);
    if (!options)
        return options.error();
    constexpr int steps = 10;
    for (int step = 0; step != steps; ++step) {
        context.progress(options->bytes * static_cast<std::uint64_t>(step) / steps, options->bytes);
        const auto part = options->load * (step + 1) / steps - options->load * step / steps;
        if (!pause(part, context.stop))
            return failure{errc::load_failed, "asked to stop"};
    }
    if (!options->load_error.empty()) {
        const std::lock_guard lock(counted.mutex);
        std::uint64_t& failed = counted.failed[model.key];
        if (options->load_error_times == 0 || failed < options->load_error_times) {
            ++failed;
            throw std::runtime_error(options->load_error);
        }
    }
    context.progress(options->bytes, options->bytes);
    return std::make_unique<dummy>(*options, std::move(context.worker));
}

} // namespace

loader dummy_loader()
{
    const auto counted = std::make_shared<failure_count>();
    return loader{resolve, [counted](const resolved_model& model, load_context& context) {
                      return load(model, context, *counted);
                  }};
}

} // namespace warmd

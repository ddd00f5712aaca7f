#include "methods/methods.hpp"

#include "base/handoff.hpp"

#include "methods/discovery.hpp"
#include "methods/params.hpp"
#include "methods/recent_loads.hpp"
#include "methods/replies.hpp"
#include "methods/survey.hpp"
#include "model/operation_limits.hpp"

#include <boost/asio/this_coro.hpp>

#include <unistd.h>

#include <algorithm>

namespace warmd {

namespace {

using answer = asio::awaitable<result<std::string>>;
using from_peer = std::shared_ptr<request_peer>;

/// What one answer leaves for the next.
struct spare_memory {
    recent_loads loads;
    std::vector<model_info> models;
};

/// What every handler works with; all of it outlives it.
struct surroundings {
    backend_cache* cache;
    const daemon_info* daemon;
    std::shared_ptr<const metrics> counted;
    std::shared_ptr<spare_memory> spare;
};

/// The job of a method `run` that was asked for `asked`, the values its parameters were read into.
template <class Asked>
job begin(answer (*run)(surroundings, Asked, from_peer), surroundings in, Asked asked)
{
    return [run, in, asked = std::move(asked)](from_peer from) mutable {
        return run(in, std::move(asked), std::move(from));
    };
}

// -- what every method with a `model` takes ---------------------------------

struct common {
    acquire_options options;
    std::optional<std::chrono::nanoseconds> timeout;
    bool progress = false;

    /// Once the request begins.
    void take_effect(const from_peer& from)
    {
        if (timeout)
            from->set_timeout(*timeout);
        if (progress)
            options.progress = [from](const load_progress& so_far) {
                from->notify("$/progress", replies::progress(from->id(), so_far));
            };
    }
};

common read_common(params& read)
{
    common all;
    all.timeout = read.seconds("timeout", false);
    all.progress = read.flag("progress", false);
    all.options.keep_alive = read.seconds("keep_alive", true).value_or(std::chrono::nanoseconds(0));
    return all;
}

// -- operations on a model: the parameters in, the outcome out --------------

/// One operation as the wire has it.
struct operation_method {
    std::string_view name;
    operation (*read)(params&);
    void (*write)(json_writer&, const outcome&);
};

std::size_t read_top_k(params& read) { return read.count("top_k", 256, 1); }

operation read_tokenize(params& read)
{
    return tokenize{.text = read.text("text"),
                    .add_special_tokens = read.flag("add_special_tokens", true)};
}

operation read_detokenize(params& read)
{
    return detokenize{.ids = read.ids("ids"),
                      .skip_special_tokens = read.flag("skip_special_tokens", false)};
}

operation read_next_token(params& read)
{
    return next_token{.through = read.through("view", view::mode::ft),
                      .prompts = read.texts("prompts"),
                      .top_k = read_top_k(read)};
}

operation read_logprob(params& read)
{
    return logprob{.through = read.through("view", view::mode::ft), .items = read.items("items")};
}

operation read_rolling_logprob(params& read)
{
    return rolling_logprob{.through = read.through("view", view::mode::ft),
                           .texts = read.texts("texts")};
}

operation read_generate(params& read)
{
    return generate{
        .through = read.through("view", view::mode::ft),
        .prompt = read.text("prompt"),
        .max_new_tokens = read.count("max_new_tokens", {}, 1),
        .temperature = read.number("temperature", 0, "a finite number, at least 0",
                                   [](double t) { return t >= 0; }),
        .top_p = read.number("top_p", 1, "a number above 0 and at most 1",
                             [](double p) { return p > 0 && p <= 1; }),
        .top_k = read.count("top_k", 0, 0),
        .seed = read.count("seed", 0, 0, std::numeric_limits<std::uint64_t>::max()),
        .stop = read.strings("stop"),
    };
}

operation read_divergence(params& read)
{
    diverge what{
        .kind = read.choice("kind", {"js", "kl"}) == 0 ? divergence_kind::js : divergence_kind::kl,
        .from = read.through("from", view::mode::base),
        .to = read.through("to", view::mode::ft),
        .prompts = read.texts("prompts"),
        .top_k = read_top_k(read),
    };
    if (what.prompts.empty())
        read.refuse("prompts is empty: a divergence needs at least one");
    return what;
}

constexpr operation_method operation_methods[] = {
    {"tokenize", read_tokenize, replies::write_tokens},
    {"detokenize", read_detokenize, replies::write_plain_text},
    {"next_token", read_next_token, replies::write_distributions},
    {"logprob", read_logprob, replies::write_scored},
    {"rolling_logprob", read_rolling_logprob, replies::write_rolling},
    {"generate", read_generate, replies::write_generation},
    {"divergence", read_divergence, replies::write_divergence},
};

/// A request for an operation, read and found sound.
struct operation_request {
    const operation_method* how;
    model_spec model;
    common also;
    operation what;
    bool stream = false;
};

result<std::string> written(const operation_method& how, const outcome& what, std::size_t max_bytes)
{
    std::string text;
    json_writer to(text, max_bytes);
    to.begin_object();
    how.write(to, what);
    to.end_object();
    if (to.full())
        return reply_too_large(max_bytes);
    return text;
}

text_form text_by(const operation_method* how, const daemon_info& daemon)
{
    const std::size_t most = daemon.connection.max_reply_bytes;
    return {.write = [how, most](const outcome& what) { return written(*how, what, most); },
            .max_tokens = daemon.request.max_tokens,
            .max_reply_bytes = most};
}

std::function<void(const generated_token&)> tokens_to(const from_peer& from)
{
    return [from](const generated_token& token) {
        from->notify("$/token", replies::token(from->id(), token));
    };
}

answer run_operation(surroundings in, operation_request asked, from_peer from)
{
    asked.also.take_effect(from);
    auto lease =
        co_await in.cache->get_or_load(std::move(asked.model), std::move(asked.also.options));
    if (!lease)
        co_return lease.error();
    from->about(lease->what().model->key.text);
    if (asked.also.progress)
        from->notify("$/progress", replies::running(from->id()));
    text_form form = text_by(asked.how, *in.daemon);
    std::function<void(const generated_token&)> on_token = // on a worker thread
        asked.stream ? tokens_to(from) : nullptr;
    result<std::string> reply =
        co_await lease->run(std::move(asked.what), std::move(form), std::move(on_token));
    co_return std::move(reply);
}

result<job> read_operation(const operation_method& how, surroundings in, const json_node& given)
{
    params read(how.name, given);
    operation_request asked{.how = &how, .model = read.model("model", in.daemon->models)};
    asked.what = how.read(read);
    asked.stream = std::holds_alternative<generate>(asked.what) && read.flag("stream", false);
    asked.also = read_common(read);
    if (auto why = read.fault())
        return *why;
    if (auto why = over_limits(asked.what, in.daemon->request))
        return *why;
    return begin(run_operation, in, std::move(asked));
}

/// What concerns everybody is for the daemon's own user and root, whoever else may talk to it.
std::optional<failure> refusal_of_strangers(std::string_view called, const from_peer& from)
{
    const unsigned peer = from->peer_uid();
    if (peer == 0 || peer == ::geteuid())
        return {};
    return failure{errc::permission_denied, std::string(called) +
                                                " is for the daemon's own user (" +
                                                std::to_string(::geteuid()) +
                                                ") and root, not for user " + std::to_string(peer)};
}

// -- residency ------------------------------------------------------------

/// Reads the parameters of a `load`; false if they are faulty, or ask for more than a hit gives.
bool understand(known_load& asked, const json_node& given, const daemon_info& daemon)
{
    asked.text.clear();
    asked.hint = {};
    params read("load", given);
    read.model("model", daemon.models, asked.spec);
    const bool pin = read.flag("pin", false);
    asked.keep_alive = read_common(read).options.keep_alive;
    if (pin || read.fault())
        return false;
    if (given.find("model")->is_object()) // a name may mean another model tomorrow
        asked.remember(given.literal());
    return true;
}

/// What a hit takes: no coroutine, no lease.
bool load_at_once(const surroundings& in, const json_node& given, std::string& out)
{
    known_load& asked = in.spare->loads.place_of(given.literal());
    if (!asked.is(given.literal()) && !understand(asked, given, *in.daemon))
        return false;
    const residency* const found = in.cache->touch(asked.spec, asked.keep_alive, asked.hint);
    if (!found)
        return false;
    if (found->hit_reply.empty())
        replies::write_loaded(found->hit_reply, *found, true, false);
    out += found->hit_reply;
    return true;
}

struct load_request {
    model_spec model;
    common also;
};

answer load(surroundings in, load_request asked, from_peer from)
{
    asked.also.take_effect(from);
    const auto lease =
        co_await in.cache->get_or_load(std::move(asked.model), std::move(asked.also.options));
    if (!lease)
        co_return lease.error();
    from->about(lease->what().model->key.text);
    std::string text;
    replies::write_loaded(text, lease->what(), lease->cached(), lease->joined());
    co_return text;
}

result<job> read_load(surroundings in, const json_node& given)
{
    params read("load", given);
    load_request asked{.model = read.model("model", in.daemon->models), .also = {}};
    const bool pin = read.flag("pin", false);
    asked.also = read_common(read);
    asked.also.options.pin = pin;
    asked.also.options.retry_failed = true;
    if (auto why = read.fault())
        return *why;
    return begin(load, in, std::move(asked));
}

/// The entry a request is about: named by its key, or by a model that must be resolved first.
struct target {
    std::optional<cache_key> key;
    std::optional<model_spec> model;
};

target read_target(params& read, surroundings in)
{
    target which;
    if (read.has("model"))
        which.model = read.model("model", in.daemon->models);
    if (read.has("key"))
        which.key = cache_key{read.string("key")};
    return which;
}

/// That entry's key, looked for if need be.
asio::awaitable<result<cache_key>> key_of(surroundings in, target which)
{
    if (which.key)
        co_return std::move(*which.key);
    auto found = co_await in.cache->find_key(std::move(*which.model));
    co_return std::move(found);
}

struct unload_asked {
    target which; ///< or all
    unload_request what;
    common also;
};

answer unload(surroundings in, unload_asked asked, from_peer from)
{
    if (auto why = asked.what.all ? refusal_of_strangers("unload with all", from) : std::nullopt)
        co_return *why;
    asked.also.take_effect(from);
    if (!asked.what.all) {
        auto key = co_await key_of(in, std::move(asked.which));
        if (!key)
            co_return key.error();
        asked.what.keys.push_back(std::move(*key));
    }
    const std::vector<cache_key> wanted = asked.what.keys;
    const auto keys = co_await in.cache->unload(std::move(asked.what));
    if (!keys)
        co_return keys.error();
    if (!wanted.empty() && keys->empty())
        co_return failure{errc::not_found,
                          "nothing is loaded under " + shortened(wanted.front().text)};
    co_return replies::unloaded(*keys);
}

result<job> read_unload(surroundings in, const json_node& given)
{
    params read("unload", given);
    unload_asked asked{.which = read_target(read, in), .what = {}, .also = {}};
    asked.what.all = read.flag("all", false);
    asked.what.wait = read.flag("wait", true);
    asked.also = read_common(read);
    if (asked.which.model.has_value() + asked.which.key.has_value() + asked.what.all != 1)
        read.refuse("unload needs exactly one of model, key, and all: true");
    if (auto why = read.fault())
        return *why;
    return begin(unload, in, std::move(asked));
}

struct pin_request {
    target which;
    bool pinned;
    common also;
};

answer set_pinned(surroundings in, pin_request asked, from_peer from)
{
    asked.also.take_effect(from);
    const auto key = co_await key_of(in, std::move(asked.which));
    if (!key)
        co_return key.error();
    const auto done = co_await in.cache->set_pinned(*key, asked.pinned);
    if (!done)
        co_return done.error();
    co_return replies::pinned(*key, asked.pinned);
}

result<job> read_set_pinned(std::string_view called, bool pinned, surroundings in,
                            const json_node& given)
{
    params read(called, given);
    pin_request asked{.which = read_target(read, in), .pinned = pinned, .also = read_common(read)};
    if (asked.which.model.has_value() == asked.which.key.has_value())
        read.refuse(std::string(called) + " needs exactly one of model and key");
    if (auto why = read.fault())
        return *why;
    return begin(set_pinned, in, std::move(asked));
}

result<job> read_pin(surroundings in, const json_node& given)
{
    return read_set_pinned("pin", true, in, given);
}
result<job> read_unpin(surroundings in, const json_node& given)
{
    return read_set_pinned("unpin", false, in, given);
}

// -- observation: never counts as use ---------------------------------------

std::optional<failure> takes_nothing(std::string_view called, const json_node& given)
{
    return params(called, given).fault();
}

/// A method that takes no parameters.
result<job> read_nothing(std::string_view called, answer (*run)(surroundings, from_peer),
                         surroundings in, const json_node& given)
{
    if (auto why = takes_nothing(called, given))
        return *why;
    return job([run, in](from_peer from) { return run(in, std::move(from)); });
}

answer models(surroundings in, from_peer)
{
    const auto models = co_await in.cache->models();
    co_return replies::models(models, in.cache->now());
}

asio::awaitable<std::vector<family>> survey_of(surroundings in)
{
    const auto models = co_await in.cache->models();
    const cache_stats stats = co_await in.cache->stats();
    co_return survey(*in.counted, models, stats, *in.daemon, in.cache->now());
}

answer stats(surroundings in, from_peer)
{
    const std::vector<family> all = co_await survey_of(in);
    std::string text;
    json_writer to(text);
    to.begin_object();
    write_stats(to, all);
    to.end_object();
    co_return text;
}

answer metrics_text(surroundings in, from_peer)
{
    const std::vector<family> all = co_await survey_of(in);
    std::string text;
    json_writer(text)
        .begin_object()
        .member("content_type", exposition_type)
        .member("text", exposition(all))
        .end_object();
    co_return text;
}

bool health_at_once(const surroundings& in, const json_node& given, std::string& out)
{
    if (takes_nothing("health", given))
        return false;
    in.cache->models_now(in.spare->models);
    replies::write_health(out, in.spare->models, in.cache->stats_now(), *in.daemon,
                          in.cache->now());
    return true;
}

answer health(surroundings in, from_peer)
{
    const auto models = co_await in.cache->models();
    const cache_stats stats = co_await in.cache->stats();
    std::string text;
    replies::write_health(text, models, stats, *in.daemon, in.cache->now());
    co_return text;
}

// -- events ------------------------------------------------------------

/// Those named, or all if none is.
event_filter read_events(params& read)
{
    event_filter wanted;
    for (const std::string& asked : read.strings("events")) {
        const auto found = std::find(event_names.begin(), event_names.end(), asked);
        if (found != event_names.end())
            wanted.set(static_cast<std::size_t>(found - event_names.begin()));
        else
            read.refuse("there is no event " + shortened(asked) +
                        "; events are state, evicted, load_failed, close_failed");
    }
    return wanted.any() ? wanted : wanted.set();
}

event_sink events_to(const from_peer& from)
{
    return [to = std::weak_ptr(from)](const cache_event& happened) {
        if (const auto client = to.lock())
            client->notify("event", replies::event(happened));
    };
}

/// Holds the subscription, too.
std::function<void(std::size_t)> tell_lost(const from_peer& from, subscription watching)
{
    return [to = std::weak_ptr(from), held = std::move(watching)](std::size_t dropped) {
        if (const auto client = to.lock())
            client->notify("event", replies::lost(dropped));
    };
}

answer subscribe(surroundings in, event_filter wanted, from_peer from)
{
    event_sink sink = events_to(from);
    subscription watching = co_await in.cache->subscribe(wanted, std::move(sink));
    if (!from->outlive_reply(tell_lost(from, std::move(watching))))
        co_return failure{errc::busy, "this connection has as many subscriptions as it may have"};
    co_return replies::subscribed(wanted);
}

result<job> read_subscribe(surroundings in, const json_node& given)
{
    params read("subscribe", given);
    const event_filter wanted = read_events(read);
    if (auto why = read.fault())
        return *why;
    return begin(subscribe, in, wanted);
}

// -- the daemon ------------------------------------------------------------

answer reload(surroundings in, from_peer from)
{
    if (auto why = refusal_of_strangers("reload", from))
        co_return *why;
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto reply = handoff<result<model_changes>>::make(executor);
    in.daemon->reload([reply](result<model_changes> done) { reply->deliver(std::move(done)); });
    const auto done = co_await reply->take();
    if (!done)
        co_return done.error();
    co_return replies::reloaded(*done);
}

using grace_period = std::optional<std::chrono::nanoseconds>;

answer shut_down(surroundings in, grace_period grace, from_peer from)
{
    if (auto why = refusal_of_strangers("shutdown", from))
        co_return *why;
    in.daemon->shut_down(grace);
    co_return "{}";
}

result<job> read_shut_down(surroundings in, const json_node& given)
{
    params read("shutdown", given);
    const grace_period grace = read.seconds("drain_seconds", true);
    if (auto why = read.fault())
        return *why;
    return begin(shut_down, in, grace);
}

answer discover(surroundings in, from_peer) { co_return discovery(in.daemon->version); }

using at_once = bool (*)(const surroundings&, const json_node&, std::string& out);

struct plain_method { // takes no parameters
    std::string_view name;
    answer (*run)(surroundings, from_peer);
    at_once now = nullptr;
};

constexpr plain_method plain_methods[] = {
    {"health", health, health_at_once},
    {"stats", stats},
    {"models", models},
    {"reload", reload},
    {"metrics", metrics_text},
    {"rpc.discover", discover},
};

struct other_method {
    std::string_view name;
    result<job> (*read)(surroundings, const json_node&);
    at_once now = nullptr;
};

constexpr other_method other_methods[] = {
    {"load", read_load, load_at_once},
    {"unload", read_unload},
    {"pin", read_pin},
    {"unpin", read_unpin},
    {"subscribe", read_subscribe},
    {"shutdown", read_shut_down},
};

std::function<bool(const json_node&, std::string&)> bound(at_once now, const surroundings& in)
{
    if (!now)
        return {};
    return [now, in](const json_node& given, std::string& out) { return now(in, given, out); };
}

} // namespace

void add_methods(dispatcher& to, backend_cache& cache, const daemon_info& daemon)
{
    const surroundings in{&cache, &daemon, to.counted(), std::make_shared<spare_memory>()};
    for (const operation_method& each : operation_methods)
        to.add(std::string(each.name),
               {.at_once = {}, .read = [how = &each, in](const json_node& given) {
                    return read_operation(*how, in, given);
                }});
    for (const plain_method& each : plain_methods)
        to.add(std::string(each.name),
               {.at_once = bound(each.now, in), .read = [how = &each, in](const json_node& given) {
                    return read_nothing(how->name, how->run, in, given);
                }});
    for (const other_method& each : other_methods)
        to.add(std::string(each.name),
               {.at_once = bound(each.now, in), .read = [how = &each, in](const json_node& given) {
                    return how->read(in, given);
                }});
}

} // namespace warmd

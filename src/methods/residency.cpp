// What is loaded: load, unload, pin.

#include "methods/handlers.hpp"
#include "methods/recent_loads.hpp"
#include "methods/replies.hpp"

namespace warmd {

namespace {

/// Answers a `load` that is a hit: no coroutine, no lease.
class hits {
public:
    hits(const surroundings& in, std::shared_ptr<const schema::reader> by)
        : in_(in), by_(std::move(by))
    {
    }

    bool answer(const json_node& given, std::string& out)
    {
        known_load& asked = recent_.place_of(given.literal());
        if (!asked.is(given.literal()) && !understand(asked, given))
            return false;
        const residency* const found = in_.cache->touch(asked.spec, asked.keep_alive, asked.hint);
        if (!found)
            return false;
        if (found->hit_reply.empty())
            replies::write_loaded(found->hit_reply, *found, true, false);
        out += found->hit_reply;
        return true;
    }

private:
    /// False if the request is faulty, or asks for more than a hit gives.
    bool understand(known_load& asked, const json_node& given)
    {
        asked.text.clear();
        asked.hint = {};
        auto read = read_about_a_model<load_request>(*by_, given, *in_.daemon);
        if (!read || read->pin)
            return false;
        asked.spec = std::move(read->model);
        asked.keep_alive = read->about.keep_alive;
        if (given.find("model")->is_object()) // a name may mean another model tomorrow
            asked.remember(given.literal());
        return true;
    }

    const surroundings in_;
    const std::shared_ptr<const schema::reader> by_;
    recent_loads recent_;
};

answer load(surroundings in, load_request asked, peer from)
{
    acquire_options options = begin_request(asked.about, from);
    options.pin = asked.pin;
    options.retry_failed = true;
    const auto lease = co_await in.cache->get_or_load(std::move(asked.model), std::move(options));
    if (!lease)
        co_return lease.error();
    from->about(lease->what().model->key.text);
    std::string text;
    replies::write_loaded(text, lease->what(), lease->cached(), lease->joined());
    co_return text;
}

/// The key of the entry that is meant.
asio::awaitable<result<cache_key>> key_of(surroundings in, entry_request which)
{
    if (which.key)
        co_return cache_key{std::move(*which.key)};
    result<cache_key> found = co_await in.cache->find_key(std::move(*which.model));
    co_return std::move(found);
}

struct unload_this {
    entry_request which;
    unload_options how;
};

result<unload_this> read_unload(const schema::reader& by, const json_node& given,
                                const daemon_info& daemon)
{
    unload_this asked;
    if (auto why = by.read(given, daemon.models, {asked.which, asked.which.about, asked.how}))
        return *why;
    if (asked.which.model.has_value() + asked.which.key.has_value() + asked.how.all != 1)
        return failure{errc::invalid_params,
                       "unload needs exactly one of model, key, and all: true"};
    return asked;
}

answer unload(surroundings in, unload_this asked, peer from)
{
    if (asked.how.all)
        if (auto why = refusal_of_strangers("unload with all", from))
            co_return *why;
    (void)begin_request(asked.which.about, from);
    unload_request what{.keys = {}, .all = asked.how.all, .wait = asked.how.wait};
    if (!what.all) {
        auto key = co_await key_of(in, std::move(asked.which));
        if (!key)
            co_return key.error();
        what.keys.push_back(std::move(*key));
    }
    const std::string named = what.all ? "" : what.keys.front().text;
    const auto keys = co_await in.cache->unload(std::move(what));
    if (!keys)
        co_return keys.error();
    if (!named.empty() && keys->empty())
        co_return failure{errc::not_found, "nothing is loaded under " + shortened(named)};
    co_return replies::unloaded(*keys);
}

template <const char* method>
result<entry_request> read_entry(const schema::reader& by, const json_node& given,
                                 const daemon_info& daemon)
{
    auto asked = read_about_a_model<entry_request>(by, given, daemon);
    if (asked && asked->model.has_value() == asked->key.has_value())
        return failure{errc::invalid_params,
                       std::string(method) + " needs exactly one of model and key"};
    return asked;
}

answer set_pinned(bool pinned, surroundings in, entry_request which, peer from)
{
    (void)begin_request(which.about, from);
    const auto key = co_await key_of(in, std::move(which));
    if (!key)
        co_return key.error();
    const auto done = co_await in.cache->set_pinned(*key, pinned);
    if (!done)
        co_return done.error();
    co_return replies::pinned(*key, pinned);
}

answer pin(surroundings in, entry_request which, peer from)
{
    return set_pinned(true, in, std::move(which), std::move(from));
}
answer unpin(surroundings in, entry_request which, peer from)
{
    return set_pinned(false, in, std::move(which), std::move(from));
}

constexpr char pin_name[] = "pin", unpin_name[] = "unpin";

} // namespace

void add_residency(method_adder& to)
{
    to.add("load", read_about_a_model<load_request>, load,
           [known = std::make_shared<hits>(to.in(), to.reader_of("load"))](
               const json_node& given, std::string& out) { return known->answer(given, out); });
    to.add("unload", read_unload, unload);
    to.add(pin_name, read_entry<pin_name>, pin);
    to.add(unpin_name, read_entry<unpin_name>, unpin);
}

} // namespace warmd

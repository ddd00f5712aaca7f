#include "http/http_conversation.hpp"

#include "http/http_exchange.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace warmd {

namespace {

/// A body that says nothing of what it is is taken for JSON.
bool is_json(const http_request& request)
{
    const std::string_view said = request[beast_http::field::content_type];
    const std::string_view type = said.substr(0, said.find_first_of("; "));
    return type.empty() || boost::beast::iequals(type, "application/json");
}

/// Of what health says.
std::string status_alone(const std::string& health)
{
    return json::serialize(json::object{{"status", json::parse(health).at("status")}});
}

bool asks_to_stream(const rpc::request& what)
{
    const json_node* const stream = what.params->find("stream");
    return stream && stream->is_bool() && stream->boolean();
}

/// Why this is not to be had over HTTP; empty: it is.
std::string needs_a_connection(const rpc::request& what, bool may_stream, bool watches)
{
    if ((what.method == "subscribe" && !watches) || what.method == "$/cancelRequest")
        return std::string(what.method) +
               " needs a connection that speaks JSON-RPC: a response is all that HTTP carries";
    if (asks_to_stream(what) && !may_stream)
        return "'stream' needs a connection that speaks JSON-RPC";
    return {};
}

} // namespace

http_conversation::http_conversation(carrier& by, const dispatcher& methods,
                                     const session_limits& limits, logger log,
                                     const http_guard* guard)
    : by_(by), out_(by.out()), dispatcher_(methods), limits_(limits), log_(std::move(log)),
      guard_(guard), in_(limits.max_frame_bytes)
{
}
http_conversation::~http_conversation() = default;

std::shared_ptr<http_conversation> http_conversation::self() { return {by_.hold(), this}; }

/// A request that is being read may fill the room for its own reply.
bool http_conversation::has_room() const noexcept
{
    const std::size_t waiting = reading_ ? out_.unsent() : out_.unsent() + held_back_;
    return calls_.size() < limits_.max_in_flight && waiting <= max_queued_output &&
           (reading_ || exchanges_.size() < limits_.max_in_flight);
}

// -- from bytes to requests --------------------------------------------------

void http_conversation::filled(std::size_t bytes)
{
    in_.filled(bytes);
    unpaid_ += bytes;
}

conversation::standing http_conversation::work(turn& left)
{
    left.spend(turn::a_byte * std::exchange(unpaid_, 0));
    while (!stopped_) {
        if (!reading_ && in_.refused())
            return standing::refused;
        if (!has_room())
            return standing::full;
        if (left.over())
            return standing::unfinished;
        const std::size_t before = written();
        const standing then = reading_ ? read_on(left) : take_next(left);
        if (then != standing::unfinished)
            return then;
        const std::size_t now = written();
        left.spend(turn::a_byte * (now - std::min(now, before)));
    }
    return standing::ended;
}

/// What has come next; `unfinished`: there may be more.
conversation::standing http_conversation::take_next(turn& left)
{
    left.spend(turn::a_message);
    http_inbox::event came = in_.next();
    if (std::holds_alternative<http_inbox::nothing>(came))
        return standing::hungry;
    if (std::holds_alternative<http_inbox::ended>(came))
        return standing::ended;
    if (std::holds_alternative<http_inbox::waits_to_send>(came)) {
        exchanges_.push_back(std::make_shared<exchange>(by_.peer().connection, number_ + 1));
        exchanges_.back()->go_on = true;
        answer(*exchanges_.back(), {.body = {}});
    } else if (const auto* bad = std::get_if<http_inbox::unreadable>(&came)) {
        answer_unread(bad->status, bad->why);
    } else {
        take(std::move(std::get<http_request>(came)), left);
    }
    return standing::unfinished;
}

void http_conversation::refuse_input(const failure& why)
{
    in_.refuse();
    answer_unread(why.code == errc::timeout ? 408 : status_of(why.code), why);
}

void http_conversation::answer_unread(unsigned status, const failure& why)
{
    exchanges_.push_back(std::make_shared<exchange>(by_.peer().connection, ++number_));
    answer(*exchanges_.back(), failed(status, why));
}

void http_conversation::take(http_request&& request, turn& left)
{
    const auto one = std::make_shared<exchange>(request, by_.peer().connection, ++number_);
    exchanges_.push_back(one);
    if (!one->how.keeps_alive)
        in_.refuse(); // whatever still comes
    if (one->through_proxy && asks_for_health(request))
        one->status_only = request.count(beast_http::field::authorization) == 0;
    if (guard_) {
        one->how.origin = guard_->named_origin(request);
        one->status_only = guard_->may_know_status_only(request);
        if (auto instead = guard_->answer_instead(request))
            return answer(*one, std::move(*instead));
    }
    auto way = route_of(request);
    if (auto* reply = std::get_if<http_reply>(&way))
        return answer(*one, std::move(*reply));
    one->way = std::move(std::get<routed>(way));
    if (one->way.route->fixed)
        return answer(*one, one->way.route->fixed());
    if (!one->read_keep_alive(request)) {
        failure why{errc::invalid_params, "x-warmd-keep-alive must be a number of seconds of at "
                                          "least 0, found " +
                                              shortened(request["x-warmd-keep-alive"])};
        why.param = "x-warmd-keep-alive";
        return answer(*one, failed(why));
    }
    if (one->watches() && one->how.head_only)
        return answer(*one, {.body = {}, .type = std::string(one->way.route->gives)});
    if (!one->way.parameters.empty()) {
        reading_ = std::make_unique<reading>(one, std::move(one->way.parameters));
        return;
    }
    if (one->way.route->takes == http_route::body::none)
        return run(one, json_node::empty_object(), left);
    if (!is_json(request))
        return answer(*one, failed(415, {errc::invalid_request,
                                         "the body is to be application/json, and is " +
                                             shortened(request[beast_http::field::content_type])}));
    if (request.body().empty() && one->way.route->takes == http_route::body::parameters)
        return run(one, json_node::empty_object(), left);
    reading_ = std::make_unique<reading>(one, std::move(request.body()));
}

/// One step of several: a large body takes more than a turn, and so may what stands in it.
conversation::standing http_conversation::read_on(turn& left)
{
    using stage = reading::stage;
    if (reading_->at == stage::messages) {
        run_next_message(left);
        return standing::unfinished;
    }
    left.spend(turn::a_value * std::min(inbox::values_in_a_row, reading_->body.size()));
    if (reading_->at == stage::text)
        read_text(left);
    else if (reading_->document.give_back_some() && reading_->messages.give_back_some())
        reading_.reset();
    return standing::unfinished;
}

void http_conversation::read_text(turn& left)
{
    using stage = reading::stage;
    exchange& of = *reading_->of;
    if (of.of_messages()) {
        if (!reading_->messages.read_some(inbox::values_in_a_row))
            return;
        of.is_batch = reading_->messages.batch();
        of.left = 1;
        reading_->at = stage::messages;
        return;
    }
    const auto root = reading_->document.read_some(inbox::values_in_a_row);
    if (root && !*root)
        return;
    reading_->at = stage::giving_back;
    if (!root)
        answer(of, failed(root.error()));
    else if (!(*root)->is_object())
        answer(of, failed({errc::invalid_params, "the body is to be an object of parameters"}));
    else
        run(reading_->of, **root, left);
}

// -- from requests to calls ---------------------------------------------------

void http_conversation::run(const std::shared_ptr<exchange>& of, const json_node& parameters,
                            turn& left)
{
    const std::string_view fixed = of->way.route->method;
    start(of, {nullptr, fixed.empty() ? of->way.argument : fixed, &parameters}, left);
}

void http_conversation::run_next_message(turn& left)
{
    const std::shared_ptr<exchange> of = reading_->of;
    const auto message = reading_->messages.next();
    if (!message) {
        reading_->at = reading::stage::giving_back;
        return message_done(*of);
    }
    left.spend(turn::a_message);
    ++of->left;
    if (const auto* request = std::get_if<rpc::request>(&*message))
        return start(of, *request, left);
    const auto& bad = std::get<rpc::malformed>(*message);
    std::string id_text;
    rpc::append_id(id_text, bad.id);
    conclude(*of, dispatcher_.counts_of({}), id_text, false, bad.why);
}

void http_conversation::start(const std::shared_ptr<exchange>& of, const rpc::request& what,
                              turn& left)
{
    std::string id_text;
    rpc::append_id(id_text, what.id);
    const bool in_pieces = of->how.version == 11;
    const bool may_stream = of->way.route->streams && in_pieces;
    const std::string elsewhere = needs_a_connection(what, may_stream, of->watches() && in_pieces);
    if (!elsewhere.empty())
        return conclude(*of, dispatcher_.counts_of(what.method), id_text, false,
                        failure{errc::unsupported, elsewhere});
    of->streams = of->watches() || (may_stream && asks_to_stream(what));
    const bool notified = of->of_messages() && what.notification();
    std::string made;
    request_counts* const counts =
        of->keep_alive.count() == 0 ? dispatcher_.answer_at_once(what, made) : nullptr;
    if (counts)
        return conclude(*of, *counts, id_text, notified, std::move(made));
    if (const auto busy = too_many_under_way(dispatcher_, limits_))
        return conclude(*of, dispatcher_.counts_of(what.method), id_text, notified, *busy);
    const auto one = std::make_shared<call>(*this, of, what, std::move(id_text));
    calls_.insert(one);
    const auto begun = std::chrono::steady_clock::now();
    run_request(by_.executor(), dispatcher_, what, one,
                [self = self(), one](const std::exception_ptr& thrown, result<std::string> reply) {
                    self->finish(one, thrown, std::move(reply));
                });
    const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begun;
    left.spend(std::max(turn::a_call, static_cast<std::size_t>(took.count())));
}

// -- how a call ends -----------------------------------------------------------

void http_conversation::finish(const std::shared_ptr<call>& done, const std::exception_ptr& thrown,
                               result<std::string> reply) noexcept
{
    if (!done->running())
        return;
    calls_.erase(done);
    --dispatcher_.counted()->in_flight;
    done->end();
    try {
        conclude(*done->of(), done->counts(), done->id_text(), done->notified(),
                 done->answer_for(thrown, std::move(reply), stopped_));
        by_.request_ended();
    } catch (const std::exception& trouble) {
        by_.give_up(trouble.what());
    }
}

/// Of a path that is one method: the response. Of /rpc: one of its messages.
void http_conversation::conclude(exchange& of, request_counts& counts, const std::string& id_text,
                                 bool notified, result<std::string> reply)
{
    if (reply && of.text.size() + reply->size() > limits_.max_reply_bytes)
        reply = reply_too_large(limits_.max_reply_bytes);
    counts.add(reply ? std::nullopt : std::optional(reply.error().code));
    if (!reply && reply.error().code == errc::internal_error)
        log_.error("request " + of.how.id + " from " + by_.peer().text() + ": " +
                   reply.error().detail);
    if (stopped_)
        return;
    if (of.of_messages()) {
        if (!notified)
            append_reply_to(of, id_text, std::move(reply));
        return message_done(of);
    }
    if (of.watches() && reply)
        return begin_watch(of);
    if (of.streams && (reply || of.begun))
        return end_stream(of, reply);
    if (!reply)
        return answer(of, failed(reply.error()));
    http_reply made = of.way.route->respond
                          ? of.way.route->respond(std::move(*reply), of.way.argument)
                          : http_reply{.body = std::move(*reply)};
    if (of.status_only)
        made.body = status_alone(made.body);
    answer(of, std::move(made));
}

void http_conversation::end_input(inbox::ending)
{
    in_.end();
    for (const auto& each : std::exchange(watching_, {}))
        answer(*each->of(), {.body = {}});
}

void http_conversation::caught_up()
{
    if (watching_.empty() || is_backed_up())
        return;
    const auto all = watching_; // what they write may fill the outbox, but ends nothing
    for (const auto& each : all)
        each->catch_up();
}

void http_conversation::stop()
{
    stopped_ = true;
    watching_.clear();
    reading_.reset();
    const auto in_flight = calls_; // a call may end, and leave calls_, as soon as it is told
    for (const auto& one : in_flight)
        one->stop();
}

void http_conversation::log_end(const exchange& of, unsigned status) const
{
    if (!log_.enabled(log_level::debug))
        return;
    const std::chrono::duration<double, std::milli> took =
        std::chrono::steady_clock::now() - of.began;
    log_.debug("request " + of.how.id + " from " + by_.peer().text() + ": " + of.asked + ": " +
               std::to_string(status) + " in " + std::to_string(took.count()) + " ms");
}

} // namespace warmd

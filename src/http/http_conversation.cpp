#include "http/http_conversation.hpp"

#include "http/http_exchange.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/beast/core/string.hpp>

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

/// Why this is not to be had over HTTP; empty: it is.
std::string needs_a_connection(const rpc::request& what)
{
    if (what.method == "subscribe" || what.method == "$/cancelRequest")
        return std::string(what.method) +
               " needs a connection that speaks JSON-RPC: a response is all that HTTP carries";
    const json_node* const stream = what.params->find("stream");
    if (stream && stream->is_bool() && stream->boolean())
        return "'stream' needs a connection that speaks JSON-RPC";
    return {};
}

} // namespace

http_conversation::http_conversation(carrier& by, const dispatcher& methods,
                                     const session_limits& limits, logger log)
    : by_(by), out_(by.out()), dispatcher_(methods), limits_(limits), log_(std::move(log)),
      in_(limits.max_frame_bytes)
{
}
http_conversation::~http_conversation() = default;

std::shared_ptr<http_conversation> http_conversation::self() { return {by_.hold(), this}; }

bool http_conversation::has_room() const noexcept
{
    return exchanges_.size() < limits_.max_in_flight && calls_.size() < limits_.max_in_flight &&
           out_.unsent() + held_back_ <= max_queued_output;
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
        if (reading_) {
            if (left.over())
                return standing::unfinished;
            read_on(left);
            continue;
        }
        if (in_.refused())
            return standing::refused;
        if (!has_room())
            return standing::full;
        if (left.over())
            return standing::unfinished;
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
        left.spend(turn::a_message);
    }
    return standing::ended;
}

void http_conversation::refuse_input(const failure& why)
{
    in_.refuse();
    reading_.reset();
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
    auto way = route_of(request);
    if (auto* reply = std::get_if<http_reply>(&way))
        return answer(*one, std::move(*reply));
    one->way = std::move(std::get<routed>(way));
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

/// A large body takes several turns.
void http_conversation::read_on(turn& left)
{
    constexpr std::size_t values_in_a_row = inbox::values_in_a_row;
    left.spend(turn::a_value * std::min(values_in_a_row, reading_->body.size()));
    const auto of = reading_->of;
    if (of->of_messages()) {
        if (reading_->messages.read_some(values_in_a_row))
            run_messages(left);
        return;
    }
    const auto root = reading_->document.read_some(values_in_a_row);
    if (root && !*root)
        return;
    if (!root)
        answer(*of, failed(root.error()));
    else if (!(*root)->is_object())
        answer(*of, failed({errc::invalid_params, "the body is to be an object of parameters"}));
    else
        run(of, **root, left);
    reading_.reset();
}

// -- from requests to calls ---------------------------------------------------

void http_conversation::run(const std::shared_ptr<exchange>& of, const json_node& parameters,
                            turn& left)
{
    const std::string_view fixed = of->way.route->method;
    const rpc::request what{nullptr, fixed.empty() ? of->way.argument : fixed, &parameters};
    if (const std::string why = needs_a_connection(what); !why.empty()) {
        dispatcher_.counts_of(what.method).add(errc::unsupported);
        return answer(*of, failed({errc::unsupported, why}));
    }
    start(of, what, left);
}

void http_conversation::run_messages(turn& left)
{
    const std::unique_ptr<reading> whole = std::exchange(reading_, nullptr);
    exchange& of = *whole->of;
    of.is_batch = whole->messages.batch();
    of.left = 1;
    while (const auto message = whole->messages.next()) {
        ++of.left;
        run_message(whole->of, *message, left);
    }
    message_done(of);
}

void http_conversation::run_message(const std::shared_ptr<exchange>& of, const rpc::item& message,
                                    turn& left)
{
    std::string id_text;
    if (const auto* bad = std::get_if<rpc::malformed>(&message)) {
        rpc::append_id(id_text, bad->id);
        dispatcher_.counts_of({}).add(bad->why.code);
        return conclude(*of, id_text, false, bad->why);
    }
    const auto& request = std::get<rpc::request>(message);
    const std::string why = needs_a_connection(request);
    if (why.empty())
        return start(of, request, left);
    rpc::append_id(id_text, request.id);
    dispatcher_.counts_of(request.method).add(errc::unsupported);
    conclude(*of, id_text, false, failure{errc::unsupported, why});
}

void http_conversation::start(const std::shared_ptr<exchange>& of, const rpc::request& what,
                              turn& left)
{
    if (answer_at_once(of, what))
        return;
    const std::uint64_t under_way = dispatcher_.counted()->in_flight;
    const auto one = std::make_shared<call>(*this, of, what);
    if (under_way >= limits_.max_in_flight_total) {
        one->counts().add(errc::busy);
        return conclude(*of, one->id_text(), one->notified(),
                        failure{.code = errc::busy,
                                .detail = std::to_string(under_way) +
                                          " requests are under way, as many as "
                                          "max_in_flight_total allows",
                                .retry_after_seconds = 1});
    }
    calls_.insert(one);
    ++dispatcher_.counted()->in_flight;
    const auto begun = std::chrono::steady_clock::now();
    try {
        // On this very executor: the handler starts inline, and its signal is emitted from where it
        // runs.
        asio::co_spawn(by_.executor(), dispatcher_.answer(what, one),
                       asio::bind_cancellation_slot(
                           one->slot(), [self = self(), one](const std::exception_ptr& thrown,
                                                             result<std::string> reply) {
                               self->finish(one, thrown, std::move(reply));
                           }));
    } catch (...) {
        finish(one, std::current_exception(), {});
    }
    const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begun;
    left.spend(std::max(turn::a_call, static_cast<std::size_t>(took.count())));
}

bool http_conversation::answer_at_once(const std::shared_ptr<exchange>& of,
                                       const rpc::request& what)
{
    std::string made;
    request_counts* const counts = dispatcher_.answer_at_once(what, made);
    if (!counts)
        return false;
    ++counts->ok;
    std::string id_text;
    rpc::append_id(id_text, what.id);
    const bool notified = of->of_messages() && what.notification();
    conclude(*of, id_text, notified, std::move(made));
    return true;
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
        result<std::string> told = as_answered(*done, thrown, std::move(reply));
        done->counts().add(told ? std::nullopt : std::optional(told.error().code));
        if (!told && told.error().code == errc::internal_error)
            log_.error("request " + done->of()->how.id + " from " + by_.peer().text() + ": " +
                       told.error().detail);
        if (!stopped_)
            conclude(*done->of(), done->id_text(), done->notified(), std::move(told));
        by_.request_ended();
    } catch (const std::exception& trouble) {
        by_.give_up(trouble.what());
    }
}

result<std::string> http_conversation::as_answered(const call& done,
                                                   const std::exception_ptr& thrown,
                                                   result<std::string> reply) const
{
    if (thrown && done.reason())
        return *done.reason();
    if (thrown && stopped_)
        return failure{errc::disconnected, "its client has gone"};
    if (thrown)
        return failure{errc::internal_error, "the request was aborted"};
    if (reply && done.of()->text.size() + reply->size() > limits_.max_reply_bytes)
        return reply_too_large(limits_.max_reply_bytes);
    return reply;
}

/// Of a path that is one method: the response. Of /rpc: one of its messages.
void http_conversation::conclude(exchange& of, const std::string& id_text, bool notified,
                                 result<std::string> reply)
{
    if (of.of_messages()) {
        if (!notified) {
            if (of.is_batch)
                of.text += of.text.empty() ? '[' : ',';
            if (reply)
                rpc::append_success(of.text, id_text, *reply);
            else
                rpc::append_failure(of.text, id_text, reply.error());
        }
        return message_done(of);
    }
    if (!reply)
        return answer(of, failed(reply.error()));
    answer(of, of.way.route->respond ? of.way.route->respond(std::move(*reply), of.way.argument)
                                     : http_reply{.body = std::move(*reply)});
}

void http_conversation::message_done(exchange& of)
{
    if (--of.left != 0)
        return;
    if (of.text.empty()) // notifications only
        return answer(of, {.status = 204, .body = {}});
    if (of.is_batch)
        of.text += ']';
    answer(of, {.body = std::move(of.text)});
}

void http_conversation::answer(exchange& of, http_reply reply)
{
    log_end(of, reply.status);
    held_back_ += reply.body.size();
    of.reply = std::move(reply);
    write_what_is_next();
}

void http_conversation::write_what_is_next()
{
    while (!exchanges_.empty() && exchanges_.front()->reply) {
        const auto next = exchanges_.front();
        exchanges_.pop_front();
        held_back_ -= next->reply->body.size();
        out_.begin();
        if (next->go_on)
            out_.text().tail() += go_on_sending;
        else
            append_reply(out_.text(), std::move(*next->reply), next->how);
        out_.end();
    }
}

void http_conversation::stop()
{
    stopped_ = true;
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

#include "wire/rpc_conversation.hpp"

#include "wire/rpc_call.hpp"

#include <charconv>
#include <chrono>
#include <utility>

namespace warmd {

namespace {

/// Equal for ids that are equal by JSON value and type. Empty for none.
std::string key_of(const json_node* id)
{
    using kind = json_node::kind;
    if (!id)
        return {};
    switch (id->what()) {
    case kind::string: return 's' + std::string(id->string());
    case kind::int64: return 'i' + std::to_string(id->int64());
    case kind::uint64: return 'i' + std::to_string(id->uint64());
    case kind::real: {
        char digits[32];
        const double number = id->number() == 0 ? 0 : id->number(); // -0 is 0
        return 'r' + std::string(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
    }
    default: return "n";
    }
}

} // namespace

rpc_conversation::rpc_conversation(carrier& by, const dispatcher& methods,
                                   const session_limits& limits, logger log)
    : by_(by), out_(by.out()), dispatcher_(methods), limits_(limits), log_(std::move(log)),
      in_(limits.max_frame_bytes)
{
}
rpc_conversation::~rpc_conversation() = default;

std::shared_ptr<rpc_conversation> rpc_conversation::self() { return {by_.hold(), this}; }

// -- what bounds it ------------------------------------------------------

bool rpc_conversation::is_full() const noexcept
{
    const std::size_t own = within_ ? within_->text.size() : 0; // sent only once it is read through
    return calls_.size() >= limits_.max_in_flight ||
           out_.unsent() + held_back_ - own > max_queued_output;
}

/// With many requests in flight not for every single one that ends.
bool rpc_conversation::has_room() const noexcept
{
    return calls_.size() < limits_.max_in_flight - limits_.max_in_flight / 8 && !is_full();
}

// -- from messages to requests --------------------------------------------

void rpc_conversation::filled(std::size_t bytes)
{
    in_.filled(bytes);
    unpaid_ += bytes;
}

conversation::standing rpc_conversation::work(turn& left)
{
    left.spend(turn::a_byte * std::exchange(unpaid_, 0));
    if (in_.refused())
        return standing::refused;
    while (!stopped_) {
        if (is_full())
            return standing::full;
        if (left.over())
            return standing::unfinished;
        const std::uint64_t frames_before = in_.frames();
        const inbox::event came = in_.next();
        if (in_.frames() != frames_before)
            left.spend(turn::a_byte * in_.frame_bytes());
        if (std::holds_alternative<inbox::nothing>(came))
            return standing::hungry;
        if (std::holds_alternative<inbox::busy>(came)) {
            left.spend(turn::a_value * inbox::values_in_a_row);
            continue;
        }
        if (std::holds_alternative<inbox::ended>(came))
            return in_.refused() ? standing::refused : standing::ended;
        const std::size_t before = written();
        take(came, left);
        const std::size_t now = written();
        left.spend(turn::a_message + turn::a_byte * (now - std::min(now, before)));
    }
    return standing::ended;
}

void rpc_conversation::take(const inbox::event& came, turn& left)
{
    if (const auto* request = std::get_if<rpc::request>(&came))
        start_or_say_why(*request, left);
    else if (const auto* bad = std::get_if<rpc::malformed>(&came))
        refuse(*bad);
    else if (const auto* end = std::get_if<inbox::unreadable>(&came))
        refuse(rpc::malformed{nullptr, end->why});
    else if (std::holds_alternative<inbox::batch_begins>(came))
        within_ = std::make_shared<batch>();
    else
        one_done(std::exchange(within_, nullptr).get());
}

void rpc_conversation::start_or_say_why(const rpc::request& request, turn& left)
{
    try {
        start(request, left);
    } catch (const std::exception& trouble) {
        refuse(request, {errc::internal_error,
                         std::string("the request could not be begun: ") + trouble.what()});
    }
}

void rpc_conversation::start(const rpc::request& request, turn& left)
{
    if (request.notification() && request.method == "$/cancelRequest")
        return cancel(*request.params, left);
    if (answer_at_once(request))
        return;
    // A handler runs at once as far as it can, whatever that takes, and what it answers by then is
    // written only after this turn.
    const auto begun = std::chrono::steady_clock::now();
    start_call(request);
    const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begun;
    left.spend(std::max(turn::a_call, static_cast<std::size_t>(took.count())));
}

/// The whole way of a hit: from the frame into the buffer of replies, without a coroutine.
bool rpc_conversation::answer_at_once(const rpc::request& request)
{
    if (request.notification())
        return false;
    std::string& out = begin_reply(within_.get()).tail();
    rpc::begin_success(out, request.id);
    request_counts* const counts = dispatcher_.answer_at_once(request, out);
    if (!counts) {
        take_back(within_.get());
        return false;
    }
    out += '}';
    if (within_ && within_->text.size() > limits_.max_reply_bytes) {
        take_back(within_.get());
        refuse(request, reply_too_large(limits_.max_reply_bytes));
        return true;
    }
    end_reply(within_.get());
    ++counts->ok;
    if (log_.enabled(log_level::debug)) {
        std::string id_text;
        rpc::append_id(id_text, request.id);
        log_request(id_text, request.method, "ok, at once");
    }
    return true;
}

void rpc_conversation::start_call(const rpc::request& request)
{
    if (const auto busy = too_many_under_way(dispatcher_, limits_))
        return refuse(request, *busy);
    const auto one = std::make_shared<call>(*this, request);
    one->among_calls = calls_.emplace(key_of(request.id), one);
    if (within_)
        ++within_->left;
    run_request(by_.executor(), dispatcher_, request, one,
                [self = self(), one](const std::exception_ptr& thrown, result<std::string> reply) {
                    self->finish(one, thrown, std::move(reply));
                });
}

/// Nothing has been done.
void rpc_conversation::refuse(const rpc::request& request, const failure& why)
{
    dispatcher_.counts_of(request.method).add(why.code);
    if (request.notification())
        return;
    std::string id_text;
    rpc::append_id(id_text, request.id);
    answer(id_text, why, within_.get());
}

void rpc_conversation::refuse(const rpc::malformed& message)
{
    std::string id_text;
    rpc::append_id(id_text, message.id);
    dispatcher_.counts_of({}).add(message.why.code);
    answer(id_text, message.why, within_.get());
}

void rpc_conversation::refuse_input(const failure& why)
{
    in_.refuse();
    answer("null", why, nullptr);
}

void rpc_conversation::cancel(const json_node& params, turn& left)
{
    const json_node* const id = params.find("id");
    if (!id)
        return;
    std::vector<std::shared_ptr<call>> meant; // a call may end, and leave calls_, once it is told
    const auto [first, last] = calls_.equal_range(key_of(id));
    for (auto each = first; each != last; ++each)
        meant.push_back(each->second);
    left.spend(turn::a_call * meant.size());
    for (const auto& one : meant)
        one->end_early(failure{errc::cancelled, "cancelled by $/cancelRequest"});
}

// -- how a request ends ---------------------------------------------------

void rpc_conversation::finish(const std::shared_ptr<call>& done, const std::exception_ptr& thrown,
                              result<std::string> reply) noexcept
{
    if (!done->running())
        return;
    calls_.erase(done->among_calls);
    --dispatcher_.counted()->in_flight;
    done->end();
    try {
        conclude(*done, as_answered(*done, thrown, std::move(reply)));
        by_.request_ended();
    } catch (const std::exception& trouble) {
        by_.give_up(trouble.what());
    }
}

/// What the client is to be told.
result<std::string> rpc_conversation::as_answered(const call& done,
                                                  const std::exception_ptr& thrown,
                                                  result<std::string> reply) const
{
    result<std::string> told = done.answer_for(thrown, std::move(reply), stopped_);
    const std::size_t before = done.within() ? done.within()->text.size() : 0;
    if (told && before + told->size() > limits_.max_reply_bytes)
        return reply_too_large(limits_.max_reply_bytes);
    return told;
}

void rpc_conversation::conclude(const call& done, result<std::string> reply)
{
    done.counts().add(reply ? std::nullopt : std::optional(reply.error().code));
    log_end(done, reply);
    if (stopped_)
        return;
    if (done.answered())
        answer(done.id_text(), std::move(reply), done.within());
    one_done(done.within());
}

// -- the client, and the end ------------------------------------------------

void rpc_conversation::caught_up()
{
    if (kept_.empty() || is_backed_up())
        return;
    const auto all = kept_; // what they write may fill the outbox, but ends nothing
    for (const auto& each : all) {
        try {
            each->catch_up();
        } catch (const std::exception& trouble) {
            log_.error("request " + each->id_text() + " from " + by_.peer().text() +
                       ": telling its client of what it missed failed: " + trouble.what());
        }
    }
}

void rpc_conversation::stop()
{
    stopped_ = true;
    kept_.clear();
    const auto in_flight = calls_; // a call may end, and leave calls_, as soon as it is told
    for (const auto& [id, one] : in_flight)
        one->stop();
}

// -- the log ------------------------------------------------------------

/// What is wrong with a log is no reason to leave a request unanswered.
void rpc_conversation::log_end(const call& done, const result<std::string>& reply) const noexcept
{
    try {
        if (!reply && reply.error().code == errc::internal_error)
            log_.error("request " + done.id_text() + " from " + by_.peer().text() + ": " +
                       reply.error().detail);
        if (const auto& noted = done.what_was_noted()) {
            const std::chrono::duration<double, std::milli> took =
                std::chrono::steady_clock::now() - noted->began;
            log_request(done.id_text(), noted->method,
                        std::string(reply ? "ok" : name(reply.error().code)) + " in " +
                            std::to_string(took.count()) + " ms" +
                            (noted->key.empty() ? "" : ", " + noted->key));
        }
    } catch (const std::exception&) {
    }
}

void rpc_conversation::log_request(std::string_view id_text, std::string_view method,
                                   std::string_view outcome) const
{
    log_.debug("request " + std::string(id_text) + " from " + by_.peer().text() + ": " +
               shortened(method) + ": " + std::string(outcome));
}

} // namespace warmd

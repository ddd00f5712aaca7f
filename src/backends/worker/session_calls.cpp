// What a worker says, and the calls it is given.

#include "worker/session.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace warmd::worker {

namespace {

/// Not yet taken by the worker; further calls wait until it is.
constexpr std::size_t most_unsent = 4 << 20;

time_point now() { return std::chrono::steady_clock::now(); }

} // namespace

void session::take(const conversation::event& what)
{
    if (const auto* reply = std::get_if<conversation::reply>(&what))
        take_reply(*reply);
    else if (const auto* note = std::get_if<conversation::note>(&what))
        take_note(*note);
    else
        violated(std::get<conversation::violation>(what).what);
}

void session::violated(const std::string& what)
{
    if (supervisor_.state() != life::stopping)
        log_.error("the worker " + what_.kind + " of " + what_.key + " broke the protocol: it " +
                   what);
    apply(supervisor_.violated(what, now()));
}

void session::take_reply(const conversation::reply& what)
{
    if (const auto control = control_.extract(what.to))
        take_control(control.mapped(), what);
    else if (const auto call = asked_.extract(what.to))
        take_outcome(call.mapped(), what);
    pump();
}

void session::take_control(effect::message which, const conversation::reply& what)
{
    if (which == effect::message::shutdown)
        return;
    if (!what.outcome) {
        if (which == effect::message::ping)
            return violated("refused a ping: " + what.outcome.error().detail);
        if (!failed_)
            failed_ = what.outcome.error();
        return apply(supervisor_.refused(what.outcome.error().detail, now()));
    }
    if (const auto taken = take_answer(which, **what.outcome); !taken)
        violated(taken.error().detail);
}

result<void> session::take_answer(effect::message which, const json_node& answer)
{
    switch (which) {
    case effect::message::hello: {
        auto has = read_hello(answer);
        if (!has)
            return has.error();
        has_ = std::move(*has);
        break;
    }
    case effect::message::estimate:
        if (auto sound = read_estimate(answer); !sound)
            return sound;
        break;
    case effect::message::load: {
        const auto loaded = read_load(answer);
        if (!loaded)
            return loaded.error();
        loaded_model_ = *loaded;
        break;
    }
    default: {
        const auto steps = read_ping(answer);
        if (!steps)
            return steps.error();
        apply(supervisor_.pong(*steps, !asked_.empty(), now()));
        return {};
    }
    }
    apply(supervisor_.answered(now()));
    return {};
}

void session::take_note(const conversation::note& what)
{
    if (what.method == "$/token")
        take_token(*what.params);
    else if (what.method == "$/progress")
        take_progress(*what.params);
}

void session::take_token(const json_node& params)
{
    using kind = json_node::kind;
    const json_node* const id = params.find("id");
    const bool numbered = id && (id->what() == kind::int64 || id->what() == kind::uint64);
    const auto asked = numbered ? asked_.find(id->uint64()) : asked_.end();
    if (asked == asked_.end())
        return violated("sent a token for what is not under way");
    supervisor_.moved(now());
    const auto call = calls_.find(asked->second);
    if (call == calls_.end())
        return; // given up
    if (!call->second.what.on_token)
        return violated("sent a token that was not asked for");
    const auto token = read_token(params, loaded_model_.vocab_size);
    if (!token)
        return violated(token.error().detail);
    call->second.what.on_token(*token);
}

/// Of a load; what is under way besides needs none.
void session::take_progress(const json_node& params)
{
    supervisor_.moved(now());
    const json_node* const value = params.find("value");
    const auto bytes = [&](std::string_view called) -> std::optional<std::uint64_t> {
        const json_node* const found = value && value->is_object() ? value->find(called) : nullptr;
        if (!found || !found->is_number() || !(found->number() >= 0) || found->number() > 1e18)
            return {};
        return static_cast<std::uint64_t>(found->number());
    };
    const auto done = bytes("bytes_done"), total = bytes("bytes_total");
    if (!served_ && done && total)
        told_.progress(*done, *total);
}

// -- calls --------------------------------------------------

void session::submit(call what)
{
    asio::post(executor_, [self = shared_from_this(), one = std::move(what)]() mutable {
        self->accept(std::move(one));
    });
}

std::optional<failure> session::objection(const call& what) const
{
    if (failed_)
        return failed_;
    if (auto why = lacks(has_, what.what))
        return why;
    if (const std::size_t given = given_tokens(what.what); given > what.max_tokens)
        return too_many_tokens(given, what.max_tokens);
    if (what.stop.stop_requested())
        return failure{errc::cancelled, "asked to stop"};
    if (loaded_model_.vocab_size != 0)
        return too_much_to_list(what.what, loaded_model_.vocab_size, what.max_reply_bytes);
    return {};
}

void session::accept(call what)
{
    if (auto why = objection(what))
        return what.complete(std::move(*why));
    const number which = ++last_number_;
    pending& made = calls_[which];
    made.what = std::move(what);
    waiting_.push(which, made.what.origin, made.what.priority);
    running_ = calls_.size();
    made.on_stop.emplace(made.what.stop, [weak = weak_from_this(), on = executor_, which] {
        asio::post(on, [weak, which] {
            if (const auto self = weak.lock())
                self->cancel(which);
        });
    });
    pump();
}

/// Gives the worker as many calls as it takes at once.
void session::pump()
{
    if (!served_ || failed_)
        return;
    const bool idle = asked_.empty();
    while (asked_.size() < has_.batching && unsent_.size() - sent_ < most_unsent) {
        const auto next = waiting_.pop();
        if (!next)
            break;
        const call& what = calls_.at(*next).what;
        if (what.on_start)
            what.on_start();
        const auto* apart = std::get_if<diverge>(&what.what);
        ask(*next,
            apart ? text_of(*apart, apart->from, what_.model, what.fresh)
                  : text_of(what.what, what_.model, static_cast<bool>(what.on_token), what.fresh));
    }
    if (idle && !asked_.empty())
        supervisor_.busy(now());
    write();
}

void session::ask(number which, const call_text& text)
{
    const request_id id = conversation_.ask(text.method, text.params, unsent_);
    asked_.emplace(id, which);
    calls_.at(which).asked = id;
}

void session::take_outcome(number which, const conversation::reply& what)
{
    supervisor_.moved(now());
    const auto found = calls_.find(which);
    if (found == calls_.end())
        return; // given up
    if (!what.outcome) {
        failure why = what.outcome.error();
        if (why.code == errc::cancelled) // nobody has asked for that
            why.code = errc::backend_failed;
        return complete(which, std::move(why));
    }
    auto told = read_outcome(found->second.what.what, **what.outcome, loaded_model_.vocab_size);
    if (!told)
        return violated(told.error().detail);
    if (std::holds_alternative<diverge>(found->second.what.what))
        take_divergence(which, std::get<distributions>(std::move(*told)));
    else
        complete(which, std::move(*told));
}

void session::take_divergence(number which, distributions found)
{
    pending& of = calls_.at(which);
    const auto& what = std::get<diverge>(of.what.what);
    if (!of.first) {
        of.first = std::move(found);
        return ask(which, text_of(what, what.to, what_.model, of.what.fresh));
    }
    divergence_report report = compare(what.kind, of.first->slices, found.slices);
    if (auto why = first_failure(what.on_error, report.per_prompt))
        complete(which, std::move(*why));
    else
        complete(which, outcome(std::move(report)));
}

void session::complete(number which, result<outcome> told)
{
    auto done = calls_.extract(which);
    running_ = calls_.size();
    const std::size_t given = told ? tokens_in(*told) : 0;
    done.mapped().what.complete(std::move(told),
                                std::max(given, given_tokens(done.mapped().what.what)));
}

/// Whether the worker heeds that or not: its place is taken until it has answered.
void session::cancel(number which)
{
    const auto found = calls_.find(which);
    if (found == calls_.end())
        return;
    if (found->second.asked)
        conversation::cancel(*found->second.asked, unsent_);
    else
        waiting_.remove(which);
    complete(which, failure{errc::cancelled, "asked to stop"});
    write();
}

} // namespace warmd::worker

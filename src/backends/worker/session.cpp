#include "worker/session.hpp"

#include <boost/asio/post.hpp>

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace warmd::worker {

namespace {

/// Of what one worker says, before others are listened to.
constexpr int reads_in_a_row = 16;

time_point now() { return std::chrono::steady_clock::now(); }

} // namespace

session::session(io_executor executor, assignment what, listeners told, logger log)
    : executor_(executor), what_(std::move(what)), told_(std::move(told)), log_(std::move(log)),
      supervisor_(what_.with), in_(executor), out_(executor), err_(executor), ended_(executor),
      alarm_(executor)
{
    status_ = {.kind = what_.kind,
               .key = what_.key,
               .state = name(life::starting),
               .restarts = what_.restarts,
               .sandbox = what_.sandbox};
}

void session::start()
{
    asio::post(executor_, [self = shared_from_this()] { self->begin(); });
}

void session::stop()
{
    asio::post(executor_, [self = shared_from_this()] {
        if (self->process_)
            self->apply(self->supervisor_.stop(now()));
    });
}

worker_status session::status() const
{
    const std::lock_guard lock(mutex_);
    return status_;
}

void session::describe(const std::string& trouble)
{
    const std::lock_guard lock(mutex_);
    status_.state = name(supervisor_.state());
    status_.pid = process_ && supervisor_.state() != life::gone ? process_->id() : 0;
    status_.device_bytes = loaded_model_.device_bytes;
    if (!trouble.empty())
        status_.trouble = trouble;
}

void session::wait_until_gone()
{
    gone_.get_future().wait();
    if (process_)
        process_->finish();
}

// -- its process --------------------------------------------------

void session::begin()
{
    auto started = process::start(what_.how);
    if (!started) {
        loaded_.set_value(failure{errc::load_failed, started.error().detail});
        failed_ = started.error();
        gone_.set_value();
        return;
    }
    process_.emplace(std::move(*started));
    in_.assign(process_->in.release());
    out_.assign(process_->out.release());
    err_.assign(process_->err.release());
    ended_.assign(process_->ended.release());
    read_out();
    read_err();
    watch_end();
    apply(supervisor_.started(now()));
}

void session::apply(const effects& all)
{
    for (const any_effect& each : all)
        std::visit([this](const auto& one) { perform(one); }, each);
    describe({});
    wake_later();
    write();
}

void session::wake_later()
{
    const auto when = supervisor_.wake();
    if (!when) {
        alarm_.cancel();
    } else if (alarm_.expiry() != *when) {
        alarm_.expires_at(*when);
        alarm_.async_wait([self = shared_from_this()](const error_code& ec) {
            if (!ec)
                self->apply(self->supervisor_.tick(now()));
        });
    }
}

void session::perform(const effect::say& what)
{
    using message = effect::message;
    const std::string about = R"({"model":)" + what_.model;
    request_id id = 0;
    switch (what.what) {
    case message::hello: id = conversation_.ask("hello", R"({"protocol":1})", unsent_); break;
    case message::estimate: id = conversation_.ask("estimate", about + '}', unsent_); break;
    case message::load:
        id = conversation_.ask("load", about + R"(,"progress":true})", unsent_);
        break;
    case message::ping: id = conversation_.ask("ping", "{}", unsent_); break;
    case message::shutdown: id = conversation_.ask("shutdown", "{}", unsent_); break;
    }
    control_.emplace(id, what.what);
}

/// One that is stopped could not obey.
void session::perform(const effect::terminate&)
{
    process_->signal(SIGTERM);
    process_->signal(SIGCONT);
}
void session::perform(const effect::kill&) { process_->signal(SIGKILL); }

void session::perform(const effect::serve&)
{
    served_ = true;
    loaded_.set_value(loaded_model_);
    pump();
}

void session::perform(const effect::fail& what)
{
    const std::string who = "the worker " + what_.kind +
                            (process_ ? " (process " + std::to_string(process_->id()) + ")" : "");
    if (!failed_)
        failed_ = failure{served_ ? errc::backend_failed : errc::load_failed,
                          who + ' ' + what.why + last_.quoted()};
    describe(failed_->detail);
    if (served_) // first: who has his failure must not find the model there when he asks again
        told_.lost(*failed_);
    else
        loaded_.set_value(*failed_);
    auto calls = std::exchange(calls_, {});
    for (auto& [which, each] : calls) {
        waiting_.remove(which);
        each.what.complete(*failed_);
    }
    running_ = 0;
}

void session::watch_end()
{
    ended_.async_wait(io_descriptor::wait_read, [self = shared_from_this()](const error_code& ec) {
        if (!ec)
            self->end();
    });
}

/// What it said before it ended still counts.
void session::end()
{
    while (take_out()) {
    }
    while (take_err()) {
    }
    const bool asked_to = supervisor_.state() == life::stopping;
    if (!asked_to || served_)
        log_.info("the worker " + what_.kind + " of " + what_.key + ' ' + process_->how_it_ended());
    const bool told = served_ || failed_;
    apply(supervisor_.exited(process_->how_it_ended()));
    if (!told && !failed_) // it was stopped before it had loaded
        loaded_.set_value(failure{errc::load_failed, "the load was stopped"});
    if (!failed_)
        failed_ = failure{errc::backend_failed, "the worker has ended"};
    error_code ignored;
    for (io_descriptor* each : {&in_, &out_, &err_, &ended_})
        each->close(ignored);
    alarm_.cancel();
    gone_.set_value();
}

// -- its pipes --------------------------------------------------

void session::read_out()
{
    out_.async_wait(io_descriptor::wait_read, [self = shared_from_this()](const error_code& ec) {
        if (ec)
            return;
        bool more = true;
        for (int reads = 0; more && reads != reads_in_a_row; ++reads)
            more = self->take_out();
        if (self->out_.is_open())
            self->read_out();
    });
}

/// Reads once, and takes what that has brought. False: there is no more for now, or for ever.
bool session::take_out()
{
    if (!out_.is_open())
        return false;
    const std::span<char> space = conversation_.space();
    const ssize_t n = ::read(out_.native_handle(), space.data(), space.size());
    if (n < 0)
        return errno == EINTR;
    if (n == 0) {
        error_code ignored;
        out_.close(ignored);
        apply(supervisor_.closed(now()));
        return false;
    }
    conversation_.filled(static_cast<std::size_t>(n));
    for (;;) {
        const conversation::event said = conversation_.next();
        if (std::holds_alternative<conversation::nothing>(said))
            break;
        take(said);
        if (std::holds_alternative<conversation::violation>(said)) {
            error_code ignored;
            out_.close(ignored);
            return false;
        }
    }
    write();
    return true;
}

void session::read_err()
{
    err_.async_wait(io_descriptor::wait_read, [self = shared_from_this()](const error_code& ec) {
        if (ec)
            return;
        self->take_err();
        if (self->err_.is_open())
            self->read_err();
    });
}

bool session::take_err()
{
    if (!err_.is_open())
        return false;
    char text[4096];
    const ssize_t n = ::read(err_.native_handle(), text, sizeof text);
    if (n > 0)
        last_.add({text, static_cast<std::size_t>(n)}, [&](std::string_view line) {
            if (log_.enabled(log_level::debug))
                log_.debug("worker " + what_.kind + '[' + std::to_string(process_->id()) +
                           "]: " + std::string(line));
        });
    if (n == 0) {
        error_code ignored;
        err_.close(ignored);
    }
    return n > 0 || (n < 0 && errno == EINTR);
}

void session::write()
{
    while (!writing_ && sent_ != unsent_.size() && in_.is_open()) {
        const ssize_t n =
            ::write(in_.native_handle(), unsent_.data() + sent_, unsent_.size() - sent_);
        if (n >= 0) {
            sent_ += static_cast<std::size_t>(n);
        } else if (errno == EAGAIN) {
            writing_ = true;
            in_.async_wait(io_descriptor::wait_write,
                           [self = shared_from_this()](const error_code& ec) {
                               self->writing_ = false;
                               if (ec)
                                   return;
                               self->write();
                               self->pump();
                           });
        } else if (errno != EINTR) {
            error_code ignored;
            in_.close(ignored);
            apply(supervisor_.closed(now()));
        }
    }
    if (sent_ == unsent_.size()) {
        unsent_.clear();
        sent_ = 0;
    }
}

} // namespace warmd::worker

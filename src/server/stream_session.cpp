#include "server/stream_session.hpp"

#include "wire/rpc_conversation.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace warmd {

stream_session::stream_session(io_executor executor, stream_pair between, const dispatcher& methods,
                               const session_limits& limits, logger log, std::function<void()> look)
    : executor_(std::move(executor)), in_(executor_, between.in), out_(executor_, between.out),
      counts_(methods.counted()->connections), limits_(limits), log_(std::move(log)),
      look_(std::move(look)), conversation_(std::make_unique<rpc_conversation>(
                                  static_cast<carrier&>(*this), methods, limits_, log_))
{
}

/// Whoever started us: nobody else has these descriptors.
peer_name stream_session::peer() const noexcept { return {::geteuid(), ::getppid(), 1}; }

void stream_session::start(std::function<void()> gone)
{
    gone_ = std::move(gone);
    open_ = true;
    out_.non_blocking(true);
    ++counts_.accepted;
    ++counts_.open;
    post_turn();
}

void stream_session::drain()
{
    if (!open_ || std::exchange(draining_, true))
        return;
    error_code ignored;
    in_.cancel(ignored);
    post_turn();
}

void stream_session::stop()
{
    if (!std::exchange(open_, false))
        return;
    error_code ignored;
    in_.close(ignored);
    out_.close(ignored);
    waiting_.clear();
    conversation_->stop();
    wind_up();
}

void stream_session::give_up(std::string_view why) noexcept
{
    try {
        log_.error("standard input and output are closed: " + std::string(why));
    } catch (const std::exception&) {
    }
    stop();
}

// -- turns ------------------------------------------------------------

void stream_session::post_turn()
{
    if (std::exchange(turn_posted_, true))
        return;
    asio::post(executor_, [self = shared_from_this()] {
        self->turn_posted_ = false;
        self->take_turn();
    });
}

void stream_session::take_turn()
{
    if (!open_)
        return wind_up();
    turn left;
    try {
        if (!reading_)
            converse(left);
    } catch (const std::exception& trouble) {
        return give_up(trouble.what());
    }
    write();
    if (is_unread_too_much()) {
        ++counts_.slow_reader;
        log_.error("closing standard output: nobody reads it");
        return stop();
    }
    wind_up();
}

/// Carries out what has come. What is hungry reads on; what is full waits until something was
/// written or has ended.
void stream_session::converse(turn& left)
{
    if (standing_ == standing::full && !conversation_->has_room())
        return;
    if (standing_ == standing::ended || (standing_ == standing::refused && input_ended_))
        return;
    look_();
    if (draining_ && standing_ == standing::hungry)
        end_input();
    standing_ = conversation_->work(left);
    if (standing_ == standing::unfinished)
        post_turn();
    else if (standing_ == standing::hungry && input_ended_)
        standing_ = standing::ended; // asking again would spin
    else if (standing_ == standing::hungry)
        draining_ ? post_turn() : read();
    else if (standing_ == standing::refused)
        end_input();
}

void stream_session::read()
{
    const std::span<char> space = conversation_->space();
    reading_ = true;
    in_.async_read_some(asio::buffer(space.data(), space.size()),
                        [self = shared_from_this()](const error_code& ec, std::size_t bytes) {
                            self->reading_ = false;
                            if (self->open_ && !ec)
                                self->conversation_->filled(bytes);
                            else if (self->open_)
                                self->end_input();
                            self->take_turn();
                        });
}

void stream_session::end_input()
{
    if (std::exchange(input_ended_, true))
        return;
    conversation_->end_input(draining_ ? inbox::ending::by_us : inbox::ending::by_client);
    watch_reader();
}

/// Whoever sends nothing more may have gone altogether: nobody waits for what is under way then.
void stream_session::watch_reader()
{
    out_.async_wait(io_descriptor::wait_error, [self = shared_from_this()](const error_code& ec) {
        if (!ec)
            self->stop();
    });
}

bool stream_session::is_unread_too_much() const
{
    return writing_ && waiting_.unsent() + conversation_->held_back() > limits_.max_unread_bytes;
}

/// What is ready, as far as the output takes it: the rest once it takes more.
void stream_session::write()
{
    while (open_ && !writing_ && waiting_.unsent() != 0) {
        const std::string_view next = waiting_.next();
        const ssize_t n = ::write(out_.native_handle(), next.data(), next.size());
        if (n >= 0)
            waiting_.sent(static_cast<std::size_t>(n));
        else if (errno == EAGAIN)
            write_later();
        else if (errno != EINTR)
            return stop();
    }
    if (open_ && !writing_)
        conversation_->caught_up();
}

void stream_session::write_later()
{
    writing_ = true;
    out_.async_wait(io_descriptor::wait_write, [self = shared_from_this()](const error_code& ec) {
        self->writing_ = false;
        if (ec)
            self->stop();
        self->take_turn();
    });
}

/// Called after anything that may have been the last.
void stream_session::wind_up()
{
    if (conversation_->in_flight() != 0 || reading_ || writing_)
        return;
    const bool all_read = standing_ == standing::ended || standing_ == standing::refused;
    if (open_ && all_read && waiting_.unsent() == 0)
        return stop();
    if (!open_ && gone_) {
        --counts_.open;
        std::exchange(gone_, nullptr)();
    }
}

} // namespace warmd

#include <warmd/session.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace warmd {

namespace {

constexpr std::size_t kept_output = 64 * 1024; // a larger buffer is given back once it is sent

/// How long a refused client has to read the error before the socket goes: closing while it still writes would have it see
/// a broken pipe instead.
constexpr std::chrono::seconds linger_time{2};

} // namespace

/// The replies to one batch, sent together when all are there.
struct session::batch {
    std::size_t left = 0;
    std::string text; // "[reply,reply"
};

/// One request in flight, and its handler's view of the client. Shared with the handler's helpers on other threads, which
/// may only notify(); the rest belongs to the session's executor.
class session::call : public caller, public std::enable_shared_from_this<call> {
public:
    call(const std::shared_ptr<session>& owner, rpc::request& request, std::shared_ptr<batch> within)
        : owner_(owner), executor_(owner->socket_.get_executor()), peer_uid_(owner->peer_uid_), id_(request.id),
          id_text_(std::move(request.id_text)), answered_(!request.notification), batch_(std::move(within))
    {
    }

    const json::value& id() const noexcept override { return id_; }
    unsigned peer_uid() const noexcept override { return peer_uid_; }

    // On the session's executor this runs at once: a notification must not be overtaken by the reply that follows it.
    void notify(std::string_view name, std::string params) override
    {
        asio::dispatch(executor_, [self = shared_from_this(), name = std::string(name), params = std::move(params)] {
            const auto owner = self->owner_.lock();
            if (owner && self->open_ && !owner->notify(name, params))
                ++self->dropped_;
        });
    }

    void set_timeout(std::chrono::nanoseconds limit) override
    {
        if (!running_)
            return;
        if (!deadline_)
            deadline_.emplace(executor_);
        deadline_->expires_after(limit);
        deadline_->async_wait([self = shared_from_this()](error_code ec) {
            // A wait that was cancelled too late reports success: whether the deadline is still there and past tells.
            if (!ec && self->deadline_ && self->deadline_->expiry() <= std::chrono::steady_clock::now())
                self->end_early(failure{errc::timeout, "the request's timeout passed before there was a result"});
        });
    }

    bool outlive_reply(std::function<void(std::size_t)> caught_up) override
    {
        const auto owner = owner_.lock();
        if (!owner || !running_ || owner->kept_.size() >= max_kept_callers)
            return false;
        owner->kept_.push_back(shared_from_this());
        kept_ = true;
        caught_up_ = std::move(caught_up);
        return true;
    }

    /// The client reads again.
    void catch_up()
    {
        if (const std::size_t dropped = std::exchange(dropped_, 0); dropped != 0 && caught_up_)
            caught_up_(dropped);
    }

    /// Asks the handler to stop; the first reason given is the answer, unless the handler has a result all the same.
    void end_early(failure why)
    {
        if (!running_ || reason_)
            return;
        reason_ = std::move(why);
        stop();
    }
    void stop() { stop_.emit(asio::cancellation_type::terminal); }

    /// The handler has ended.
    void end()
    {
        running_ = false;
        open_ = kept_;
        deadline_.reset();
    }

    bool answered() const { return answered_; }
    const std::string& id_text() const { return id_text_; }
    batch* within() const { return batch_.get(); }
    const std::optional<failure>& reason() const { return reason_; }
    asio::cancellation_slot slot() { return stop_.slot(); }

private:
    const std::weak_ptr<session> owner_;
    const asio::any_io_executor executor_;
    const unsigned peer_uid_;
    const json::value id_;
    const std::string id_text_;
    const bool answered_; // false: a notification
    const std::shared_ptr<batch> batch_;

    bool running_ = true;
    bool open_ = true; // notify() has an effect
    bool kept_ = false;
    std::function<void(std::size_t)> caught_up_; // kept_ only
    std::size_t dropped_ = 0;                    // notifications, since caught_up_ was told
    asio::cancellation_signal stop_;
    std::optional<asio::steady_timer> deadline_;
    std::optional<failure> reason_;
};

session::session(socket connected, unsigned peer_uid, const dispatcher& methods, session_limits limits, logger log)
    : socket_(std::move(connected)), peer_uid_(peer_uid), dispatcher_(methods), limits_(limits), log_(std::move(log)),
      decoder_(limits.max_frame_bytes), linger_(socket_.get_executor())
{
}

void session::start(std::function<void()> on_end)
{
    on_end_ = std::move(on_end);
    reading_ = true;
    asio::co_spawn(socket_.get_executor(), read(), [self = shared_from_this()](std::exception_ptr thrown) {
        self->reading_ = false;
        if (thrown) { // out of memory, or a bug: this connection is lost, the others are not
            self->log_.error("a connection's reader failed; the connection is closed");
            self->stop();
        }
        self->wind_up();
    });
}

// A client that has not closed its side sees EPIPE from now on; what the kernel holds already is read to its end.
void session::drain()
{
    draining_ = true;
    error_code ignored;
    socket_.shutdown(socket::shutdown_receive, ignored);
}

void session::stop()
{
    if (!socket_.is_open())
        return;
    close();
    out_.clear();
    const auto in_flight = calls_; // a call may end, and leave calls_, as soon as it is told
    for (const auto& one : in_flight)
        one->stop();
    wind_up();
}

// -- input ----------------------------------------------------------------------------------------------------

asio::awaitable<void> session::read()
{
    const bool whole = co_await serve();
    if (!whole)
        co_await throw_away();
    input_ = input::ended;
    wind_up();
    // A half-close and a hang-up end a read alike. Only the latter ends this wait before the last reply has been sent.
    while (socket_.is_open())
        co_await watch_for_hang_up();
}

/// Starts every message up to the end of input, or to a frame that cannot be read: then false.
asio::awaitable<bool> session::serve()
{
    bool at_end = false;
    while (socket_.is_open()) {
        if (at_end && draining_) // a line cut off by us is no frame
            co_return true;
        const auto frame = at_end ? decoder_.last() : decoder_.next();
        if (!frame) {
            refuse(frame.error());
            co_return false;
        }
        if (*frame) {
            rpc::messages read = rpc::parse(**frame);
            const auto within = read.batch ? std::make_shared<batch>(batch{read.items.size(), {}}) : nullptr;
            for (auto& message : read.items) {
                while (is_full())
                    co_await watch_for_hang_up();
                if (!socket_.is_open())
                    co_return true;
                start_message(std::move(message), within);
            }
            continue;
        }
        if (at_end)
            co_return true;
        const std::span<char> space = decoder_.prepare();
        error_code ec;
        const std::size_t n =
            co_await socket_.async_read_some(asio::buffer(space.data(), space.size()), asio::redirect_error(asio::use_awaitable, ec));
        if (ec && ec != asio::error::eof)
            stop();
        at_end = ec == asio::error::eof;
        decoder_.commit(n);
    }
    co_return true;
}

/// Reads what a client still sends after a frame that could not be read: it would see its own write fail otherwise,
/// and might never look at the error.
asio::awaitable<void> session::throw_away()
{
    input_ = input::refused;
    wind_up();
    error_code ec;
    const std::span<char> space = decoder_.prepare();
    while (!ec && socket_.is_open())
        co_await socket_.async_read_some(asio::buffer(space.data(), space.size()), asio::redirect_error(asio::use_awaitable, ec));
    if (ec && ec != asio::error::eof)
        stop();
}

/// Returns once there is room for another request; stops the session if the client hangs up before.
/// Not kept up while reading, where it would cost every read a system call (Asio disables speculative reads then).
asio::awaitable<void> session::watch_for_hang_up()
{
    error_code ec;
    paused_ = true;
    co_await socket_.async_wait(socket::wait_error,
                                asio::bind_cancellation_slot(room_.slot(), asio::redirect_error(asio::use_awaitable, ec)));
    paused_ = false;
    if (!ec)
        stop();
}

bool session::is_backed_up() const { return out_.size() + sending_.size() > max_queued_output; }

bool session::is_full() const { return socket_.is_open() && (calls_.size() >= limits_.max_in_flight || is_backed_up()); }

/// Ends a pause; with many requests in flight not for every single one that ends.
void session::make_room()
{
    const bool enough = calls_.size() < limits_.max_in_flight - limits_.max_in_flight / 8;
    if (paused_ && enough && input_ == input::open && !is_full())
        room_.emit(asio::cancellation_type::terminal);
}

// -- requests -------------------------------------------------------------------------------------------------

void session::start_message(std::variant<rpc::request, rpc::malformed> message, std::shared_ptr<batch> within)
{
    if (const auto* bad = std::get_if<rpc::malformed>(&message)) {
        answer(bad->id_text, bad->why, within.get());
        one_done(within.get());
        flush_soon();
        return;
    }
    auto& request = std::get<rpc::request>(message);
    if (request.notification && request.method == "$/cancelRequest") {
        cancel(request.params);
        one_done(within.get());
        flush_soon();
        return;
    }
    start_call(std::move(request), std::move(within));
}

void session::start_call(rpc::request request, std::shared_ptr<batch> within)
{
    const auto self = shared_from_this();
    const auto one = std::make_shared<call>(self, request, std::move(within));
    calls_.insert(one);
    // On this very executor: the handler starts inline, and its signal is emitted from where it runs.
    asio::co_spawn(socket_.get_executor(), dispatcher_.answer(std::move(request), one),
                   asio::bind_cancellation_slot(one->slot(), [self, one](std::exception_ptr thrown, result<std::string> reply) {
                       self->finish(one, thrown, std::move(reply));
                   }));
}

void session::finish(const std::shared_ptr<call>& done, std::exception_ptr thrown, result<std::string> reply)
{
    calls_.erase(done);
    done->end();
    if (socket_.is_open()) {
        if (thrown)
            reply = done->reason().value_or(failure{errc::internal_error, "the request was aborted, and nobody had asked for that"});
        if (!reply && reply.error().code == errc::internal_error)
            log_.error("request " + done->id_text() + ": " + reply.error().detail);
        if (done->answered())
            answer(done->id_text(), reply, done->within());
        one_done(done->within());
        // Replies that become ready in this turn leave together; the last one waits for nobody.
        if (calls_.empty())
            flush();
        else
            flush_soon();
        make_room();
    }
    wind_up();
}

void session::cancel(const json::object& params)
{
    const json::value* const id = params.if_contains("id");
    if (!id)
        return;
    const auto in_flight = calls_;
    for (const auto& one : in_flight) {
        if (one->answered() && one->id() == *id)
            one->end_early(failure{errc::cancelled, "cancelled by $/cancelRequest"});
    }
}

void session::refuse(const failure& why)
{
    answer("null", why, nullptr);
    flush_soon();
}

// -- output ---------------------------------------------------------------------------------------------------

void session::answer(std::string_view id_text, const result<std::string>& reply, batch* within)
{
    std::string& out = within ? within->text : out_;
    const std::size_t start = out.size();
    if (within)
        out += out.empty() ? '[' : ',';
    if (reply)
        rpc::append_success(out, id_text, *reply);
    else
        rpc::append_failure(out, id_text, reply.error());
    if (!within)
        close_frame(out, decoder_.kind(), start);
}

/// One item of a batch has been dealt with; the last one sends what there is to send.
void session::one_done(batch* within)
{
    if (within && --within->left == 0 && !within->text.empty())
        append_frame(out_, decoder_.kind(), within->text += ']');
}

/// False: dropped.
bool session::notify(std::string_view name, std::string_view params)
{
    if (!socket_.is_open() || (is_backed_up() && name != "$/token"))
        return false;
    const std::size_t start = out_.size();
    rpc::append_notification(out_, name, params);
    close_frame(out_, decoder_.kind(), start);
    flush_soon();
    return true;
}

/// After what is ready to run now.
void session::flush_soon()
{
    if (flush_posted_ || writing_ || out_.empty())
        return;
    flush_posted_ = true;
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
        self->flush_posted_ = false;
        self->flush();
    });
}

void session::flush()
{
    if (writing_ || out_.empty() || !socket_.is_open())
        return;
    writing_ = true;
    std::swap(out_, sending_);
    asio::async_write(socket_, asio::buffer(sending_), [self = shared_from_this()](error_code ec, std::size_t) { self->written(ec); });
}

void session::written(error_code ec)
{
    writing_ = false;
    if (sending_.capacity() > kept_output)
        sending_ = {};
    sending_.clear();
    if (ec)
        stop();
    flush();
    if (!is_backed_up())
        for (const auto& each : kept_)
            each->catch_up();
    make_room();
    wind_up();
}

// -- the end --------------------------------------------------------------------------------------------------

/// Called after anything that may have been the last: closes the socket once everything is answered, and says so once
/// nothing is left.
void session::wind_up()
{
    const bool answered = calls_.empty() && out_.empty() && !writing_;
    if (answered && socket_.is_open() && input_ == input::ended)
        close();
    if (answered && socket_.is_open() && input_ == input::refused)
        linger();
    if (answered && !socket_.is_open() && !reading_ && on_end_)
        std::exchange(on_end_, nullptr)();
}

void session::linger()
{
    if (std::exchange(lingering_, true))
        return;
    error_code ignored;
    socket_.shutdown(socket::shutdown_send, ignored);
    linger_.expires_after(linger_time);
    linger_.async_wait([self = shared_from_this()](error_code ec) {
        if (!ec)
            self->stop();
    });
}

void session::close()
{
    error_code ignored;
    socket_.close(ignored);
    linger_.cancel();
    kept_.clear();
}

} // namespace warmd

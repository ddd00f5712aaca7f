#include "server/session.hpp"

#include "server/session_call.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

namespace warmd {

namespace {

constexpr std::size_t kept_output = 64 * 1024; // a larger buffer is given back once it is sent

/// A client that writes without pause is read this often before others have their turn, and one
/// that reads without pause is sent this many bytes.
constexpr int reads_in_a_row = 8;
constexpr std::size_t bytes_in_a_row = 1024 * 1024;

/// How long a refused client has to read the error before the socket goes: closing while it still
/// writes would have it see a broken pipe instead.
constexpr std::chrono::seconds linger_time{2};

} // namespace

session::session(socket connected, peer_name peer, std::shared_ptr<poller> by,
                 const dispatcher& methods, session_limits limits, logger log)
    : executor_(connected.get_executor()), poller_(std::move(by)), socket_(connected.release()),
      peer_(peer), dispatcher_(methods), limits_(limits), log_(std::move(log)),
      decoder_(limits.max_frame_bytes), linger_(executor_)
{
}

session::~session()
{
    if (is_open())
        ::close(socket_);
}

void session::start(std::function<void()> on_end)
{
    on_end_ = std::move(on_end);
    if (const error_code ec = poller_->add(socket_, *this)) {
        log_.error("a connection cannot be watched: " + ec.message());
        ::close(std::exchange(socket_, -1));
        wind_up();
    }
}

// A client that has not closed its side sees EPIPE from now on; what the kernel holds already is
// read to its end.
void session::drain()
{
    draining_ = true;
    if (is_open())
        ::shutdown(socket_, SHUT_RD);
}

void session::stop()
{
    if (!is_open())
        return;
    close();
    out_.clear();
    sending_.clear();
    const auto in_flight = calls_; // a call may end, and leave calls_, as soon as it is told
    for (const auto& one : in_flight)
        one->stop();
    wind_up();
}

// -- input ------------------------------------------------------------

void session::ready(std::uint32_t events)
{
    const auto self = shared_from_this();
    hung_up_ = hung_up_ || (events & (EPOLLHUP | EPOLLERR)) != 0;
    ending_ = ending_ || hung_up_ || (events & EPOLLRDHUP) != 0;
    readable_ = readable_ || (events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0;
    if ((events & EPOLLOUT) != 0)
        blocked_ = false;
    work();
}

/// Starts every message that has come, as long as there is room for it; then sends the replies that
/// are ready.
void session::work()
{
    working_ = true;
    paused_ = false;
    try {
        for (int reads = 0; is_open() && input_ == input::open;) {
            if (is_full() && (flush(), is_full())) {
                paused_ = true;
                break;
            }
            if (start_next() || input_ != input::open)
                continue;
            if (at_end_)
                end_input();
            else if (!readable_)
                break;
            else if (reads++ != reads_in_a_row)
                receive();
            else {
                asio::post(executor_, [self = shared_from_this()] { self->work(); });
                break;
            }
        }
        if (input_ == input::refused)
            throw_away();
        if (hung_up_ && (paused_ || input_ == input::ended))
            stop();
        flush();
    } catch (const std::exception&
                 trouble) { // out of memory, or a bug: this connection is lost, the others are not
        log_.error(std::string("a connection's reader failed; the connection is closed: ") +
                   trouble.what());
        stop();
    }
    working_ = false;
    wind_up();
}

/// Starts the next message, or reads the frame that holds it; false if none has come.
bool session::start_next()
{
    if (const auto message = reader_.next()) {
        start_message(*message);
        return true;
    }
    if (const auto read_through = std::exchange(within_, nullptr))
        one_done(read_through.get());
    if (at_end_ && draining_) // a line cut off by us is no frame
        return false;
    const auto frame = at_end_ ? decoder_.last() : decoder_.next();
    if (!frame) {
        input_ = input::refused;
        dispatcher_.counts_of({}).add(frame.error().code);
        answer("null", frame.error(), nullptr);
        return false;
    }
    if (!*frame)
        return false;
    times_.frame_came();
    reader_.read(**frame);
    if (reader_.batch())
        within_ = std::make_shared<batch>();
    return true;
}

void session::receive()
{
    const std::span<char> space = decoder_.prepare();
    const ssize_t n = ::recv(socket_, space.data(), space.size(), MSG_DONTWAIT);
    if (n > 0) {
        decoder_.commit(static_cast<std::size_t>(n));
        times_.moved();
        const bool filled = static_cast<std::size_t>(n) ==
                            space.size(); // else what there was is read: the poller tells of more
        readable_ = ending_ || filled;
    } else if (n == 0) {
        at_end_ = true;
    } else if (errno == EAGAIN) {
        readable_ = false;
    } else if (errno != EINTR) {
        stop();
    }
}

/// Reads what a client still sends after a frame that could not be read: it would see its own write
/// fail otherwise, and might never look at the error.
void session::throw_away()
{
    flush();
    wind_up();
    char space[4096];
    while (is_open() && readable_) {
        const ssize_t n = ::recv(socket_, space, sizeof space, MSG_DONTWAIT);
        if (n == 0)
            return end_input();
        if (n < 0 && errno == EAGAIN)
            readable_ = false;
        else if (n < 0 && errno != EINTR)
            stop();
    }
}

void session::end_input()
{
    input_ = input::ended;
    readable_ = false;
}

bool session::is_backed_up() const { return unsent() > max_queued_output; }

bool session::is_full() const
{
    return is_open() && (calls_.size() >= limits_.max_in_flight || is_backed_up());
}

/// Ends a pause; with many requests in flight not for every single one that ends.
void session::make_room()
{
    const bool enough = calls_.size() < limits_.max_in_flight - limits_.max_in_flight / 8;
    if (paused_ && enough && input_ == input::open && !is_full())
        work();
}

// -- requests ------------------------------------------------------------

void session::start_message(const rpc::item& message)
{
    const auto* const request = std::get_if<rpc::request>(&message);
    if (!request) {
        const auto& bad = std::get<rpc::malformed>(message);
        std::string id_text;
        rpc::append_id(id_text, bad.id);
        dispatcher_.counts_of({}).add(bad.why.code);
        answer(id_text, bad.why, within_.get());
    } else if (request->notification() && request->method == "$/cancelRequest") {
        cancel(*request->params);
    } else if (!answer_at_once(*request)) {
        start_call(*request);
    }
}

/// The whole way of a hit: from the frame into the buffer of replies, without a coroutine.
bool session::answer_at_once(const rpc::request& request)
{
    if (request.notification())
        return false;
    std::string& out = within_ ? within_->text : out_;
    const std::size_t before = out.size();
    const std::size_t start = begin_reply(within_.get());
    rpc::begin_success(out, request.id);
    if (!dispatcher_.answer_at_once(request, out)) {
        out.resize(before);
        return false;
    }
    out += '}';
    end_reply(start, within_.get());
    if (log_.enabled(log_level::debug)) {
        std::string id_text;
        rpc::append_id(id_text, request.id);
        log_request(id_text, request.method, "ok, at once");
    }
    return true;
}

void session::start_call(const rpc::request& request)
{
    const std::uint64_t in_flight = dispatcher_.counted()->in_flight;
    if (in_flight >= limits_.max_in_flight_total)
        return refuse(request,
                      {.code = errc::busy,
                       .detail = std::to_string(in_flight) +
                                 " requests are under way, as many as max_in_flight_total allows",
                       .retry_after_seconds = 1});
    const auto self = shared_from_this();
    const auto one = std::make_shared<call>(self, request);
    calls_.insert(one);
    ++dispatcher_.counted()->in_flight;
    if (within_)
        ++within_->left;
    // On this very executor: the handler starts inline, and its signal is emitted from where it
    // runs.
    asio::co_spawn(
        executor_, dispatcher_.answer(request, one),
        asio::bind_cancellation_slot(
            one->slot(), [self, one](std::exception_ptr thrown, result<std::string> reply) {
                self->finish(one, thrown, std::move(reply));
            }));
}

/// Nothing has been done.
void session::refuse(const rpc::request& request, const failure& why)
{
    dispatcher_.counts_of(request.method).add(why.code);
    if (request.notification())
        return;
    std::string id_text;
    rpc::append_id(id_text, request.id);
    answer(id_text, why, within_.get());
}

void session::finish(const std::shared_ptr<call>& done, std::exception_ptr thrown,
                     result<std::string> reply)
{
    calls_.erase(done);
    --dispatcher_.counted()->in_flight;
    done->end();
    if (thrown)
        reply = done->reason().value_or(
            is_open() ? failure{errc::internal_error,
                                "the request was aborted, and nobody had asked for that"}
                      : failure{errc::disconnected, "its client has gone"});
    if (reply && reply->size() > limits_.max_reply_bytes)
        reply = reply_too_large(limits_.max_reply_bytes);
    done->counts().add(reply ? std::nullopt : std::optional(reply.error().code));
    log_end(*done, reply);
    if (is_open()) {
        if (done->answered())
            answer(done->id_text(), reply, done->within());
        one_done(done->within());
        // Replies that become ready in this turn leave together; the last one waits for nobody.
        if (calls_.empty())
            flush();
        else
            flush_soon();
        make_room();
        if (blocked_ && unsent() > limits_.max_unread_bytes)
            cut_off(dispatcher_.counted()->connections.slow_reader,
                    "it has not read " + std::to_string(unsent()) +
                        " bytes of replies; max_unread_bytes allows " +
                        std::to_string(limits_.max_unread_bytes));
    }
    wind_up();
}

void session::log_end(const call& done, const result<std::string>& reply) const
{
    if (!reply && reply.error().code == errc::internal_error)
        log_.error("request " + done.id_text() + " from " + peer_text() + ": " +
                   reply.error().detail);
    if (const auto& noted = done.what_was_noted()) {
        const std::chrono::duration<double, std::milli> took =
            std::chrono::steady_clock::now() - noted->began;
        log_request(done.id_text(), noted->method,
                    std::string(reply ? "ok" : name(reply.error().code)) + " in " +
                        std::to_string(took.count()) + " ms" +
                        (noted->key.empty() ? "" : ", " + noted->key));
    }
}

void session::log_request(std::string_view id_text, std::string_view method,
                          std::string_view outcome) const
{
    log_.debug("request " + std::string(id_text) + " from " + peer_text() + ": " +
               shortened(method) + ": " + std::string(outcome));
}

std::string session::peer_text() const
{
    return "user " + std::to_string(peer_.uid) + ", process " + std::to_string(peer_.pid);
}

void session::cancel(const json_node& params)
{
    const json_node* const id = params.find("id");
    if (!id)
        return;
    const json::value wanted = id->value();
    const auto in_flight = calls_;
    for (const auto& one : in_flight) {
        if (one->answered() && one->id() == wanted)
            one->end_early(failure{errc::cancelled, "cancelled by $/cancelRequest"});
    }
}

// -- output ------------------------------------------------------------

/// Where one reply, or one of a batch's, begins.
std::size_t session::begin_reply(batch* within)
{
    if (within)
        within->text += within->text.empty() ? '[' : ',';
    return within ? within->text.size() : out_.size();
}

void session::end_reply(std::size_t start, batch* within)
{
    if (!within)
        close_frame(out_, decoder_.kind(), start);
}

void session::answer(std::string_view id_text, const result<std::string>& reply, batch* within)
{
    std::string& out = within ? within->text : out_;
    const std::size_t start = begin_reply(within);
    if (reply)
        rpc::append_success(out, id_text, *reply);
    else
        rpc::append_failure(out, id_text, reply.error());
    end_reply(start, within);
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
    if (!is_open() || (is_backed_up() && name != "$/token"))
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
    if (!flush_posted_ && !working_ && !blocked_ && !out_.empty())
        post_flush();
}

void session::post_flush()
{
    flush_posted_ = true;
    asio::post(executor_, [self = shared_from_this()] {
        self->flush_posted_ = false;
        self->flush();
        self->wind_up();
    });
}

/// Sends what is ready, as far as the socket takes it; the rest when it takes more.
void session::flush()
{
    std::size_t sent = 0;
    while (is_open() && !blocked_ && !flush_posted_ && !(sending_.empty() && out_.empty())) {
        if (sending_.empty())
            std::swap(out_, sending_);
        sent += send_some();
        if (sent >= bytes_in_a_row)
            post_flush();
    }
    if (sent != 0)
        caught_up();
}

/// How many bytes the socket took.
std::size_t session::send_some()
{
    const ssize_t n = ::send(socket_, sending_.data() + sent_, sending_.size() - sent_,
                             MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) {
        blocked_ = true;
        if (!std::exchange(watching_writable_, true))
            poller_->watch_writable(socket_, *this, true);
    } else if (n < 0 && errno != EINTR) {
        stop();
    } else if (n > 0 && (sent_ += static_cast<std::size_t>(n)) == sending_.size()) {
        if (sending_.capacity() > kept_output)
            sending_ = {};
        sending_.clear();
        sent_ = 0;
        if (std::exchange(watching_writable_, false))
            poller_->watch_writable(socket_, *this, false);
    }
    if (n > 0)
        times_.moved();
    return n > 0 ? static_cast<std::size_t>(n) : 0;
}

/// The client reads.
void session::caught_up()
{
    if (!is_backed_up())
        for (const auto& each : kept_)
            each->catch_up();
    if (!working_)
        make_room();
}

// -- the end ------------------------------------------------------------

/// Called after anything that may have been the last: closes the socket once everything is
/// answered, and says so once nothing is left.
void session::wind_up()
{
    const bool answered = calls_.empty() && out_.empty() && sending_.empty();
    if (answered && is_open() && input_ == input::ended)
        close();
    if (answered && is_open() && input_ == input::refused)
        linger();
    if (answered && !is_open() && !working_ && on_end_)
        std::exchange(on_end_, nullptr)();
}

void session::look(std::chrono::steady_clock::time_point now)
{
    if (!is_open())
        return;
    connection_counts& counted = dispatcher_.counted()->connections;
    const bool in_frame =
        input_ == input::open && !paused_ && !readable_ && !at_end_ && decoder_.in_frame();
    times_.look(now, !calls_.empty() || !kept_.empty(), in_frame);
    if (times_.quiet_for(now, limits_.idle_timeout))
        return cut_off(counted.idle,
                       "nothing has passed on it for as long as idle_connection_timeout");
    if (times_.in_frame_for(now, limits_.frame_timeout)) {
        ++counted.half_sent_frame;
        log_.info("closing a connection of " + peer_text() +
                  ": a request on it has not arrived whole");
        input_ = input::refused;
        answer("null",
               failure{errc::timeout,
                       "a request has begun and has not arrived whole within frame_timeout"},
               nullptr);
        work();
    }
}

void session::cut_off(std::uint64_t& counted, std::string_view why)
{
    ++counted;
    log_.info("closing a connection of " + peer_text() + ": " + std::string(why));
    stop();
}

void session::linger()
{
    if (std::exchange(lingering_, true))
        return;
    ::shutdown(socket_, SHUT_WR);
    linger_.expires_after(linger_time);
    linger_.async_wait([self = shared_from_this()](error_code ec) {
        if (!ec)
            self->stop();
    });
}

void session::close()
{
    poller_->remove(socket_, *this);
    ::close(std::exchange(socket_, -1));
    sent_ = 0;
    linger_.cancel();
    kept_.clear();
}

} // namespace warmd

#include "server/connection.hpp"

#include "server/begin_conversation.hpp"

#include <boost/asio/post.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace warmd {

namespace {

/// How long a refused client has to read the error before the socket goes: closing while it still
/// writes would have it see a broken pipe instead.
constexpr std::chrono::seconds linger_time{2};

/// A client that reads without pause is sent this much before others have their turn.
constexpr std::size_t most_sent_in_a_row = 1024 * 1024;

/// As ::recv without waiting.
long read_some(int socket, std::span<char> into, int flags = 0)
{
    for (;;) {
        const ssize_t n = ::recv(socket, into.data(), into.size(), MSG_DONTWAIT | flags);
        if (n >= 0 || errno != EINTR)
            return n;
    }
}

} // namespace

connection::connection(io_executor executor, int socket, peer_name peer, std::shared_ptr<poller> by,
                       const dispatcher& methods, const session_limits& limits, logger log,
                       const http_guard* guard)
    : executor_(std::move(executor)), poller_(std::move(by)), socket_(socket), peer_(peer),
      dispatcher_(methods), counts_(methods.counted()->connections), limits_(limits),
      log_(std::move(log)), guard_(guard), linger_(executor_)
{
}

connection::~connection()
{
    if (is_open())
        ::close(socket_);
}

void connection::start(std::function<void()> on_end)
{
    on_end_ = std::move(on_end);
    if (const error_code ec = poller_->add(socket_, *this)) {
        log_.error("a connection cannot be watched: " + ec.message());
        ::close(socket_);
        life_ = life::closed;
        wind_up();
    }
}

// A client that has not closed its side sees EPIPE from now on; what the kernel holds already is
// read to its end.
void connection::drain()
{
    if (life_ != life::open)
        return;
    life_ = life::draining;
    ::shutdown(socket_, SHUT_RD);
}

void connection::stop()
{
    if (is_open())
        close();
    wind_up();
}

// -- turns ------------------------------------------------------------

void connection::ready(std::uint32_t events)
{
    const bool readable = (events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0;
    hung_up_ = hung_up_ || (events & (EPOLLHUP | EPOLLERR)) != 0;
    if (incoming_ != incoming::at_end && (hung_up_ || (events & EPOLLRDHUP) != 0))
        incoming_ = incoming::ending;
    else if (incoming_ == incoming::quiet && readable)
        incoming_ = incoming::ready;
    if ((events & EPOLLOUT) != 0 && outgoing_ == outgoing::blocked)
        outgoing_ = outgoing::watched;
    take_turn();
}

void connection::take_turn()
{
    const auto self = shared_from_this();
    const activity before = std::exchange(activity_, activity::in_turn);
    turn left;
    try {
        serve(left);
        send(left);
        end_if_nobody_reads();
    } catch (const std::exception& trouble) { // this connection is lost, the others are not
        give_up(trouble.what());
    }
    activity_ = before;
    const bool more_to_send = out_.unsent() != 0 && outgoing_ != outgoing::blocked;
    if (is_open() && (left.over() || more_to_send))
        post_turn();
    wind_up();
}

/// Once others have had theirs.
void connection::post_turn()
{
    if (activity_ != activity::resting)
        return;
    asio::post(executor_, [self = shared_from_this()] {
        self->activity_ = activity::resting;
        self->take_turn();
    });
    activity_ = activity::turn_posted;
}

/// Carries out what has come and still comes, until there is no more, or no room, or the turn ends.
void connection::serve(turn& left)
{
    for (bool more = true; more && is_open() && !left.over();) {
        if (standing_ == standing::ended)
            return;
        more = (conversation_ || meet()) && converse(left);
    }
}

/// The first byte tells what is spoken here. False: it has not come.
bool connection::meet()
{
    char first = 0;
    if (incoming_ == incoming::quiet)
        return false;
    if (was_read(read_some(socket_, {&first, 1}, MSG_PEEK)))
        conversation_ = begin_conversation(first, *this, dispatcher_, limits_, log_, guard_);
    else if (incoming_ == incoming::at_end)
        standing_ = standing::ended;
    return conversation_ != nullptr;
}

/// False: for now there is nothing more to do.
bool connection::converse(turn& left)
{
    const bool reads = standing_ == standing::hungry || standing_ == standing::refused;
    const bool at_end = reads && incoming_ == incoming::at_end;
    if (reads && !receive())
        return false;
    standing_ = conversation_->work(left);
    if (at_end && (standing_ == standing::hungry || standing_ == standing::refused))
        standing_ = standing::ended; // it has been told that nothing comes: asking again would spin
    if (standing_ != standing::full)
        return true;
    send(left);
    return conversation_->has_room();
}

bool connection::receive()
{
    if (incoming_ == incoming::quiet)
        return false;
    if (incoming_ == incoming::at_end) {
        conversation_->end_input(life_ == life::draining ? inbox::ending::by_us
                                                         : inbox::ending::by_client);
        return true;
    }
    const std::span<char> space = conversation_->space();
    const long n = read_some(socket_, space);
    if (was_read(n)) {
        const auto bytes = static_cast<std::size_t>(n);
        conversation_->filled(bytes);
        times_.moved();
        if (bytes < space.size() && incoming_ == incoming::ready)
            incoming_ = incoming::quiet; // what there was is read: the poller tells of more
    }
    return true;
}

/// Whether a read that returned `n` has found bytes; else notes what it says.
bool connection::was_read(long n)
{
    if (n == 0)
        incoming_ = incoming::at_end;
    else if (n < 0 && errno == EAGAIN)
        incoming_ = incoming::quiet;
    else if (n < 0)
        close();
    return n > 0;
}

// -- output ------------------------------------------------------------

void connection::wrote()
{
    if (outgoing_ != outgoing::blocked || is_unread_too_much())
        post_turn();
}

/// Replies that become ready in this turn leave together; the last one waits for nobody.
void connection::request_ended()
{
    if (activity_ == activity::in_turn)
        return;
    if (conversation_->in_flight() == 0)
        take_turn();
    else
        post_turn();
}

/// What is ready, as far as the socket takes it, and others need not wait too long.
void connection::send(turn& left)
{
    std::size_t sent = 0;
    while (is_open() && outgoing_ != outgoing::blocked && out_.unsent() != 0 &&
           sent < most_sent_in_a_row)
        sent += send_some();
    left.spend(turn::a_byte * sent);
    if (sent != 0 && is_open())
        conversation_->caught_up();
}

/// How many bytes the socket took.
std::size_t connection::send_some()
{
    const std::string_view next = out_.next();
    const ssize_t n = ::send(socket_, next.data(), next.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) {
        if (std::exchange(outgoing_, outgoing::blocked) == outgoing::free)
            poller_->watch_writable(socket_, *this, true);
    } else if (n < 0 && errno != EINTR) {
        close();
    }
    if (n <= 0)
        return 0;
    times_.moved();
    out_.sent(static_cast<std::size_t>(n));
    if (out_.unsent() == 0 && std::exchange(outgoing_, outgoing::free) == outgoing::watched)
        poller_->watch_writable(socket_, *this, false);
    return static_cast<std::size_t>(n);
}

std::size_t connection::unread() const
{
    return out_.unsent() + (conversation_ ? conversation_->held_back() : 0);
}

// -- the end ------------------------------------------------------------

void connection::end_if_nobody_reads()
{
    if (hung_up_ && (standing_ == standing::full || standing_ == standing::ended))
        stop();
    else if (is_open() && is_unread_too_much())
        cut_off(counts_.slow_reader, "it has not read " + std::to_string(unread()) +
                                         " bytes of replies; max_unread_bytes allows " +
                                         std::to_string(limits_.max_unread_bytes));
}

/// Called after anything that may have been the last: closes the socket once everything is
/// answered, and says so once nothing is left.
void connection::wind_up()
{
    const bool nothing_under_way = !conversation_ || conversation_->in_flight() == 0;
    if (activity_ == activity::in_turn || !nothing_under_way)
        return;
    if (is_open() && out_.unsent() == 0 && standing_ == standing::ended)
        close();
    if (is_open() && out_.unsent() == 0 && standing_ == standing::refused)
        linger();
    if (!is_open() && on_end_)
        std::exchange(on_end_, nullptr)();
}

void connection::look(std::chrono::steady_clock::time_point now)
{
    if (!is_open())
        return;
    const bool in_frame = conversation_ && standing_ == standing::hungry &&
                          incoming_ == incoming::quiet && conversation_->in_frame();
    const bool in_use = conversation_ && conversation_->in_use();
    times_.look(now, conversation_ ? conversation_->frames() : 0, in_use, in_frame);
    if (times_.quiet_for(now, limits_.idle_timeout))
        return cut_off(counts_.idle,
                       "nothing has passed on it for as long as idle_connection_timeout");
    if (times_.in_frame_for(now, limits_.frame_timeout)) {
        ++counts_.half_sent_frame;
        log_.info("closing a connection of " + peer_.text() +
                  ": a request on it has not arrived whole");
        conversation_->refuse_input(
            {errc::timeout, "a request has begun and has not arrived whole within frame_timeout"});
        standing_ = standing::refused;
        take_turn();
    }
}

void connection::cut_off(std::uint64_t& counted, std::string_view why)
{
    ++counted;
    log_.info("closing a connection of " + peer_.text() + ": " + std::string(why));
    stop();
}

void connection::give_up(std::string_view why) noexcept
{
    try {
        log_.error("a connection of " + peer_.text() + " is closed: " + std::string(why));
    } catch (const std::exception&) {
    }
    stop();
}

void connection::linger()
{
    if (std::exchange(life_, life::lingering) == life::lingering)
        return;
    ::shutdown(socket_, SHUT_WR);
    linger_.expires_after(linger_time);
    linger_.async_wait([self = shared_from_this()](error_code ec) {
        if (!ec)
            self->stop();
    });
}

void connection::close()
{
    poller_->remove(socket_, *this);
    ::close(socket_);
    life_ = life::closed;
    linger_.cancel();
    out_.clear();
    if (conversation_)
        conversation_->stop();
}

} // namespace warmd

// What an HTTP conversation writes: responses in their order, whole or in pieces.

#include "http/http_conversation.hpp"

#include "http/http_exchange.hpp"

#include <utility>

namespace warmd {

void http_conversation::append_reply_to(exchange& of, const std::string& id_text,
                                        result<std::string> reply)
{
    const std::size_t before = of.text.size();
    if (of.is_batch)
        of.text += of.text.empty() ? '[' : ',';
    if (reply)
        rpc::append_success(of.text, id_text, *reply);
    else
        rpc::append_failure(of.text, id_text, reply.error());
    held_back_ += of.text.size() - before;
}

void http_conversation::message_done(exchange& of)
{
    if (--of.left != 0)
        return;
    held_back_ -= of.text.size();
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
    while (!exchanges_.empty()) {
        const auto next = exchanges_.front();
        if (next->begun) {
            if (!write_stream(*next))
                return;
            exchanges_.pop_front();
            continue;
        }
        if (!next->reply)
            return;
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

// -- responses in pieces --------------------------------------------------------

void http_conversation::send_event(exchange& of, std::string_view data)
{
    if (stopped_ || !of.streams || of.reply)
        return;
    const std::string event = event_of(data);
    of.begun = true;
    of.pieces += event;
    held_back_ += event.size();
    write_what_is_next();
    by_.wrote();
}

/// In the place of the result, which says what the client has asked for itself.
void http_conversation::begin_watch(exchange& of)
{
    of.begun = true;
    write_what_is_next();
}

/// False: dropped.
bool http_conversation::send_watched(exchange& of, std::string_view event)
{
    if (is_backed_up())
        return false;
    send_event(of, event);
    return true;
}

/// In the place of a result, which has been told, the word that it is all; or the failure.
void http_conversation::end_stream(exchange& of, const result<std::string>& reply)
{
    const std::string last = event_of(reply ? "[DONE]" : failed(reply.error()).body);
    of.begun = true;
    of.pieces += last;
    held_back_ += last.size();
    answer(of, {.status = reply ? 200U : status_of(reply.error().code), .body = {}});
}

/// All that there is of it; true: that was its end. REQUIRES: those before it are written.
bool http_conversation::write_stream(exchange& of)
{
    out_.begin();
    if (!of.sending)
        append_stream_head(out_.text(), of.how);
    of.sending = true;
    if (!of.pieces.empty())
        append_stream_piece(out_.text(), of.pieces);
    held_back_ -= of.pieces.size();
    of.pieces.clear();
    if (of.reply)
        append_stream_end(out_.text());
    out_.end();
    return of.reply.has_value();
}

} // namespace warmd

// What a conversation writes: replies, alone or within a batch, and notifications.

#include "wire/rpc_conversation.hpp"

#include "wire/rpc_call.hpp"

#include <new>
#include <utility>

namespace warmd {

text_queue& rpc_conversation::begin_reply(batch* within)
{
    if (!within) {
        out_.begin();
        return out_.text();
    }
    const std::size_t so_far = within->text.size();
    within->reply = within->text.here();
    within->text.tail() += so_far == 0 ? '[' : ',';
    held_back_ -= so_far;
    return within->text;
}

void rpc_conversation::end_reply(batch* within)
{
    if (within)
        held_back_ += within->text.size();
    else
        out_.end(in_.kind());
}

void rpc_conversation::take_back(batch* within)
{
    if (!within)
        return out_.take_back();
    within->text.back_to(within->reply);
    held_back_ += within->text.size();
}

/// Whole, or not at all; then that it could not be written, if that can be.
void rpc_conversation::answer(std::string_view id_text, result<std::string> reply, batch* within)
{
    text_queue& text = begin_reply(within);
    try {
        if (reply)
            rpc::append_success(text, id_text, std::move(*reply));
        else
            rpc::append_failure(text.tail(), id_text, reply.error());
        end_reply(within);
    } catch (const std::exception& trouble) {
        take_back(within);
        if (!reply)
            throw;
        answer(id_text,
               failure{errc::internal_error,
                       std::string("the reply could not be written: ") + trouble.what()},
               within);
    }
}

/// One item of a batch has been dealt with; the last one sends what there is to send.
void rpc_conversation::one_done(batch* within)
{
    if (!within || --within->left != 0 || within->text.empty())
        return;
    held_back_ -= within->text.size();
    within->text.tail() += ']';
    out_.begin();
    out_.text().append(std::move(within->text));
    out_.end(in_.kind());
}

/// False: dropped.
bool rpc_conversation::notify(std::string_view name, std::string_view params)
{
    const bool part_of_an_answer = name == "$/token" || name == "$/chunk";
    if (stopped_ || (is_backed_up() && !part_of_an_answer))
        return false;
    out_.begin();
    try {
        rpc::append_notification(out_.text().tail(), name, params);
        out_.end(in_.kind());
    } catch (const std::bad_alloc&) {
        out_.take_back();
        return false;
    }
    by_.wrote();
    return true;
}

} // namespace warmd

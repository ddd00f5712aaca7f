#pragma once
// Responses, and what a failure is called in HTTP.

#include "wire/text_queue.hpp"
#include <warmd/error.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace warmd {

struct http_reply {
    unsigned status = 200;
    std::string body;
    std::string type = "application/json";                          ///< of the body
    std::vector<std::pair<std::string_view, std::string>> fields{}; ///< beside the usual ones
};

/// What the request said of how it wants to be answered.
struct http_manner {
    unsigned version = 11; ///< 10 or 11
    bool keeps_alive = true;
    bool head_only = false; ///< the header as it would be, and no body
    std::string id;         ///< x-request-id
    std::string origin;     ///< of the page that may read the response; "": of none
};

/// The status of each kind of failure.
unsigned status_of(errc code) noexcept;
/// {"error":{"message","type","param","code"}} with that kind's status, and Retry-After where
/// trying again makes sense. `code` is the kind's name; `type` OpenAI's name for the status.
http_reply failed(const failure& why);
/// The same with a status of HTTP's own.
http_reply failed(unsigned status, const failure& why);

void append_reply(text_queue& out, http_reply&& reply, const http_manner& how);

/// A response whose body comes in pieces (RFC 9112 §7.1), as Server-Sent Events. REQUIRES:
/// HTTP/1.1.
void append_stream_head(text_queue& out, const http_manner& how);
void append_stream_piece(text_queue& out, std::string_view piece);
void append_stream_end(text_queue& out);
/// One event; `data` has no line breaks.
std::string event_of(std::string_view data);
inline constexpr std::string_view go_on_sending = "HTTP/1.1 100 Continue\r\n\r\n";

} // namespace warmd

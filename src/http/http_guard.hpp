#pragma once
// Who may ask over TCP, where the kernel does not tell who is at the other end.

#include "http/http_inbox.hpp"
#include "http/http_reply.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warmd {

/// Lets through what carries the token, was sent to a loopback name (or a page of another site
/// could have had that site's name mean this machine: DNS rebinding), and, if a browser sent it,
/// comes from a page that is named, or from our own. Immutable.
class http_guard {
public:
    /// `origins`: of pages that may ask, as browsers write them ("http://localhost:3000").
    http_guard(std::string token, std::vector<std::string> origins)
        : token_(std::move(token)), origins_(std::move(origins))
    {
    }

    /// What is answered in place of the request: 421 (Host), 403 (Origin), 401 (token), or what a
    /// browser wants to know before it asks (204); nothing: it may be made. The page for people,
    /// which knows nothing, and what is told of health need no token.
    std::optional<http_reply> answer_instead(const http_request& request) const;
    /// GET /health without a token, which is told its status only.
    bool may_know_status_only(const http_request& request) const;
    /// The page that the request comes from, if it is named or our own; else "". It
    /// lives as long as the request.
    std::string_view named_origin(const http_request& request) const;

private:
    bool has_token(const http_request& request) const;

    const std::string token_;
    const std::vector<std::string> origins_;
};

/// GET or HEAD of /health.
bool asks_for_health(const http_request& request);

/// Whether a and b are the same, in a time that does not tell where they differ.
bool same_secret(std::string_view a, std::string_view b) noexcept;

} // namespace warmd

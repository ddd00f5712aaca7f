#pragma once
// What the sources of the methods have in common: what a handler works with, and how it is added.

#include "cache/backend_cache.hpp"
#include "cache/operations.hpp"
#include "methods/methods.hpp"
#include "methods/reader.hpp"
#include "methods/requests.hpp"
#include "wire/dispatcher.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace warmd {

using answer = asio::awaitable<result<std::string>>;
using peer = std::shared_ptr<request_peer>;

/// What every handler works with; all of it outlives every answer.
struct surroundings {
    backend_cache* cache;
    const daemon_info* daemon;
    std::shared_ptr<const metrics> counted;
    std::shared_ptr<const std::string> document; ///< what rpc.discover answers
};

/// Adds methods of one contract to a dispatcher: each is read into a value by its contract, and run
/// with that value.
class method_adder {
public:
    /// Reads a request by the contract, or says what is wrong with it.
    template <class Request>
    using reading_of = result<Request> (*)(const schema::reader& by, const json_node& given,
                                           const daemon_info& daemon);
    template <class Request>
    using handler_of = answer (*)(surroundings, Request, peer);
    using at_once = std::function<bool(const json_node& given, std::string& out)>;

    method_adder(dispatcher& to, surroundings in, std::shared_ptr<const schema::contract> by)
        : to_(to), in_(std::move(in)), by_(std::move(by))
    {
    }

    const surroundings& in() const noexcept { return in_; }
    const schema::contract& by() const noexcept { return *by_; }
    /// REQUIRES: the contract has the method.
    std::shared_ptr<const schema::reader> reader_of(std::string_view name) const
    {
        // Shares the contract that it refers to.
        struct both {
            std::shared_ptr<const schema::contract> by;
            schema::reader reads;
        };
        const auto made =
            std::make_shared<both>(both{by_, schema::reader(*by_, *by_->find_method(name))});
        return {made, &made->reads};
    }

    template <class Request>
    void add(std::string_view name, reading_of<Request> read, handler_of<Request> run,
             at_once now = {})
    {
        to_.add(std::string(name),
                {.at_once = std::move(now),
                 .read = [in = in_, by = reader_of(name), read,
                          run](const json_node& given) -> result<job> {
                     result<Request> asked = read(*by, given, *in.daemon);
                     if (!asked)
                         return asked.error();
                     return job([in, run, what = std::move(*asked)](peer from) mutable {
                         return run(in, std::move(what), std::move(from));
                     });
                 }});
    }

private:
    dispatcher& to_;
    surroundings in_;
    std::shared_ptr<const schema::contract> by_;
};

/// A request whose parameters are all its own, and one of a method about a model.
template <class Request>
result<Request> read_request(const schema::reader& by, const json_node& given,
                             const daemon_info& daemon)
{
    Request asked;
    if (auto why = by.read(given, daemon.models, {asked}))
        return *why;
    return asked;
}
template <class Request>
result<Request> read_about_a_model(const schema::reader& by, const json_node& given,
                                   const daemon_info& daemon)
{
    Request asked;
    if (auto why = by.read(given, daemon.models, {asked, asked.about}))
        return *why;
    return asked;
}

/// A request of a method that takes no parameters.
struct nothing {};

/// What a sound request has asked for besides takes effect; the options that it acquires a model
/// with.
acquire_options begin_request(const about_request& about, const peer& from);

/// What concerns everybody is for the daemon's own user and root, whoever else may talk to it.
std::optional<failure> refusal_of_strangers(std::string_view called, const peer& from);

/// How the operation is run for `from`.
run_options options_of(const operation_request& asked, const daemon_info& daemon, const peer& from);

void add_operations(method_adder& to);
void add_completions(method_adder& to);
void add_tokenizing(method_adder& to);
void add_suites(method_adder& to);
void add_residency(method_adder& to);
void add_observation(method_adder& to);
void add_daemon(method_adder& to);
void add_worker(method_adder& to);

} // namespace warmd

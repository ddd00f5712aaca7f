#pragma once
// A daemon that serves generated models to several clients, for what depends on who else asks.

#include "contestants.hpp"
#include "models.hpp"

#include <warmd/client.hpp>
#include <warmd/json.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace warmbench {

namespace json = boost::json;

/// A base on disk, and adapters for it.
class shared_base {
public:
    shared_base(const model_options& options, std::size_t adapters);

    /// A ModelSpec: the base with that adapter.
    json::object model(std::size_t adapter) const;
    std::size_t adapters() const { return adapters_; }
    std::size_t vocabulary() const { return shape_named(options_.shape).vocabulary; }

private:
    model_options options_;
    std::size_t adapters_;
    scratch in_;
};

/// Prompts as ids, all different from the first token on: what was computed for one is of no use to
/// another. Sources with different seeds have different prompts.
class prompt_source {
public:
    prompt_source(unsigned seed, std::size_t vocabulary) : random_(seed), vocabulary_(vocabulary) {}

    json::array prompt(std::size_t length);
    json::array prompts(std::size_t count, std::size_t length);
    /// `common` tokens are the same in all of them, and theirs alone.
    json::array prompts_that_share(std::size_t common, std::size_t count, std::size_t length);

private:
    std::mt19937 random_;
    std::size_t vocabulary_;
};

/// A connection of its own; what fails is an exception.
class caller {
public:
    explicit caller(const std::string& socket);

    json::value ask(std::string_view method, const json::object& params = {},
                    const warmd::client::on_notification& notify = {});
    void send(std::string_view method, const json::object& params);
    /// The next answer to any request sent.
    void receive();

private:
    warmd::client to_;
};

/// A daemon with the models of a base's adapters resident.
class model_server {
public:
    model_server(const std::string& program, const shared_base& base,
                 const std::vector<std::string>& more = {});

    caller connect() const { return caller(socket()); }
    /// Another client, in a process of its own, that does `work` over and over until the result
    /// goes: its requests are then cancelled. Returns when the first of them is under way.
    child meanwhile(const std::function<void(caller&)>& work) const;

private:
    std::string socket() const { return in_.path / "warmd.sock"; }

    scratch in_;
    child process_;
};

} // namespace warmbench

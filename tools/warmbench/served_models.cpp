#include "served_models.hpp"

#include <boost/json/serialize.hpp>

#include <exception>
#include <iostream>
#include <stdexcept>
#include <thread>

namespace warmbench {

namespace {

constexpr std::chrono::minutes patience{10};

template <class T>
T value_or_throw(warmd::result<T> from)
{
    if (!from)
        throw std::runtime_error(from.error().detail);
    return std::move(*from);
}

} // namespace

// -- models and what they are asked -----------------------------------------

shared_base::shared_base(const model_options& options, std::size_t adapters)
    : options_(options), adapters_(adapters)
{
    const model_shape& shape = shape_named(options.shape);
    write_base(in_.path / "base", shape, random_tensors::storage::bf16);
    for (std::size_t i = 0; i != adapters; ++i)
        write_adapter(in_.path / ("adapter" + std::to_string(i)), shape, options.rank, i + 2);
}

json::object shared_base::model(std::size_t adapter) const
{
    return {{"base", (in_.path / "base").native()},
            {"adapter", (in_.path / ("adapter" + std::to_string(adapter))).native()},
            {"dtype", options_.dtype}};
}

json::array prompt_source::prompt(std::size_t length)
{
    json::array ids;
    while (ids.size() != length)
        ids.emplace_back(random_() % vocabulary_);
    return ids;
}

json::array prompt_source::prompts(std::size_t count, std::size_t length)
{
    return prompts_that_share(0, count, length);
}

json::array prompt_source::prompts_that_share(std::size_t common, std::size_t count,
                                              std::size_t length)
{
    const json::array shared = prompt(common);
    json::array all;
    while (all.size() != count) {
        json::array ids = shared;
        const json::array own = prompt(length - common);
        ids.insert(ids.end(), own.begin(), own.end());
        all.push_back(std::move(ids));
    }
    return all;
}

// -- the wire ---------------------------------------------------------------

caller::caller(const std::string& socket)
    : to_(value_or_throw(warmd::client::connect(socket, patience)))
{
}

json::value caller::ask(std::string_view method, const json::object& params,
                        const warmd::client::on_notification& notify)
{
    return value_or_throw(to_.call(method, json::serialize(params), notify));
}

void caller::send(std::string_view method, const json::object& params)
{
    value_or_throw(to_.send(method, json::serialize(params)));
}

void caller::receive() { value_or_throw(value_or_throw(to_.receive()).outcome); }

// -- the daemon -------------------------------------------------------------

model_server::model_server(const std::string& program, const shared_base& base,
                           const std::vector<std::string>& more)
    : process_(
          [&] {
              std::vector<std::string> command{program,
                                               "--log-level",
                                               "warning",
                                               "--socket",
                                               socket(),
                                               "--max-loaded-models",
                                               std::to_string(base.adapters())};
              command.insert(command.end(), more.begin(), more.end());
              execute(command);
          },
          -1, in_.path / "warmd.log")
{
    wait_for(socket());
    caller first = connect();
    for (std::size_t i = 0; i != base.adapters(); ++i)
        first.ask("load", {{"model", base.model(i)}});
}

child model_server::meanwhile(const std::function<void(caller&)>& work) const
{
    child other(
        [&] {
            try {
                for (caller to = connect();;)
                    work(to);
            } catch (const std::exception& trouble) {
                std::cerr << trouble.what() << std::endl;
            }
        },
        -1, in_.path / "client.log");
    caller looking = connect();
    while (looking.ask("stats").at("in_flight").to_number<double>() < 2) { // and our own
        if (!other.runs())
            throw std::runtime_error("the other client has ended: its request failed");
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return other;
}

} // namespace warmbench

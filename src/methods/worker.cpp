// What makes a daemon a worker of another one: the rest of what it is asked are the same methods.

#include "methods/contract_parts.hpp"
#include "methods/handlers.hpp"
#include "methods/object_text.hpp"

#include <array>
#include <string_view>

namespace warmd {

namespace {

constexpr std::uint64_t protocol_version = 1;
constexpr std::array<std::string_view, 4> views{"base", "ft", "scaled", "null"};

std::vector<std::string_view> operations()
{
    std::vector<std::string_view> names;
    for (const auto& some : {schema::operation_methods(), schema::chat_methods()})
        for (const schema::method& each : some)
            names.push_back(each.name);
    return names;
}

answer hello(surroundings in, hello_request asked, peer)
{
    if (asked.protocol != protocol_version)
        co_return failure{errc::unsupported, "protocol " + std::to_string(asked.protocol) +
                                                 " is not spoken here; it is " +
                                                 std::to_string(protocol_version)};
    co_return replies::object([&](json_writer& to) {
        to.member("name", "warmd")
            .member("version", in.daemon->version)
            .member("protocol", protocol_version)
            .key("operations")
            .array(operations())
            .key("views")
            .array(views)
            .member("batching", in.daemon->connection.max_in_flight)
            .member("tokenizer", true);
    });
}

answer estimate(surroundings in, estimate_request asked, peer from)
{
    (void)begin_request(asked.about, from);
    model_spec spec = asked.model;
    const auto key = co_await in.cache->find_key(std::move(spec));
    if (!key)
        co_return key.error();
    const auto found = in.cache->last_known(asked.model);
    if (!found)
        co_return failure{errc::not_found, key->text + " has gone meanwhile"};
    co_return replies::object([&](json_writer& to) {
        to.member("bytes", found->estimated_bytes).member("shared_bytes", found->shared_bytes);
    });
}

std::uint64_t count_of(const histogram& of) { return of.read().up_to.back(); }

/// A kind that is not computed in steps still ends its calls.
answer ping(surroundings in, nothing, peer)
{
    const std::uint64_t steps =
        count_of(in.counted->step_seconds) + count_of(in.counted->run_seconds);
    co_return replies::object([&](json_writer& to) { to.member("steps", steps); });
}

} // namespace

void add_worker(method_adder& to)
{
    to.add("hello", read_request<hello_request>, hello);
    to.add("estimate", read_about_a_model<estimate_request>, estimate);
    to.add("ping", read_request<nothing>, ping);
}

} // namespace warmd

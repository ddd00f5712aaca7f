// Suites: an adapter examined and judged.

#include "base/sha256.hpp"
#include "base/text.hpp"
#include "methods/handlers.hpp"
#include "methods/suite_request.hpp"
#include "methods/suite_run.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>

namespace warmd {

namespace {

using evaluation::run_facts;
using evaluation::suite;

failure bad(std::string detail)
{
    failure why{errc::invalid_params, std::move(detail)};
    why.param = "suite";
    return why;
}

/// All that is wrong with it, each with where it stands.
failure faulty(const std::vector<evaluation::fault>& faults)
{
    failure why = bad(joined(faults, "; ", [](const evaluation::fault& each) {
        return each.text + " (" + (each.pointer.empty() ? "/" : each.pointer) + ')';
    }));
    if (std::ranges::all_of(faults,
                            [](const auto& each) { return each.code == errc::unsupported; }))
        why.code = errc::unsupported;
    return why;
}

/// Leaves the null adapter and the entries that are asked for.
std::optional<failure> choose(suite& of, const std::vector<std::string>& only)
{
    for (const std::string& name : only)
        if (std::ranges::none_of(of.entries, [&](const auto& each) { return each.name == name; }))
            return bad("only: the suite has no entry of the name \"" + shortened(name) + '"');
    if (!only.empty())
        std::erase_if(of.entries, [&](const evaluation::entry& each) {
            return !std::holds_alternative<evaluation::spec::null_adapter>(each.what) &&
                   std::ranges::find(only, each.name) == only.end();
        });
    return {};
}

result<suite> suite_of(const suite_request& asked)
{
    auto reading = evaluation::read_suite(asked.suite, asked.mode);
    if (!reading.faults.empty())
        return faulty(reading.faults);
    if (auto why = choose(reading.read, asked.only))
        return *why;
    return std::move(reading.read);
}

/// A suite to run, and on which model.
struct run_request {
    suite what;
    model_spec model;
    std::string digest;
    about_request about;
};

result<run_request> read_run(const schema::reader& by, const json_node& given,
                             const daemon_info& daemon)
{
    suite_request asked;
    if (auto why = by.read(given, daemon.models, {asked, asked.about}))
        return *why;
    auto what = suite_of(asked);
    if (!what)
        return what.error();
    const std::optional<model_spec> model = asked.model ? asked.model : what->ft;
    if (!model)
        return bad("neither the request nor the suite names a model");
    return run_request{std::move(*what), *model, sha256(canonical_json(asked.suite)), asked.about};
}

/// Asks all that the run wants to know.
asio::awaitable<std::optional<failure>> examine(std::shared_ptr<suite_run> of, backend_lease& lease,
                                                const call_options& how)
{
    // With names: GCC 12 destroys such temporaries of a co_await twice.
    const std::function<std::optional<failure>()> next = [of] { return of->go_on(); };
    const std::function<void(std::size_t)> ended = [of](std::size_t place) { of->ended(place); };
    for (;;) {
        if (auto why = co_await lease.compute(next))
            co_return why;
        std::vector<operation> asked = of->take_asked();
        if (asked.empty())
            co_return std::nullopt;
        of->tell(co_await lease.run_all(std::move(asked), how, ended));
    }
}

run_facts facts_of(const run_request& asked, const residency& there, const daemon_info& daemon)
{
    const model_spec& spec = there.model->spec;
    return {.version = daemon.version,
            .suite_digest = asked.digest,
            .base = spec.base,
            .adapter = spec.adapter.value_or(""),
            .generation = there.model->files.text,
            .dtype = there.model->computes,
            .started = std::chrono::system_clock::now()};
}

answer run_suite(surroundings in, run_request asked, peer from)
{
    const time_point started = in.cache->now();
    auto lease = co_await in.cache->get_or_load(asked.model, begin_request(asked.about, from));
    if (!lease)
        co_return lease.error();
    const model_spec& model = lease->what().model->spec;
    from->about(lease->what().model->key.text);
    if (!model.adapter)
        co_return bad("the model " + shortened(model.base) +
                      " has no adapter, and there is nothing to judge: a path is an adapter's "
                      "where there is an adapter_config.json");
    const auto run = std::make_shared<suite_run>(
        std::move(asked.what), lease->what().model->longest_input,
        facts_of(asked, lease->what(), *in.daemon), from, asked.about.progress);
    const time_point asking = in.cache->now();
    const call_options how{
        .origin = from->origin(), .priority = asked.about.priority, .fresh = asked.about.fresh};
    if (auto why = co_await examine(run, *lease, how))
        co_return *why;
    const auto known = in.cache->last_known(asked.model);
    const bool changed = known && known->files.text != lease->what().model->files.text;
    const double asked_for = in_seconds(in.cache->now() - asking),
                 wall = in_seconds(in.cache->now() - started);
    const std::function<std::optional<failure>()> write = [=, most = in.daemon->connection] {
        return run->write_report(asked_for, wall, changed, most.max_reply_bytes);
    };
    if (auto why = co_await lease->compute(write))
        co_return *why;
    co_return run->take_report();
}

answer validate(surroundings, suite_request asked, peer)
{
    auto read = suite_of(asked);
    if (!read)
        co_return read.error();
    json::array notes;
    for (const evaluation::note& each : evaluation::notes_of(*read))
        notes.push_back(json::object{{"id", each.id}, {"probe", each.probe}, {"text", each.text}});
    const auto enabled = std::ranges::count(read->entries, true, &evaluation::entry::enabled);
    co_return canonical_json(json::object{{"probes", enabled},
                                          {"need_draws", evaluation::needed_draws(*read)},
                                          {"draws", evaluation::draws_of(*read)},
                                          {"notes", std::move(notes)}});
}

} // namespace

void add_suites(method_adder& to)
{
    to.add("suite.run", read_run, run_suite);
    to.add("suite.validate", read_request<suite_request>, validate);
}

} // namespace warmd

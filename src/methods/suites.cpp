// Suites: an adapter examined and judged.

#include "base/sha256.hpp"
#include "base/text.hpp"
#include "evaluation/batches.hpp"
#include "evaluation/report.hpp"
#include "methods/handlers.hpp"
#include "methods/notifications.hpp"
#include "methods/suite_request.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>

namespace warmd {

namespace {

using evaluation::batch;
using evaluation::examination;
using evaluation::run_facts;
using evaluation::suite;

/// Tokens that one run may take through the model.
constexpr std::size_t most_suite_tokens = 64 << 20;

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
    if (!model->adapter)
        return bad("the model " + shortened(model->base) +
                   " has no adapter, and there is nothing to judge: a path is an adapter's where "
                   "there is an adapter_config.json");
    return run_request{std::move(*what), *model, sha256(canonical_json(asked.suite)), asked.about};
}

/// Tells how far a run has come, at most ten times a second. Any thread.
class run_progress {
public:
    run_progress(peer to, bool wanted) : to_(std::move(to)), wanted_(wanted) {}

    void expect(std::size_t total)
    {
        const std::lock_guard lock(mutex_);
        total_ = total;
    }
    void add(std::size_t tokens)
    {
        const std::lock_guard lock(mutex_);
        done_ += tokens;
        const auto now = std::chrono::steady_clock::now();
        if (!wanted_ || now - told_ < std::chrono::milliseconds(100))
            return;
        told_ = now;
        to_->notify("$/progress",
                    replies::suite_progress(to_->id(), done_, std::max(done_, total_)));
    }
    void tell(const examination& of)
    {
        const std::lock_guard lock(mutex_);
        for (const evaluation::probe_result& each : of.results()) {
            json::object found = evaluation::result_json(each, of);
            found["provisional"] = true;
            if (wanted_)
                to_->notify("$/progress",
                            replies::suite_progress(to_->id(), done_, std::max(done_, total_),
                                                    canonical_json(found)));
        }
    }

private:
    const peer to_;
    const bool wanted_;
    std::mutex mutex_;
    std::size_t done_ = 0, total_ = 0;
    std::chrono::steady_clock::time_point told_;
};

void count(run_facts& in, const std::vector<batch>& asked)
{
    for (const batch& each : asked) {
        if (!each.asked.front().needs_model())
            continue;
        ++in.calls;
        in.inputs += each.asked.size();
        in.largest_call = std::max(in.largest_call, each.asked.size());
        in.forward_tokens += each.tokens();
        for (const evaluation::question& one : each.asked)
            if (one.what == evaluation::question::kind::writing)
                in.generated_tokens += one.size;
    }
}

/// Asks all that the examination wants to know.
asio::awaitable<std::optional<failure>> examine(examination& what, backend_lease& lease,
                                                const call_options& how,
                                                const std::shared_ptr<run_progress>& progress,
                                                run_facts& facts)
{
    bool told = false;
    for (;;) {
        std::vector<batch> batches = evaluation::batches_of(what.next());
        if (batches.empty())
            co_return std::nullopt;
        if (what.expected_tokens() > most_suite_tokens)
            co_return failure{errc::too_large,
                              "the suite takes " + std::to_string(what.expected_tokens()) +
                                  " tokens through the model; " +
                                  std::to_string(most_suite_tokens) + " are allowed"};
        count(facts, batches);
        progress->expect(what.expected_tokens());
        if (what.are_provisional() && !std::exchange(told, true))
            progress->tell(what);
        std::vector<operation> operations;
        std::vector<std::size_t> tokens;
        for (batch& each : batches) {
            tokens.push_back(each.tokens());
            operations.push_back(std::move(each.what));
        }
        // With a name: GCC 12 destroys such a temporary of a co_await twice.
        const std::function<void(std::size_t)> ended = [progress, tokens](std::size_t i) {
            progress->add(tokens[i]);
        };
        auto answers = co_await lease.run_all(std::move(operations), how, ended);
        for (std::size_t i = 0; i != batches.size(); ++i)
            evaluation::tell(what, batches[i], std::move(answers[i]));
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
    from->about(lease->what().model->key.text);
    run_facts facts = facts_of(asked, lease->what(), *in.daemon);
    examination what(std::move(asked.what), lease->what().model->longest_input);
    const auto progress = std::make_shared<run_progress>(from, asked.about.progress);
    const time_point asking = in.cache->now();
    const call_options how{
        .origin = from->origin(), .priority = asked.about.priority, .fresh = asked.about.fresh};
    if (auto why = co_await examine(what, *lease, how, progress, facts))
        co_return *why;
    facts.finished = std::chrono::system_clock::now();
    facts.asking_seconds = in_seconds(in.cache->now() - asking);
    facts.wall_seconds = in_seconds(in.cache->now() - started);
    const auto known = in.cache->last_known(asked.model);
    facts.changed_meanwhile = known && known->files.text != facts.generation;
    std::string text = canonical_json(evaluation::report_json(what, facts));
    const std::size_t most = in.daemon->connection.max_reply_bytes;
    if (text.size() > most)
        co_return reply_too_large(most);
    co_return text;
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

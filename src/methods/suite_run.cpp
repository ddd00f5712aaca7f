#include "methods/suite_run.hpp"

#include "base/config.hpp"
#include "methods/notifications.hpp"

#include <algorithm>
#include <utility>

namespace warmd {

using evaluation::batch;
using evaluation::question;

void run_progress::expect(std::size_t total)
{
    const std::lock_guard lock(mutex_);
    total_ = total;
}

void run_progress::add(std::size_t tokens)
{
    const std::lock_guard lock(mutex_);
    done_ += tokens;
    const auto now = std::chrono::steady_clock::now();
    if (!wanted_ || now - told_ < std::chrono::milliseconds(100))
        return;
    told_ = now;
    to_->notify("$/progress", replies::suite_progress(to_->id(), done_, std::max(done_, total_)));
}

void run_progress::tell(const evaluation::examination& of)
{
    if (!wanted_)
        return;
    const std::lock_guard lock(mutex_);
    for (const evaluation::probe_result& each : of.results()) {
        json::object found = evaluation::result_json(each, of);
        found["provisional"] = true;
        to_->notify("$/progress", replies::suite_progress(to_->id(), done_, std::max(done_, total_),
                                                          canonical_json(found)));
    }
}

/// Counts what is asked of the model.
void suite_run::count()
{
    for (const batch& each : batches_) {
        if (!each.asked.front().needs_model())
            continue;
        ++facts_.calls;
        facts_.inputs += each.asked.size();
        facts_.largest_call = std::max(facts_.largest_call, each.asked.size());
        facts_.forward_tokens += each.tokens();
        for (const question& one : each.asked)
            if (one.what == question::kind::writing)
                facts_.generated_tokens += one.size;
    }
}

std::optional<failure> suite_run::go_on()
{
    for (std::size_t i = 0; i != answers_.size(); ++i)
        evaluation::tell(examined_, batches_[i], std::move(answers_[i]));
    answers_.clear();
    batches_ = evaluation::batches_of(examined_.next());
    asked_.clear();
    tokens_.clear();
    if (batches_.empty())
        return {};
    const std::size_t whole = examined_.expected_tokens();
    if (whole > most_suite_tokens)
        return failure{errc::too_large, "the suite takes " + std::to_string(whole) +
                                            " tokens through the model; " +
                                            std::to_string(most_suite_tokens) + " are allowed"};
    count();
    progress_.expect(whole);
    if (examined_.are_provisional() && !std::exchange(told_, true))
        progress_.tell(examined_);
    for (batch& each : batches_) {
        tokens_.push_back(each.tokens());
        asked_.push_back(std::move(each.what));
    }
    return {};
}

std::optional<failure> suite_run::write_report(double asking_seconds, double wall_seconds,
                                               bool changed_meanwhile, std::size_t most)
{
    facts_.finished = std::chrono::system_clock::now();
    facts_.asking_seconds = asking_seconds;
    facts_.wall_seconds = wall_seconds;
    facts_.changed_meanwhile = changed_meanwhile;
    report_ = canonical_json(evaluation::report_json(examined_, facts_));
    if (report_.size() > most)
        return reply_too_large(most);
    return {};
}

} // namespace warmd

#pragma once
// One run of a suite between its turns at the model: what is computed of answers, and told of it.

#include "evaluation/batches.hpp"
#include "evaluation/report.hpp"
#include "wire/dispatcher.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace warmd {

/// Tokens that one run may take through the model.
inline constexpr std::size_t most_suite_tokens = 64 << 20;

/// Tells how far a run has come, at most ten times a second. Any thread.
class run_progress {
public:
    run_progress(std::shared_ptr<request_peer> to, bool wanted)
        : to_(std::move(to)), wanted_(wanted)
    {
    }

    void expect(std::size_t total);
    void add(std::size_t tokens);
    /// The results so far, as provisional ones.
    void tell(const evaluation::examination& of);

private:
    const std::shared_ptr<request_peer> to_;
    const bool wanted_;
    std::mutex mutex_;
    std::size_t done_ = 0, total_ = 0; // tokens
    std::chrono::steady_clock::time_point told_;
};

/// Called by one thread at a time, ended() apart. go_on() and write_report() take a while, up to
/// seconds with thousands of draws: they belong on a worker thread.
class suite_run {
public:
    /// `context`: tokens that an input of the model may have; 0: any number.
    suite_run(evaluation::suite what, std::size_t context, evaluation::run_facts facts,
              std::shared_ptr<request_peer> from, bool progress)
        : examined_(std::move(what), context), facts_(std::move(facts)),
          progress_(std::move(from), progress)
    {
    }

    /// Takes in the answers to what was asked last, and makes what is to be asked next. `too_large`
    /// if the whole is more than most_suite_tokens.
    std::optional<failure> go_on();
    /// What go_on() wants to know; nothing: all is known.
    std::vector<operation> take_asked() { return std::move(asked_); }
    /// The operation in that place of what was asked has ended. Any thread.
    void ended(std::size_t place) { progress_.add(tokens_[place]); }
    /// The outcomes of what was asked, in its order.
    void tell(std::vector<result<outcome>> answers) { answers_ = std::move(answers); }

    /// Writes the report. `too_large` if it has more bytes than `most`. REQUIRES: all is known.
    std::optional<failure> write_report(double asking_seconds, double wall_seconds,
                                        bool changed_meanwhile, std::size_t most);
    std::string take_report() { return std::move(report_); }

private:
    void count();

    evaluation::examination examined_;
    evaluation::run_facts facts_;
    run_progress progress_;
    bool told_ = false; // of provisional results
    std::vector<evaluation::batch> batches_;
    std::vector<operation> asked_;
    std::vector<std::size_t> tokens_; // of each
    std::vector<result<outcome>> answers_;
    std::string report_;
};

} // namespace warmd

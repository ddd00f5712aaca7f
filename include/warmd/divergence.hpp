#pragma once
// How far apart two next-token distributions are, judged from their top-k slices (fp64, nats).

#include <warmd/error.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace warmd {

using token_id = std::int32_t;

/// The most likely tokens after a prompt, by falling logprob, ties by rising id.
struct top_slice {
    std::vector<token_id> token_ids;
    std::vector<float> logprobs;        ///< nats, same length
    std::optional<double> tail_logprob; ///< log of the mass not listed; empty if every token is
                                        ///< listed; 0.0 if that mass is not above 1e-12
    std::size_t vocab_size = 0;
};

enum class divergence_kind {
    js, ///< Jensen-Shannon, symmetric, at most ln 2 (Lin 1991)
    kl, ///< Kullback-Leibler of `to` from `from`: KL(to || from)
};

struct divergence_report {
    divergence_kind kind = divergence_kind::js;
    static constexpr double none = std::numeric_limits<double>::quiet_NaN();

    std::vector<result<double>> per_prompt; ///< nats, or why there is none
    double mean = none;                     ///< of those that there are
    double max = none;
    double ci_95_low = none; ///< percentile bootstrap of the mean: 1000 resamples, fixed seed,
                             ///< linear interpolation
    double ci_95_high = none;
};

/// One prompt's divergence. The slices are aligned on the union of their ids; a slot that one side
/// does not list gets an equal share of that side's tail; with identical id sets the tails are
/// dropped; then each side is normalised. A non-finite logprob, or a slice of two or more whose
/// logprobs span less than 1e-9, is backend_failed and names the side.
result<double> divergence(divergence_kind kind, const top_slice& from, const top_slice& to);

/// All prompts'. One that has no slice on some side has that failure in its place; what cannot be
/// compared says which prompt it is. REQUIRES: from.size() == to.size().
divergence_report compare(divergence_kind kind, std::span<const result<top_slice>> from,
                          std::span<const result<top_slice>> to);

} // namespace warmd

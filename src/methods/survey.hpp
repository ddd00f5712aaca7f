#pragma once
// Everything the daemon counts and measures of itself, as one list of families, and that list as
// text for Prometheus and as JSON.

#include "base/metrics.hpp"
#include "cache/backend_cache.hpp"
#include "methods/methods.hpp"
#include <warmd/json_writer.hpp>

#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace warmd {

/// Samples of one name. Values of labels are what the daemon itself says (methods, errors, states),
/// never what a client sent.
struct family {
    enum class kind { counter, gauge, histogram };
    struct sample {
        std::vector<std::pair<std::string_view, std::string>> labels;
        std::variant<double, histogram::reading> value;
    };
    std::string_view name; ///< without the prefix; a counter's ends in _total
    kind type = kind::gauge;
    std::string_view help;
    std::vector<sample> samples;
};

std::vector<family> survey(const metrics& counted, std::span<const model_info> models,
                           const cache_stats& cache, const daemon_info& daemon, time_point now);

/// The text format of Prometheus, version 0.0.4; names begin with warmd_.
std::string exposition(std::span<const family> all);
inline constexpr std::string_view exposition_type = "text/plain; version=0.0.4";

/// One flat object of numbers: label values stand in the name, before _total or at the end, and a
/// histogram is its _count and _sum, with its buckets in an object of their own.
void write_stats(json_writer& to, std::span<const family> all);

} // namespace warmd

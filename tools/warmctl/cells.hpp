#pragma once
// The daemon's values as cells of tables.

#include "warmctl/format.hpp"

#include <boost/json.hpp>

#include <cmath>
#include <optional>
#include <string>
#include <utility>

namespace warmd::ctl {

inline constexpr auto left = table::align::left;
inline constexpr auto right = table::align::right;

inline std::string text(const json::value& value)
{
    return visible(std::string_view(value.as_string()));
}

/// Absent where the daemon says null: unknown, or not finite.
inline std::optional<double> number(const json::value& value)
{
    return value.is_null() ? std::nullopt : std::optional(value.to_number<double>());
}

using format = std::string (*)(double);

inline std::string show(const json::value& value, format as)
{
    const auto known = number(value);
    return known ? as(*known) : "-";
}

inline std::string count(double n) { return std::to_string(std::llround(n)); }
inline std::string tenths(double n)
{
    const auto rounded = std::llround(n * 10);
    return std::to_string(rounded / 10) + '.' + std::to_string(rounded % 10);
}
inline std::string probability(double logprob) { return human_number(std::exp(logprob)); }

/// Name and value on each line.
class list {
public:
    void add(std::string name, std::string value)
    {
        rows_.row({std::move(name), std::move(value)});
    }
    std::string text() const { return rows_.text(); }

private:
    table rows_{{{"", left}, {"", left}}};
};

} // namespace warmd::ctl

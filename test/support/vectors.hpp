#pragma once
// Values of test/data/suites/vectors.json, which an implementation in another language computed.

#include <warmd/json.hpp>

#include <cmath>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace warmd {

/// Its member of that name; lives as long as the program.
inline const json::value& vectors(std::string_view name)
{
    static const json::value all = [] {
        std::ifstream in(WARMD_TEST_DATA "/suites/vectors.json", std::ios::binary);
        return parse_json(std::string(std::istreambuf_iterator<char>(in), {})).value();
    }();
    return all.at(name);
}

inline double number_of(const json::value& of) { return of.to_number<double>(); }

inline std::vector<double> numbers_of(const json::value& of)
{
    std::vector<double> made;
    for (const json::value& each : of.as_array())
        made.push_back(number_of(each));
    return made;
}

inline bool is_close(double found, const json::value& expected, double tolerance = 1e-9)
{
    return std::abs(found - number_of(expected)) <= tolerance;
}

} // namespace warmd

#pragma once
// What a test says of a precision.

#include "hf/compute/weight_format.hpp"

#include <ostream>

namespace warmd::hf {

inline std::ostream& boost_test_print_type(std::ostream& to, precision of)
{
    return to << format_of(of).name();
}

} // namespace warmd::hf

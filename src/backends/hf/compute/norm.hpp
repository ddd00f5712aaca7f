#pragma once
// How large weights are: what bounds the numbers that are computed with them (finiteness.hpp).

#include "hf/compute/panel.hpp"

#include <cstddef>
#include <span>

namespace warmd::hf {

/// The sum of the squares of all weights, right to a thousandth and short of nothing that matters.
/// Not finite if a weight is not, and perhaps if one exceeds 1e17.
double sum_of_squares(std::span<const std::byte> weights, stored_as type);
/// The Euclidean norm of a vector, the Frobenius norm of a matrix.
double norm(std::span<const float> weights);

} // namespace warmd::hf

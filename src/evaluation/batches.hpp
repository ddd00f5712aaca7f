#pragma once
// Questions put together into operations that a backend carries out, and its answers taken apart.

#include "evaluation/examination.hpp"
#include "evaluation/interview.hpp"

#include <warmd/backend.hpp>

#include <cstddef>
#include <vector>

namespace warmd::evaluation {

/// One operation, and the questions that it answers, in its order.
struct batch {
    operation what;
    std::vector<question> asked;

    std::size_t tokens() const;
};
/// Questions of one kind, through one view, of one size go together, so many at most; in the order
/// of the first of each.
std::vector<batch> batches_of(std::vector<question> open);
/// A failed operation is each of its questions' answer.
void tell(examination& to, const batch& asked, result<outcome> told);

} // namespace warmd::evaluation

#pragma once
// Which of a layer's experts each row of a step goes through, and by what weights their outputs are
// added up (Shazeer et al. 2017, with the softmax over all experts). The rows of one expert stand
// together, so that it is read once for all of them.

#include "hf/model/layer_plan.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace warmd::hf {

class routed_rows {
public:
    /// A row's output of one expert.
    struct share {
        std::size_t expert;
        float weight;
        std::size_t place; ///< among the rows of all experts
    };
    /// The rows of one expert: places [first, last), in the order of the step.
    struct group {
        std::size_t expert, first, last;
    };

    routed_rows() = default;
    routed_rows(const routing_plan& plan, std::size_t most_rows);

    /// The experts of a row with these scores [experts], not all NaN or none; of equal ones the
    /// first. Different rows may be chosen for on several threads at once.
    void choose(std::size_t row, std::span<const float> scores);
    /// Puts rows [0, rows), for each of which was chosen, to their experts.
    void gather(std::size_t rows);

    /// Of a row, by ascending expert: the order in which they are added up, whatever else is in the
    /// step.
    std::span<const share> shares(std::size_t row) const
    {
        return std::span(shares_).subspan(row * plan_.chosen, plan_.chosen);
    }
    const std::vector<group>& groups() const { return groups_; } ///< by ascending expert
    /// Which row stands at each place.
    const std::vector<std::size_t>& places() const { return places_; }

private:
    routing_plan plan_;
    std::vector<share> shares_; // [rows, chosen]
    std::vector<group> groups_;
    std::vector<std::size_t> places_, ends_; // by place; by expert, while they are gathered
};

} // namespace warmd::hf

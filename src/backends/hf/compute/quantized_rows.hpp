#pragma once
// A table of which one row at a time is wanted, in 8 or 4 bits (quantized_unit.hpp).

#include "hf/compute/panel.hpp"
#include "hf/compute/quantized_unit.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

namespace warmd::hf {

class thread_team;

class quantized_rows {
public:
    quantized_rows() = default;
    /// [height, width], row-major, into units of 8 bits or 4; on all threads of the team.
    quantized_rows(std::span<const std::byte> rows, stored_as type, std::size_t width, bool to_4,
                   thread_team& team);
    /// What that will take.
    static std::uint64_t bytes(std::uint64_t height, std::uint64_t width, bool to_4);

    bool empty() const { return bytes() == 0; }
    std::uint64_t bytes() const;
    /// Row `r` in fp32 [width].
    void look_up(std::size_t r, std::span<float> to) const;

private:
    std::variant<std::vector<int8_unit>, std::vector<int4_unit>> units_; // row after row
};

} // namespace warmd::hf

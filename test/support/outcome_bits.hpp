#pragma once
// Outcomes compared to the bit.

#include <warmd/backend.hpp>

#include <span>
#include <string>
#include <variant>
#include <vector>

namespace warmd::hf {

/// Every bit of an outcome that a caller would see.
inline std::string bits_of(const outcome& from)
{
    std::string bits;
    const auto add = [&](const auto& values) {
        bits.append(reinterpret_cast<const char*>(values.data()), std::span(values).size_bytes());
    };
    if (const auto* const scored = std::get_if<scored_texts>(&from))
        for (const result<scored_text>& each : scored->results)
            add(each.value().ids), add(each.value().logprobs);
    if (const auto* const all = std::get_if<distributions>(&from))
        for (const result<top_slice>& each : all->slices)
            add(each.value().token_ids), add(each.value().logprobs);
    if (const auto* const report = std::get_if<divergence_report>(&from))
        for (const result<double>& each : report->per_prompt)
            add(std::vector{each.value()});
    if (const auto* const generated = std::get_if<generation_result>(&from))
        add(generated->ids), bits += generated->text;
    return bits;
}

} // namespace warmd::hf

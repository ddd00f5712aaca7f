#pragma once
// What the tensors of an adapter's file are called: by PEFT, by what wrapped the model while it was
// trained, and by mlx-lm.

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace warmd::hf {

/// What a tensor is to its module.
enum class adapter_role {
    lora_a,      ///< A of a linear layer [rank, in], of an embedding [rank, vocab]
    lora_b,      ///< B [out, rank]
    lora_b_bias, ///< added to B's outputs [out]
    magnitude,   ///< DoRA's, of each output [out]
    weight,      ///< stands in place of the module's own
    bias,        ///< the same
    token_rows,  ///< rows of an embedding for some tokens
    base_weight, ///< what the base has, once more
};
inline constexpr std::size_t adapter_roles = 8;

struct adapter_tensor {
    std::string module; ///< "model.layers.0.self_attn.q_proj"
    adapter_role role;
};

/// From PEFT's "base_model.model.<module>.lora_A.weight" and its like. What wrappers and other
/// names of the adapter put in is passed over and added to `passed_over`; none if it is of no such
/// form.
std::optional<adapter_tensor> parse_adapter_tensor(std::string_view name,
                                                   std::set<std::string>& passed_over);
/// From mlx-lm's "<module>.lora_a" [in, rank], ".lora_b" [rank, out] and ".m", DoRA's magnitudes.
std::optional<adapter_tensor> parse_mlx_tensor(std::string_view name);

} // namespace warmd::hf

#pragma once
// A loaded model: base weights, perhaps an adapter, a tokenizer; what it takes to answer calls.

#include "base_weights.hpp"
#include "compute.hpp"
#include "lora.hpp"
#include "tokenizer.hpp"
#include "transformer.hpp"

#include <warmd/backend.hpp>

#include <memory>
#include <optional>
#include <vector>

namespace warmd::hf {

/// An adapter in memory: its weights, and its structure for null views.
struct loaded_adapter {
    std::vector<lora_factors> factors;
    lora_weights weights;
};

class hf_backend final : public backend {
public:
    hf_backend(std::shared_ptr<const base_weights> base, std::optional<loaded_adapter> adapter, tokenizer words,
               std::shared_ptr<compute_gate> gate);

    /// Takes all texts of all calls that look through the same view through the model together.
    void run(std::span<call> calls) override;
    /// Weights, buffers, and room for the adapter of one null view; the base weights are the shared part.
    footprint bytes() const override;
    void close() override {}

private:
    /// `through` in the one form that all views of the same weights have.
    view simplest(view through) const;
    lens lens_of(const view& through);

    std::shared_ptr<const base_weights> base_;
    std::optional<loaded_adapter> adapter_;
    tokenizer words_;
    std::shared_ptr<compute_gate> gate_;
    transformer model_;
    view null_view_; // whose draws null_ holds
    std::optional<lora_weights> null_;
};

/// One forward pass of `prompt` through each view, before the first answer: load_failed names the view whose logits are
/// not finite.
result<void> preflight(backend& loaded, bool has_adapter, const std::vector<token_id>& prompt);

} // namespace warmd::hf

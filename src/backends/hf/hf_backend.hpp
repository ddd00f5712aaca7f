#pragma once
// A loaded model: base weights, perhaps an adapter, a tokenizer; what it takes to answer calls.

#include "hf/compute/compute.hpp"
#include "hf/model/base_model.hpp"
#include "hf/model/lora.hpp"

#include "model/batching_backend.hpp"

#include <list>
#include <memory>
#include <optional>
#include <vector>

namespace warmd::hf {

/// An adapter in memory: its weights, its structure for null views, and its own tokenizer if it has
/// one.
struct loaded_adapter {
    std::vector<lora_factors> factors;
    lora_weights weights;
    std::optional<tokenizer> words;
};

/// How many null views of an adapter of so many bytes are kept: a few, and of a large one no more
/// than fit into some memory, but one in any case.
std::size_t most_null_views(std::uint64_t adapter_bytes);

/// A null view and its weights.
struct null_draw {
    view through;
    lora_weights weights;
};

struct plan;
struct task; // a sequence to be run for some call

class hf_backend final : public batching_backend {
public:
    hf_backend(std::shared_ptr<base_model> base, std::optional<loaded_adapter> adapter,
               std::shared_ptr<compute_gate> gate, call_worker worker = {});

    /// Takes all texts of all calls through the model together, whatever they look through, as far
    /// as there is room for their keys and values; a call with one that can never have room is
    /// too_large.
    void run(std::span<call> calls) override;
    /// Weights, and room for those of the null views that are kept (most_null_views), which are
    /// drawn when first asked for; the base model, buffers included, is the shared part.
    footprint bytes() const override;
    void close() override {}

private:
    /// `through` in the one form that all views of the same weights have.
    view simplest(view through) const;
    lens lens_of(const view& through);
    const lora_weights& null_weights(const view& through);
    lora_weights drawn(const view& through) const;
    std::optional<failure> never_fits(const plan& what) const;
    void run_together(std::span<const task> tasks);

    const tokenizer& words() const
    {
        return adapter_ && adapter_->words ? *adapter_->words : base_->words;
    }

    std::shared_ptr<base_model> base_;
    std::optional<loaded_adapter> adapter_;
    std::shared_ptr<compute_gate> gate_;
    std::size_t most_null_views_ = 0;
    std::list<null_draw> null_views_; // the last used first
};

/// One forward pass of `prompt` through the views before the first answer: load_failed names the
/// view whose logits are not finite.
result<void> preflight(hf_backend& loaded, const std::vector<view>& views,
                       const std::vector<token_id>& prompt);

} // namespace warmd::hf

#pragma once
// A loaded model: base weights, perhaps an adapter, a tokenizer; what it takes to answer calls.

#include "hf/calls/answer_store.hpp"
#include "hf/engine/engine.hpp"
#include "hf/model/base_model.hpp"
#include "hf/model/lora.hpp"
#include "hf/null_views.hpp"
#include "hf/running_call.hpp"
#include "hf/text/chat_templates.hpp"

#include <warmd/backend.hpp>
#include <warmd/backend_registry.hpp>

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
    std::optional<std::size_t> vocabulary{}; ///< tokens, where they are not the base's
};

/// What the backends of a loader have in common.
struct shared_engine {
    std::shared_ptr<engine> steps;
    std::shared_ptr<answer_store> answers;
};

/// Texts of all calls go through the model together, whatever they look through, as the engine's
/// planner says. What needs no model, plans, draws of null views and the making of answers are work
/// for the worker, or, without one, for whoever gives rise to them.
class hf_backend final : public backend {
public:
    hf_backend(std::shared_ptr<base_model> base, std::optional<loaded_adapter> adapter,
               shared_engine by, call_worker worker = {}, chat_templates chats = {});

    /// A call with a sequence whose keys and values can never have room is too_large.
    void submit(call what) override;
    /// Weights, and room for those of the null views that are kept (most_null_views), which are
    /// drawn when first asked for; the base model, buffers included, is the shared part.
    footprint bytes() const override;
    activity now() const override;
    /// Waits until nothing is under way any more, for the calls' last steps.
    void close() override;

private:
    using sequences = std::vector<sequence*>;

    void start(const std::shared_ptr<running_call>& mine);
    std::optional<failure> objection(const plan& what, const call& by, std::size_t tokens_in) const;
    std::optional<failure> foreign_to_base(const plan& what, const call& by) const;
    void recall(const plan& what) const;
    void remember(const plan& what) const;
    void run(const std::shared_ptr<running_call>& mine, const view& through, sequences what);
    void run_null(const std::shared_ptr<running_call>& mine, const view& through, sequences what);
    sequence_group group_for(const std::shared_ptr<running_call>& mine, sequences what) const;
    /// `through` in the one form that all views of the same weights have.
    view simplest(view through) const;
    lora_weights drawn(const view& through) const;

    const tokenizer& words() const
    {
        return adapter_ && adapter_->words ? *adapter_->words : base_->words;
    }

    std::shared_ptr<base_model> base_;
    std::optional<loaded_adapter> adapter_;
    const model_config config_; ///< the base's, with the adapter's vocabulary
    const shared_engine by_;
    const chat_templates chats_;
    const std::uint64_t adapter_id_;
    std::function<void(std::function<void()>)> post_;
    const std::shared_ptr<work_counts> counts_ = std::make_shared<work_counts>();
    std::shared_ptr<null_views> null_views_; // null without an adapter
};

/// One forward pass of `prompt` through the views before the first answer: load_failed names the
/// view whose logits are not finite.
result<void> preflight(hf_backend& loaded, const std::vector<view>& views,
                       const std::vector<token_id>& prompt);

} // namespace warmd::hf

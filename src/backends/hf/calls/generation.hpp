#pragma once
// A text that grows by one drawn token per step.

#include "hf/calls/sequence.hpp"
#include "hf/model/model_config.hpp"
#include "hf/text/running_text.hpp"

#include <warmd/backend.hpp>

#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>

namespace warmd::hf {

class generation final : public sequence {
public:
    /// REQUIRES: `words` and `how` outlive it; at least one id and at most the model's positions.
    generation(std::vector<token_id> prompt, const generate& how, const model_config& config,
               const tokenizer& words, const std::function<void(const generated_token&)>& on_token);

    std::size_t wanted() const override { return finished_ ? ids_.size() - 1 : ids_.size(); }
    std::size_t most_wanted() const override;
    std::size_t first_logits() const override { return ids_.size() - 1; }
    void receive(std::size_t position, std::span<const float> logits) override;
    void stepped() override;

    /// Once it has ended; backend_failed if a logit is not finite.
    result<generation_result> take();

private:
    bool find_stop(std::string_view& text);
    std::size_t certain() const;

    const generate& how_;
    const model_config& config_;
    const std::function<void(const generated_token&)>& on_token_;
    std::vector<token_id> stop_ids_; // asked for, by id or by a special token's text
    std::mt19937_64 random_;         // its own: what else runs does not matter

    std::optional<generated_token> drawn_; // by the step under way
    bool odd_ = false;                     // a logit was not finite
    bool finished_ = false;
    running_text text_;
    std::size_t searched_ = 0; // no stop text ends before this
    std::size_t sent_ = 0;     // bytes of the text that on_token has had
    generation_result result_;
};

} // namespace warmd::hf

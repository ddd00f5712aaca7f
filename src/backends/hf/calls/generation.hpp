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

/// How a text is continued, as generate and complete ask for it (backend.hpp).
struct continuation {
    std::size_t max_new_tokens = 16; ///< 0: the text's own tokens are all that is listed
    double temperature = 0;
    double top_p = 1;
    std::size_t top_k = 0;
    std::uint64_t seed = 0;
    std::vector<std::string> stop;
    std::vector<token_id> stop_token_ids;
    std::optional<std::size_t> list;        ///< new tokens
    std::optional<std::size_t> list_prompt; ///< the text's own
    std::size_t choice = 0;                 ///< as generated_token has it
};
continuation continuation_of(const generate& asked);
/// Of one of the choices for a prompt; the first lists the prompt's tokens.
continuation continuation_of(const complete& asked, std::size_t prompt, std::size_t choice);

class generation final : public sequence {
public:
    /// REQUIRES: `config`, `words` and `on_token` outlive it; at least one id and at most the
    /// model's positions.
    generation(std::vector<token_id> prompt, continuation how, const model_config& config,
               const tokenizer& words, const std::function<void(const generated_token&)>& on_token);

    std::size_t wanted() const override;
    std::size_t most_wanted() const override;
    std::size_t first_logits() const override { return how_.list_prompt ? 0 : prompt_size_ - 1; }
    void receive(std::size_t position, std::span<const float> logits) override;
    void stepped() override;

    /// Once it has ended; backend_failed if a logit is not finite.
    result<completed_text> take();
    /// Before take(), which it has to succeed: of the prompt's own, from the second token on.
    std::vector<listed_token> take_prompt_tokens() { return std::move(prompt_tokens_); }

private:
    void draw_next(std::span<const float> logits);
    bool all_finite() const;
    bool find_stop(std::string_view& text);
    std::size_t certain() const;

    const continuation how_;
    const model_config& config_;
    const tokenizer& words_;
    const std::function<void(const generated_token&)>& on_token_;
    const std::size_t prompt_size_;
    std::vector<token_id> stop_ids_; // asked for, by id or by a special token's text
    std::mt19937_64 random_;         // its own: what else runs does not matter

    std::vector<listed_token> prompt_tokens_;
    std::optional<generated_token> drawn_; // by the step under way
    bool odd_ = false;                     // a logit was not finite
    bool finished_ = false;
    running_text text_;
    std::size_t searched_ = 0; // no stop text ends before this
    std::size_t sent_ = 0;     // bytes of the text that on_token has had
    completed_text result_;
};

} // namespace warmd::hf

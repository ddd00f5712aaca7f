#pragma once
// From what a request gives, texts, ids or conversations, to the ids that the model is to be fed;
// what cannot be scored is refused here.

#include "hf/model/model_config.hpp"
#include "hf/text/chat_templates.hpp"
#include "hf/text/tokenizer.hpp"

#include <warmd/backend.hpp>

#include <optional>
#include <vector>

namespace warmd::hf {

/// A text's ids, and from which of them on it is scored.
struct scored_ids {
    std::vector<token_id> ids;
    std::size_t from = 0;
};

/// invalid_params: one is outside the model's vocabulary.
result<void> check_ids(const std::vector<token_id>& ids, const model_config& config);

/// A prompt, and its text if it was none of ids.
struct read_prompt {
    std::vector<token_id> ids;
    std::optional<std::string> text;
};

class inputs {
public:
    /// With `bos`, the model's BOS goes before each text that does not begin with it: the
    /// tokenizer's own, else the one that config.json names; unsupported if neither does.
    /// `chats` writes conversations. REQUIRES: all of them outlive it.
    static result<inputs> of(const model_config& config, const tokenizer& words,
                             const chat_writer& chats, bool bos);

    /// invalid_params: too long for the model, or outside its vocabulary; or as chat_templates has
    /// it.
    result<std::vector<token_id>> ids_of(const text_or_ids& input) const;
    /// invalid_params if there is no id at all, too.
    result<std::vector<token_id>> filled_ids_of(const text_or_ids& input) const;
    /// The same with the text; a text gets its special tokens only if `add_special_tokens`.
    result<read_prompt> prompt_of(const text_or_ids& input, bool add_special_tokens) const;
    /// All ids of prompt and completion, and where the completion begins: after the longest prefix
    /// that they share with the prompt's own ids, as a token may straddle the boundary.
    /// invalid_params if the completion adds no token, too.
    result<scored_ids> split(const logprob::item& item) const;

private:
    /// A text, and whether its special tokens are still to be added.
    struct text {
        std::string utf8;
        bool bare = true;
    };
    inputs(const model_config& config, const tokenizer& words, const chat_writer& chats,
           std::optional<token_id> bos)
        : config_(&config), words_(&words), chats_(&chats), bos_(bos)
    {
    }
    /// Nothing for ids.
    result<std::optional<text>> text_of(const text_or_ids& input) const;
    std::vector<token_id> encode(const text& what) const;
    result<std::vector<token_id>> ids_of(const text_or_ids& input,
                                         const std::optional<text>& written) const;
    result<void> check(const std::vector<token_id>& ids) const;

    const model_config* config_;
    const tokenizer* words_;
    const chat_writer* chats_;
    std::optional<token_id> bos_;
};

} // namespace warmd::hf

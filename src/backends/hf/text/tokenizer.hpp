#pragma once
// Text <-> token ids as a Hugging Face tokenizer.json says: a model (token_model.hpp) between
// normalizers, pre-tokenizers, post-processors and decoders (each header lists them). Behaviour is
// that of the tokenizers library, 0.23. The file is untrusted: whatever is in it, loading either
// gives a tokenizer or says what is wrong, and using the tokenizer ends.

#include <warmd/divergence.hpp>
#include <warmd/error.hpp>
#include <warmd/file_rules.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace warmd::hf {

class decoder;

/// A tokenizer as loaded. Immutable, so safe to use from several threads at once. Movable; a
/// moved-from one may only be destroyed or assigned to.
class tokenizer {
public:
    /// Reads a tokenizer.json, and the tokenizer_config.json beside it if there is one. The detail
    /// of a failure names the file and the cause:
    /// load_failed for a file that is missing, too large, not JSON, ill-typed or inconsistent (a
    /// merge that names an unknown token), unsupported for a model type or component that is not
    /// implemented, by its name.
    static result<tokenizer> load(const std::filesystem::path& tokenizer_json,
                                  const file_rules& rules = {});

    tokenizer(tokenizer&&) noexcept;
    tokenizer& operator=(tokenizer&&) noexcept;
    ~tokenizer();

    /// The ids of `utf8`, without truncation or padding. Added and special tokens spelled out in
    /// the text are recognised; `add_special_tokens` adds those of the post-processor (BOS). Bytes
    /// that are not UTF-8 count as U+FFFD. Throws std::length_error above 64 MiB of text (given, or
    /// made of it by the file's rules), std::runtime_error where the file's rules take too long on
    /// it (pattern.hpp), or its model has no token for some of it (token_model.hpp).
    std::vector<token_id> encode(std::string_view utf8, bool add_special_tokens) const;

    /// The text of `ids`, always valid UTF-8: bytes that are not become U+FFFD. Ids that no token
    /// has are dropped. Throws as encode.
    std::string decode(std::span<const token_id> ids, bool skip_special_tokens) const;

    /// What decode() makes of tokens, for running_text.
    const decoder& decodes() const;
    /// The token that the decoder is given for `id`: nullptr if there is none, or it is special.
    const std::string* shown(token_id id) const;

    /// The vocabulary's own entry for `id` ("Ġthe"), "" if there is none.
    std::string token_text(token_id id) const;

    /// Whether `id` is an added token marked special: one that skip_special_tokens leaves out.
    bool is_special(token_id id) const;

    /// The id of the token whose text that is, added or of the vocabulary.
    std::optional<token_id> id_of(std::string_view text) const;

    /// The BOS that tokenizer_config.json names, if the tokenizer has it.
    std::optional<token_id> bos() const { return bos_; }

    /// The largest id any token has or the post-processor adds, -1 if there is none.
    token_id max_id() const;

    /// Some token with id >= `limit`, if there is one: what a model with `limit` embedding rows
    /// could not look up.
    std::optional<std::pair<token_id, std::string>> entry_from(token_id limit) const;

private:
    struct parts;
    explicit tokenizer(std::unique_ptr<const parts>);
    std::unique_ptr<const parts> parts_;
    std::optional<token_id> bos_;
};

} // namespace warmd::hf

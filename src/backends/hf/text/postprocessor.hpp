#pragma once
// The post-processor of a tokenizer.json: the special tokens put around a text's own.

#include "hf/text/component.hpp"

#include <warmd/divergence.hpp>

#include <vector>

namespace warmd::hf {

/// BertProcessing, RobertaProcessing, TemplateProcessing, ByteLevel (which only concerns offsets,
/// and does nothing here), and Sequences of them, each around what the one before it made. Anything
/// else is `unsupported`, by name, and so is another after a TemplateProcessing.
class postprocessor {
public:
    /// Reads the member `post_processor` of the document, which may be absent or null.
    explicit postprocessor(const json_place& document);

    const std::vector<token_id>& before() const noexcept { return before_; }
    const std::vector<token_id>& after() const noexcept { return after_; }
    /// The largest id it adds to a text, -1 if it adds none.
    token_id max_id() const;

private:
    void read(const json_place& fields);
    void read_template(const json_place& fields);
    void read_pair(const json_place& fields);
    void read_special_token(const json_place& piece, const json_place& special_tokens,
                            std::vector<token_id>& ids) const;

    std::vector<token_id> before_;
    std::vector<token_id> after_;
    bool has_template_ = false;
};

} // namespace warmd::hf

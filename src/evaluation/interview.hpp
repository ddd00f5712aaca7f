#pragma once
// What is asked of the model, and what it answered.
//
// Probes are written as if every answer were there: what is asked and has none is noted, and a
// value without a meaning is returned in its place. Whoever made something of such values runs
// again once the open questions are answered; nothing is asked twice, whoever asks.

#include <warmd/backend.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

namespace warmd::evaluation {

using token_ids = std::vector<token_id>;
/// A text, which is tokenized with the special tokens that the tokenizer puts around it; or ids.
using model_input = std::variant<std::string, token_ids>;

struct question {
    enum class kind {
        tokens,      ///< of `text`
        slice,       ///< the distribution after `ids`: its `size` most probable tokens
        completion,  ///< logprobs of `more` after `ids`
        text_scores, ///< logprobs of `ids`
        writing,     ///< what follows `ids`, greedily: at most `size` tokens
        text,        ///< of `ids`, with special tokens
        tokenizer,   ///< its special tokens
    };
    kind what = kind::tokens;
    view through = {.what = view::mode::base};
    std::string text = {};
    bool special = true; ///< tokens only: with special tokens
    token_ids ids = {}, more = {};
    std::size_t size = 0;

    /// Else its tokenizer answers.
    bool needs_model() const;
    /// Of the model's input, those that it writes included.
    std::size_t tokens() const;
};
/// Of tokens, of slice, of completion and text_scores, of writing, of text, of tokenizer.
using answer = std::variant<tokens, top_slice, scored_text, generation_result, plain_text,
                            tokenizer_description>;

class interview {
public:
    /// `context`: tokens that an input of the model may have; 0: any number.
    explicit interview(std::size_t context) : context_(context) {}

    // -- what probes ask -----------------------------------------------------------------------
    const token_ids& ids_of(const std::string& text, bool special = true);
    /// The token that means nothing: of padding, else the unknown one, else the text's end.
    /// Nothing: the tokenizer has none of these.
    std::optional<std::string> padding_token();
    /// So many of it, as text.
    std::string padding(std::size_t length);
    const top_slice& after(const view& through, const model_input& what, std::size_t top_k);
    /// nats; `from` and `to` as in divergence().
    double divergence(divergence_kind kind, const view& from, const view& to,
                      const model_input& what, std::size_t top_k);
    /// The completion begins after the longest common prefix of the ids of the prompt and of both.
    const scored_text& completion(const view& through, const std::string& prompt,
                                  const std::string& completion);
    /// The same; nothing if it cannot be scored: then `why` says so.
    std::optional<double> total_of(const view& through, const std::string& prompt,
                                   const std::string& completion, std::string& why);
    /// Of the text's first ids, if the model's context is shorter.
    const scored_text& text_scores(const view& through, const std::string& text);
    /// Greedy, special tokens left out.
    std::string writing(const view& through, const std::string& prompt, std::size_t most_tokens);

    /// Tokens that an input may have; 0: any number.
    std::size_t context() const { return context_; }

    // -- whoever runs probes -------------------------------------------------------------------
    /// What is noted from now on is the next one's.
    void begin();
    /// Whether an answer was missing since then.
    bool is_open() const { return open_since_; }
    /// The first answer since then that was a failure, though it was needed.
    const std::optional<failure>& trouble() const { return trouble_; }
    /// Whether a text was cut to the model's context since then.
    bool has_cut() const { return cut_; }
    /// Tokens of what was asked since then and had not been asked before.
    std::size_t new_tokens() const { return new_tokens_; }

    // -- whoever asks the model ----------------------------------------------------------------
    /// What is asked and not answered, in the order in which it was asked; they are the caller's
    /// to answer.
    std::vector<question> take_open();
    void tell(const question& asked, result<answer> told);
    /// Answers through null views: each is looked at once.
    void forget_nulls() { of_nulls_.clear(); }
    /// Inputs that were asked for again and had been answered, or were being.
    std::size_t shared() const { return shared_; }

private:
    using answers = std::unordered_map<std::string, result<answer>>;
    const result<answer>* look(question what);
    const token_ids* ids_if_known(const std::string& text);
    template <class T>
    const T& need(question what);
    std::optional<question> completion_question(const view& through, const std::string& prompt,
                                                const std::string& completion);

    answers kept_, of_nulls_;
    std::unordered_map<std::string, question> open_;
    std::vector<std::string> order_; // of open_
    const std::size_t context_;
    std::size_t new_tokens_ = 0, shared_ = 0;
    bool open_since_ = false, cut_ = false;
    std::optional<failure> trouble_;
};

} // namespace warmd::evaluation

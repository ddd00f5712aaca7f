#pragma once
// What a loaded model must be able to do. A backend knows nothing of the rest of warmd: it is given
// calls, and completes them when it is ready.

#include <warmd/divergence.hpp>
#include <warmd/error.hpp>
#include <warmd/model_spec.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace warmd {

/// A conversation that the model's own chat template is to make a text of. That text has its
/// special tokens already: none are added when it is tokenized. The first four are JSON texts, as
/// read_chat_prompt() (model/chat_prompt.hpp) found them sound.
struct chat_prompt {
    std::string messages;           ///< an array of at least one object, each with a `role`
    std::string tools = "null";     ///< an array, or null
    std::string documents = "null"; ///< an array, or null
    std::string variables = "{}";   ///< what else the template sees, by name
    std::string template_name;      ///< one of the model's; empty: the one Transformers would take
    bool add_generation_prompt = true;
    std::string continued; ///< the member of the last message at whose end the text ends; empty:
                           ///< it does not end early
};

/// A text, the token ids that stand for one, or what a chat template makes one of.
using text_or_ids =
    std::variant<std::string, std::vector<token_id>, std::shared_ptr<const chat_prompt>>;

/// How one set of weights is looked at (LoRA: Hu et al. 2021, §4.1). A call sees one view from
/// start to end.
struct view {
    enum class mode {
        base,   ///< adapter off
        ft,     ///< adapter as loaded; the same as base when there is none
        scaled, ///< the additive LoRA term times `scale`: 0 is base, 1 is ft
        null,   ///< both LoRA factors redrawn from a normal distribution: a control of the same
                ///< structure
    };
    mode what = mode::ft;
    double scale = 1;         ///< scaled only; finite
    std::uint64_t seed = 0;   ///< null only
    double init_scale = 0.02; ///< null only; finite and >= 0
    double rank_scale = 1;    ///< null only; finite and > 0
    enum class matching {
        norm, ///< each module's product BA has the Frobenius norm of the adapter's own
    };
    /// null only: in place of init_scale and rank_scale.
    std::optional<matching> match = {};

    friend bool operator==(const view&, const view&) = default;
};

// Operations and their outcomes ---------------------------------------------
// Logprobs are natural logarithms after an fp32 log-softmax over the model's whole vocabulary.
// `bos`: the model's BOS goes before each text that does not begin with it; ids stay as they are.
// Without it, a text begins with what the tokenizer puts there, which may be nothing.

/// What fails when an input of several cannot be scored: it has no token, more than the model's
/// context has room for, one outside the vocabulary, or gives numbers that are not finite.
enum class failure_scope {
    request, ///< the whole request; the failure names the input's place ("prompts[3]: …")
    item,    ///< that input alone: its result is the failure
};

struct tokenize {
    text_or_ids text; ///< ids stay as they are: what is asked for is their texts
    bool add_special_tokens = true;
};
struct tokens {
    std::vector<token_id> ids;
    std::vector<std::string> texts; ///< the vocabulary's entry for each id
};

struct detokenize {
    std::vector<token_id> ids;
    bool skip_special_tokens = false;
};
struct plain_text {
    std::string text;
};

struct next_token {
    view through;
    std::vector<text_or_ids> prompts;
    std::size_t top_k = 256;
    bool bos = false;
    failure_scope on_error = failure_scope::request;
};
struct distributions {
    std::vector<result<top_slice>> slices; ///< one per prompt, in order
};

struct logprob {
    struct item {
        text_or_ids prompt;
        text_or_ids completion;
    };
    view through;
    std::vector<item> items;
    bool bos = false;
    failure_scope on_error = failure_scope::request;
};
/// The scored tokens of one text. `logprobs` may be shorter than `ids`, and empty: a first token
/// without anything before it has none. What scored nothing has no mean.
struct scored_text {
    std::vector<token_id> ids;
    std::vector<float> logprobs;
    double total = 0; ///< sum of `logprobs`, in fp64
};
/// For logprob: the completion's tokens. For rolling_logprob: all tokens, logprobs from the second
/// on.
struct scored_texts {
    std::vector<result<scored_text>> results;
};

struct rolling_logprob {
    view through;
    std::vector<text_or_ids> texts;
    bool bos = false;
    failure_scope on_error = failure_scope::request;
};

struct generate {
    view through;
    text_or_ids prompt;
    std::size_t max_new_tokens = 16; ///< >= 1
    double temperature = 0;          ///< 0: greedy, ties to the lowest id
    double top_p = 1;                ///< (0, 1]
    std::size_t top_k = 0;           ///< 0: off
    std::uint64_t seed = 0;
    std::vector<std::string>
        stop; ///< none of them empty; a special token's text means that token as well
    std::vector<token_id> stop_token_ids;
    bool bos = false;
};
struct generation_result {
    std::string text; ///< new tokens only, special tokens left out, cut before what stopped it
    std::vector<token_id> ids; ///< with the token that stopped it
    enum class finish { stop, length, eos } reason = finish::length;
};
/// Continues each of several prompts, perhaps in several ways, and tells how probable their own
/// tokens are and those that are added.
struct complete {
    view through;
    std::vector<text_or_ids> prompts;
    bool add_special_tokens = true;  ///< what the tokenizer puts around a text
    std::size_t choices = 1;         ///< of each prompt: drawn with seed, seed + 1, …; >= 1
    std::size_t max_new_tokens = 16; ///< 0: nothing is added
    double temperature = 1;          ///< this and what follows: as generate has them
    double top_p = 1;
    std::size_t top_k = 0;
    std::uint64_t seed = 0;
    std::vector<std::string> stop;
    /// Lists the tokens that are added, with so many of the most probable ones in their places.
    std::optional<std::size_t> list;
    std::optional<std::size_t> list_prompt; ///< the prompts' own tokens, the same way
};
/// One token in its place, and what might have stood there.
struct listed_token {
    token_id id = 0;
    std::optional<float> logprob;  ///< nothing: no token stands before it
    std::uint64_t rank = 0;        ///< by probability, 1 is the highest, ties by rising id
    std::size_t offset = 0;        ///< code points of the text (which leaves special tokens out)
                                   ///< before it
    std::vector<token_id> top_ids; ///< by falling logprob, ties by rising id
    std::vector<float> top_logprobs;
};
/// One token of a generation under way.
struct generated_token {
    std::string
        text; ///< what this token adds to the text; may be empty within a multi-byte character
    token_id id = 0;
    float logprob = 0;
    // Of complete only:
    std::size_t choice = 0; ///< which text: its prompt's place, times choices, and its own
    std::optional<listed_token> listed;              ///< if asked for
    std::unordered_map<token_id, std::string> texts; ///< as completed_prompts has them
};
struct completed_text {
    generation_result made;
    std::vector<listed_token> tokens; ///< if asked for: one for each of made.ids
};
struct completed_prompt {
    std::string text; ///< as given; of ids: what they decode to, special tokens left out
    std::vector<token_id> ids;
    std::vector<listed_token> tokens; ///< if asked for: one for each of `ids`
    std::vector<completed_text> choices;
};
struct completed_prompts {
    std::vector<completed_prompt> prompts; ///< in order
    /// What each token that is listed anywhere adds to a text that it stands within; of a special
    /// token, its name.
    std::unordered_map<token_id, std::string> texts;
};

struct diverge {
    divergence_kind kind = divergence_kind::js;
    view from{view::mode::base};
    view to{view::mode::ft};
    std::vector<text_or_ids> prompts;
    std::size_t top_k = 256;
    bool bos = false;
    failure_scope on_error = failure_scope::request;
};

/// The text of a conversation.
struct render {
    std::shared_ptr<const chat_prompt> what;
};
struct rendered_text {
    std::string text;
    std::vector<token_id> ids;
    std::string template_name;
    std::vector<std::string> unused; ///< of chat_prompt::variables: the template mentions them
                                     ///< nowhere
};

/// The model's chat template, or the one of that name.
struct describe_chat_template {
    std::string name;
};
struct chat_template_description {
    std::string name;
    std::string file;               ///< where it is from
    std::vector<std::string> names; ///< of all that the model has
    std::vector<std::string> reads; ///< the variables that it takes from outside
};

/// The tokens that the model's tokenizer has a name for, and its chat template as it stands.
struct describe_tokenizer {};
struct tokenizer_description {
    std::optional<std::string> eos, bos, pad, unk; ///< their texts; nothing: its files name none
    std::optional<std::string> chat_template; ///< a conversation's without tools, if there is one
};

using operation =
    std::variant<tokenize, detokenize, next_token, logprob, rolling_logprob, generate, diverge,
                 render, describe_chat_template, complete, describe_tokenizer>;
/// Which alternative belongs to which operation: tokens, plain_text, distributions, scored_texts
/// (twice), generation_result, divergence_report, rendered_text, chat_template_description,
/// completed_prompts, tokenizer_description.
using outcome = std::variant<tokens, plain_text, distributions, scored_texts, generation_result,
                             divergence_report, rendered_text, chat_template_description,
                             completed_prompts, tokenizer_description>;

/// Where the one answer of a call goes, whichever thread gives it. Moves only. What is answered
/// twice keeps its first answer; what is dropped unanswered is answered backend_failed; and if
/// telling it throws (a text that cannot be written, no memory), internal_error is told in its
/// place: nobody waits for ever.
class completion {
public:
    completion() = default;
    /// `tell`: takes (result<outcome>), or (result<outcome>, tokens_in).
    template <class Function>
    requires(!std::same_as<std::remove_cvref_t<Function>, completion>) completion(Function tell)
        : to_(std::make_unique<receiver_of<Function>>(std::move(tell)))
    {
    }
    completion(completion&&) noexcept = default;
    completion& operator=(completion&& other) noexcept;
    ~completion();

    /// `tokens_in`: of the call's inputs.
    void operator()(result<outcome> told, std::size_t tokens_in = 0) noexcept;

private:
    struct receiver {
        virtual ~receiver() = default;
        virtual void tell(result<outcome>&& told, std::size_t tokens_in) = 0;
    };
    template <class Function>
    struct receiver_of final : receiver {
        explicit receiver_of(Function f) : function(std::move(f)) {}
        void tell(result<outcome>&& told, std::size_t tokens_in) override
        {
            if constexpr (std::is_invocable_v<Function&, result<outcome>, std::size_t>)
                function(std::move(told), tokens_in);
            else
                function(std::move(told));
        }
        Function function;
    };

    std::unique_ptr<receiver> to_; // null: answered
};

/// How urgent a call is: batch calls get what interactive ones leave, and a little in any case.
enum class call_priority { interactive, batch };

/// One operation for a backend to carry out. Its functions are called on any thread.
struct call {
    operation what;
    std::stop_token stop;           ///< asked to stop: complete soon, with `cancelled`
    std::function<void()> on_start; ///< once work on it begins, if it does; may be empty
    std::function<void(const generated_token&)>
        on_token; ///< generate and complete only; may be empty; called before complete
    completion complete;
    std::size_t max_tokens =
        std::numeric_limits<std::size_t>::max(); ///< with more of them: complete with
                                                 ///< too_many_tokens()
    std::size_t max_reply_bytes =
        std::numeric_limits<std::size_t>::max(); ///< see too_much_to_list()
    std::uint64_t origin = 0; ///< whose it is (a connection's number): calls of one origin share
                              ///< what one gets of the machine
    call_priority priority = call_priority::interactive;
    bool fresh = false; ///< compute all of it, whatever is remembered
};

/// What a loaded model is doing.
struct activity {
    std::size_t running = 0;        ///< calls taken on and not completed
    std::size_t queued_tokens = 0;  ///< of those calls' inputs, not yet fed to the model
    std::uint64_t kv_bytes = 0;     ///< keys and values kept on this model's behalf
    std::string tokenizer = "base"; ///< whose: "base" or "adapter"
};

/// invalid_params.
failure too_many_tokens(std::size_t found, std::size_t allowed);
/// `why`, of the input at `index` of the list that the operation calls `list`: "prompts[3]: …".
failure at_item(std::string_view list, std::size_t index, failure why);
/// The first failure among `items` if it is the request's; `items` of one that failed name their
/// places.
template <class T>
std::optional<failure> first_failure(failure_scope scope, const std::vector<result<T>>& items)
{
    if (scope == failure_scope::request)
        for (const result<T>& each : items)
            if (each.has_error())
                return each.error();
    return {};
}
/// reply_too_large() if the distributions that `what` asks for, or compares, over a vocabulary of
/// so many tokens, cannot be written in `max_reply_bytes`. A backend completes with it before it
/// makes them: they may take more memory than there is.
std::optional<failure> too_much_to_list(const operation& what, std::size_t vocab_size,
                                        std::size_t max_reply_bytes);

/// A loaded model. Its life: load, submit*, close, destruction. close() comes once, last, and only
/// after every call has been completed; a backend that completes calls on threads of its own waits
/// there until they have let go of it. All but submit() may block, on a worker thread; all may
/// throw. One that blocks while it computes derives from batching_backend
/// (model/batching_backend.hpp).
class backend {
public:
    virtual ~backend() = default;
    /// Takes a call on and returns soon, whatever is under way; any thread, several at once. The
    /// call is completed later, from any thread, perhaps before this returns. No result may depend
    /// on what else is under way. Bad input completes with invalid_params, an operation it lacks
    /// with unsupported; what cannot be carried out, with backend_failed: the backend stays usable.
    virtual void submit(call what) = 0;
    /// Measured footprint.
    virtual footprint bytes() const = 0;
    /// What it is doing now. Any thread, until close(); never blocks for long.
    virtual activity now() const { return {}; }
    /// Gives up what the destructor cannot report on. Called once, before destruction.
    virtual void close() = 0;
};

} // namespace warmd

#pragma once
// Calls as a worker is asked them, and whether it can be.

#include <warmd/backend.hpp>

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace warmd::worker {

/// What a worker says of itself (`hello`).
struct abilities {
    std::string name, version;
    std::set<std::string, std::less<>> operations, views;
    std::size_t batching = 1; ///< calls at once
    bool tokenizer = false;
};

/// A request to a worker.
struct call_text {
    std::string_view method;
    std::string params; ///< JSON object
};

/// The member `model` of every request about one: the spec as the worker is to see it, JSON. Its
/// kind is its own, and what is left as it is by default is not said.
std::string model_text(const model_spec& spec);

/// unsupported, by name: an operation or a view that the worker does not have, a text where it has
/// no tokenizer, a conversation where it has no chat template.
std::optional<failure> lacks(const abilities& has, const operation& what);

/// What to ask for `what`: one request, or two for a divergence, the view `from` first. `model`:
/// model_text(). REQUIRES: nothing is lacking.
call_text text_of(const operation& what, std::string_view model, bool stream, bool fresh);
call_text text_of(const diverge& what, const view& through, std::string_view model, bool fresh);

/// Token ids that are given as such; texts count once they are answered.
std::size_t given_tokens(const operation& what);

} // namespace warmd::worker

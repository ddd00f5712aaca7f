#pragma once
// From an operation to the sequences it needs run, and from those to its outcome. No arithmetic, no
// threads.

#include "hf/calls/sequence.hpp"
#include "hf/model/model_config.hpp"
#include "hf/text/chat_templates.hpp"
#include "hf/text/tokenizer.hpp"

#include <warmd/backend.hpp>

#include <functional>
#include <memory>
#include <vector>

namespace warmd::hf {

/// A sequence and the view it is to be run through.
struct planned_sequence {
    view through;
    std::unique_ptr<sequence> what;
};

/// What one call needs.
struct plan {
    std::vector<planned_sequence> sequences; ///< those that want nothing have ended already
    std::function<result<outcome>()> finish; ///< once all have ended
};

/// Plans `by`, which must outlive the plan, as must `config`, `words` and the templates of `chats`,
/// which writes its conversations. invalid_params: an input is empty, too long for the model, or
/// not of its vocabulary; or as chat_templates has it. too_large: too_much_to_list().
result<plan> make_plan(const call& by, const model_config& config, const tokenizer& words,
                       const chat_writer& chats);

} // namespace warmd::hf

// The operations on a model.

#include "methods/handlers.hpp"
#include "methods/notifications.hpp"
#include "methods/outcomes.hpp"
#include "model/chat_prompt.hpp"

namespace warmd {

namespace {

template <class Operation>
result<operation_request> read_operation(const schema::reader& by, const json_node& given,
                                         const daemon_info& daemon)
{
    operation_request asked{.what = Operation{}};
    if (auto why =
            by.read(given, daemon.models, {asked, std::get<Operation>(asked.what), asked.about}))
        return *why;
    return asked;
}

/// The members of the conversation stand among the method's own.
result<operation_request> read_render(const schema::reader& by, const json_node& given,
                                      const daemon_info& daemon)
{
    operation_request asked{.what = render{}};
    chat_prompt read_below;
    if (auto why = by.read(given, daemon.models, {asked, read_below, asked.about}))
        return *why;
    auto read = read_chat_prompt(given, {});
    if (!read)
        return read.error();
    asked.what = render{std::make_shared<const chat_prompt>(std::move(*read))};
    return asked;
}

outcome_text text_of(const operation& asked, std::size_t max_bytes)
{
    return [write = replies::writer_of(asked), max_bytes](const outcome& what) {
        return replies::written(write, what, max_bytes);
    };
}

answer run_operation(surroundings in, operation_request asked, peer from)
{
    run_options how = options_of(asked, *in.daemon, from);
    outcome_text write = text_of(asked.what, how.call.max_reply_bytes);
    return run(*in.cache, std::move(asked.model), std::move(asked.what), std::move(how),
               std::move(write));
}

} // namespace

run_options options_of(const operation_request& asked, const daemon_info& daemon, const peer& from)
{
    run_options how{.acquire = begin_request(asked.about, from), .limits = daemon.request};
    how.call.max_reply_bytes = daemon.connection.max_reply_bytes;
    how.call.origin = from->origin();
    how.call.priority = asked.about.priority;
    how.call.fresh = asked.about.fresh;
    if (asked.stream)
        how.call.on_token = [from](const generated_token& token) {
            from->notify("$/token", replies::token(from->id(), token));
        };
    how.granted = [from, progress = asked.about.progress](const residency& there) {
        from->about(there.model->key.text);
        if (progress)
            from->notify("$/progress", replies::running(from->id()));
    };
    return how;
}

void add_operations(method_adder& to)
{
    to.add("tokenize", read_operation<tokenize>, run_operation);
    to.add("detokenize", read_operation<detokenize>, run_operation);
    to.add("next_token", read_operation<next_token>, run_operation);
    to.add("logprob", read_operation<logprob>, run_operation);
    to.add("rolling_logprob", read_operation<rolling_logprob>, run_operation);
    to.add("generate", read_operation<generate>, run_operation);
    to.add("divergence", read_operation<diverge>, run_operation);
    to.add("render", read_render, run_operation);
    to.add("chat_template", read_operation<describe_chat_template>, run_operation);
}

} // namespace warmd

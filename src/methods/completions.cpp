// Completions, as OpenAI's clients ask for them.

#include "methods/completion_request.hpp"
#include "methods/completion_text.hpp"
#include "methods/handlers.hpp"
#include "model/chat_prompt.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <ctime>
#include <optional>

namespace warmd {

namespace {

failure bad(std::string_view param, std::string detail)
{
    failure why{errc::invalid_params, std::move(detail)};
    why.param = param;
    return why;
}

std::optional<failure> check_count(std::string_view param,
                                   const std::optional<std::uint64_t>& count,
                                   const daemon_info& daemon)
{
    const std::size_t most = daemon.request.max_http_logprobs;
    if (!count || *count <= most)
        return {};
    return bad(param, std::string(param) + " must be an integer from 0 to " + std::to_string(most) +
                          " (max_http_logprobs), found " + std::to_string(*count));
}

std::optional<failure> check_stop(const complete& what)
{
    constexpr std::size_t most = 16;
    if (what.stop.size() <= most)
        return {};
    return bad("stop", "stop can have " + std::to_string(most) + " texts at most, found " +
                           std::to_string(what.stop.size()));
}

/// What a stream cannot tell: it has only texts as they were given, and tokens as they are drawn.
std::optional<failure> check_stream(const completion_request& asked)
{
    const auto& what = std::get<complete>(asked.asked.what);
    const auto is_text = [](const text_or_ids& each) {
        return std::holds_alternative<std::string>(each);
    };
    if (!asked.asked.stream)
        return asked.how.include_usage
                   ? std::optional(bad("stream_options", "stream_options is for stream: true"))
                   : std::nullopt;
    if (!what.list_prompt && (!asked.how.echo || std::ranges::all_of(what.prompts, is_text)))
        return {};
    failure why{errc::unsupported, "a stream does not list the prompt's tokens, and echoes "
                                   "prompts that are texts only: ask without stream"};
    why.param = "stream";
    return why;
}

/// `model` as it was named, if it was.
std::string name_of_model(const json_node& given)
{
    const json_node* const model = given.find("model");
    return model && model->is_string() ? std::string(model->string()) : std::string();
}

result<completion_request> read_completions(const schema::reader& by, const json_node& given,
                                            const daemon_info& daemon)
{
    completion_request read{
        .asked = {.what = complete{}}, .how = {}, .model = name_of_model(given)};
    auto& what = std::get<complete>(read.asked.what);
    completion_format& how = read.how;
    if (auto why = by.read(given, daemon.models, {read.asked, what, how, read.asked.about}))
        return *why;
    for (auto why : {check_count("logprobs", how.logprobs, daemon),
                     check_count("prompt_logprobs", how.prompt_logprobs, daemon), check_stop(what)})
        if (why)
            return *why;
    if (what.max_new_tokens == 0 && !how.echo && !how.prompt_logprobs)
        return bad("max_tokens", "max_tokens must be at least 1 unless the prompt is told of "
                                 "(echo, prompt_logprobs), found 0");
    what.list = how.logprobs;
    if (how.echo && how.logprobs)
        what.list_prompt = how.logprobs;
    if (how.prompt_logprobs)
        what.list_prompt =
            std::max<std::size_t>(*how.prompt_logprobs, what.list_prompt.value_or(0));
    if (auto why = check_stream(read))
        return *why;
    return read;
}

/// The conversation's members stand among the method's own.
result<completion_request> read_chat(const schema::reader& by, const json_node& given,
                                     const daemon_info& daemon)
{
    completion_request read{
        .asked = {.what = complete{}}, .how = {.chat = true}, .model = name_of_model(given)};
    auto& what = std::get<complete>(read.asked.what);
    completion_format& how = read.how;
    chat_prompt read_below;
    if (auto why =
            by.read(given, daemon.models, {read.asked, what, how, read_below, read.asked.about}))
        return *why;
    for (auto why : {check_count("top_logprobs", how.top_logprobs, daemon), check_stop(what)})
        if (why)
            return *why;
    if (how.top_logprobs && !how.logprobs_of_chat)
        return bad("top_logprobs", "top_logprobs is for logprobs: true");
    auto chat = read_chat_prompt(given, {});
    if (!chat) {
        failure why = chat.error();
        why.param = why.detail.substr(0, why.detail.find_first_of(" .["));
        return why;
    }
    what.prompts = {std::make_shared<const chat_prompt>(std::move(*chat))};
    what.max_new_tokens = how.max_completion_tokens.value_or(what.max_new_tokens);
    if (how.logprobs_of_chat)
        what.list = how.top_logprobs.value_or(0);
    if (auto why = check_stream(read))
        return *why;
    return read;
}

/// "chatcmpl-" and what the request is called, by itself or by its connection.
std::string id_of(const completion_request& asked, const peer& from)
{
    const json::value& id = from->id();
    return (asked.how.chat ? "chatcmpl-" : "cmpl-") +
           (id.is_string() ? std::string(id.as_string()) : json::serialize(id));
}

/// Sends the chunks of one answer.
class chunk_sender {
public:
    chunk_sender(const completion_request& asked, std::shared_ptr<const completion_head> head,
                 peer to)
        : how_(asked.how), head_(std::move(head)), to_(std::move(to))
    {
        const auto& what = std::get<complete>(asked.asked.what);
        choices_ = what.choices;
        begun_.resize(what.prompts.size() * choices_);
        if (how_.echo)
            for (const text_or_ids& each : what.prompts)
                echoed_.push_back(std::get<std::string>(each));
    }

    void send(const generated_token& token)
    {
        const bool first = !begun_[token.choice];
        begun_[token.choice] = true;
        to_->chunk(replies::token_chunk(token, how_, *head_, first,
                                        first && how_.echo ? echoed_[token.choice / choices_]
                                                           : std::string()));
    }
    void send_ends(const completed_prompts& what)
    {
        std::size_t index = 0;
        for (const completed_prompt& prompt : what.prompts)
            for (const completed_text& choice : prompt.choices)
                to_->chunk(replies::end_chunk(index++, choice.made, how_, *head_));
        if (how_.include_usage)
            to_->chunk(replies::usage_chunk(what, how_, *head_));
    }

private:
    const completion_format how_;
    const std::shared_ptr<const completion_head> head_;
    const peer to_;
    std::size_t choices_ = 1;
    std::vector<bool> begun_; // by choices
    std::vector<std::string> echoed_;
};

answer run_completion(surroundings in, completion_request asked, peer from)
{
    const auto head = std::make_shared<completion_head>(completion_head{
        .id = id_of(asked, from), .created = std::time(nullptr), .model = asked.model});
    run_options options = options_of(asked.asked, *in.daemon, from);
    std::shared_ptr<chunk_sender> chunks;
    if (asked.asked.stream) {
        chunks = std::make_shared<chunk_sender>(asked, head, from);
        options.call.on_token = [chunks](const generated_token& token) { chunks->send(token); };
    }
    options.granted = [head, told = std::move(options.granted)](const residency& there) {
        head->system_fingerprint = there.model->files.text;
        if (head->model.empty())
            head->model = there.model->key.text;
        told(there);
    };
    outcome_text write = [how = asked.how, head, chunks,
                          most = options.call.max_reply_bytes](const outcome& what) {
        const auto& made = std::get<completed_prompts>(what);
        if (chunks)
            chunks->send_ends(made);
        return replies::completion(made, how, *head, most);
    };
    return run(*in.cache, std::move(asked.asked.model), std::move(asked.asked.what),
               std::move(options), std::move(write));
}

} // namespace

void add_completions(method_adder& to)
{
    to.add("completions", read_completions, run_completion);
    to.add("chat_completions", read_chat, run_completion);
}

} // namespace warmd

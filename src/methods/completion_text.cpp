#include "methods/completion_text.hpp"

#include "base/config.hpp"
#include <warmd/json_writer.hpp>

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace warmd::replies {

namespace {

/// JSON has no infinity; OpenAI's clients know this for it.
constexpr float impossible = -9999;

/// The tokens of a text: those of a prompt that is echoed, and those that were added.
struct text_tokens {
    const std::vector<listed_token>& tokens;
    std::size_t begins; ///< code points of the whole text before theirs
};

using texts_of_tokens = std::unordered_map<token_id, std::string>;

/// Writes lists of tokens.
class token_writer {
public:
    token_writer(json_writer& to, const texts_of_tokens& texts, const completion_format& how)
        : to_(to), texts_(texts), how_(how)
    {
    }

    /// Of a completion.
    void write_logprobs(std::span<const text_tokens> all)
    {
        to_.begin_object();
        write_list("text_offset", all,
                   [](const listed_token& each, std::size_t begins, json_writer& to) {
                       to.value(begins + each.offset);
                   });
        write_list("tokens", all, [this](const listed_token& each, std::size_t, json_writer& to) {
            to.value(name_of(each.id));
        });
        write_list("token_logprobs", all,
                   [](const listed_token& each, std::size_t, json_writer& to) {
                       if (each.logprob)
                           to.value(finite(*each.logprob));
                       else
                           to.value(nullptr);
                   });
        write_list(
            "top_logprobs", all,
            [this](const listed_token& each, std::size_t, json_writer&) { write_top(each); });
        to_.end_object();
    }

    /// Of a prompt, by ids.
    void write_prompt_logprobs(const std::vector<listed_token>& tokens)
    {
        to_.key("prompt_logprobs").begin_array();
        for (const listed_token& each : tokens) {
            if (to_.full())
                break;
            if (!each.logprob) {
                to_.value(nullptr);
                continue;
            }
            to_.begin_object();
            write_ranked(each.id, *each.logprob, each.rank);
            const std::size_t count =
                std::min<std::size_t>(*how_.prompt_logprobs, each.top_ids.size());
            for (std::size_t i = 0; i != count; ++i)
                if (each.top_ids[i] != each.id)
                    write_ranked(each.top_ids[i], each.top_logprobs[i], i + 1);
            to_.end_object();
        }
        to_.end_array();
    }

    /// Of a chat.
    void write_chat_logprobs(const std::vector<listed_token>& tokens)
    {
        to_.begin_object().key("content").begin_array();
        for (const listed_token& each : tokens) {
            if (to_.full())
                break;
            to_.begin_object();
            write_chat_token(each.id, *each.logprob);
            to_.key("top_logprobs").begin_array();
            for (std::size_t i = 0; i != each.top_ids.size(); ++i) {
                to_.begin_object();
                write_chat_token(each.top_ids[i], each.top_logprobs[i]);
                to_.end_object();
            }
            to_.end_array().end_object();
        }
        to_.end_array().end_object();
    }

private:
    template <class WriteOne>
    void write_list(std::string_view called, std::span<const text_tokens> all, WriteOne write_one)
    {
        to_.key(called).begin_array();
        for (const text_tokens& part : all)
            for (const listed_token& each : part.tokens)
                if (!to_.full())
                    write_one(each, part.begins, to_);
        to_.end_array();
    }

    /// The most probable ones, and the token itself; of two with one text the better.
    void write_top(const listed_token& of)
    {
        if (!of.logprob)
            return (void)to_.value(nullptr);
        to_.begin_object();
        std::vector<std::string> written;
        const auto write = [&](token_id id, float logprob) {
            std::string name = name_of(id);
            if (std::find(written.begin(), written.end(), name) != written.end())
                return;
            to_.text_key(name).value(finite(logprob));
            written.push_back(std::move(name));
        };
        const std::size_t count = std::min<std::size_t>(*how_.logprobs, of.top_ids.size());
        for (std::size_t i = 0; i != count; ++i)
            write(of.top_ids[i], of.top_logprobs[i]);
        write(of.id, *of.logprob);
        to_.end_object();
    }

    void write_ranked(token_id id, float logprob, std::uint64_t rank)
    {
        to_.key(std::to_string(id)).begin_object();
        to_.member("logprob", finite(logprob)).member("rank", rank);
        to_.member("decoded_token", text_of(id)).end_object();
    }

    void write_chat_token(token_id id, float logprob)
    {
        const std::string& text = text_of(id);
        to_.member("token", text).member("logprob", finite(logprob)).key("bytes").begin_array();
        for (const char byte : text)
            to_.value(static_cast<unsigned>(static_cast<unsigned char>(byte)));
        to_.end_array();
    }

    static float finite(float logprob) { return std::isfinite(logprob) ? logprob : impossible; }
    const std::string& text_of(token_id id) const { return texts_.at(id); }
    std::string name_of(token_id id) const
    {
        return how_.return_tokens_as_token_ids ? "token_id:" + std::to_string(id) : text_of(id);
    }

    json_writer& to_;
    const texts_of_tokens& texts_;
    const completion_format& how_;
};

std::size_t code_points(std::string_view utf8)
{
    return static_cast<std::size_t>(std::ranges::count_if(
        utf8, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

/// What every answer and every chunk begins with.
void write_head(json_writer& to, const completion_head& head, std::string_view object)
{
    to.begin_object().member("id", head.id).member("object", object);
    to.member("created", head.created).member("model", head.model);
    to.member("system_fingerprint", head.system_fingerprint);
}

void write_usage(json_writer& to, const completed_prompts& what)
{
    std::size_t given = 0, made = 0;
    for (const completed_prompt& prompt : what.prompts) {
        given += prompt.ids.size();
        for (const completed_text& choice : prompt.choices)
            made += choice.made.ids.size();
    }
    to.key("usage").begin_object().member("prompt_tokens", given);
    to.member("completion_tokens", made).member("total_tokens", given + made).end_object();
}

std::string_view reason_of(const generation_result& made)
{
    return made.reason == generation_result::finish::length ? "length" : "stop";
}

void write_choice(json_writer& to, token_writer& tokens, const completion_format& how,
                  const completed_prompt& prompt, const completed_text& choice)
{
    if (how.chat) {
        to.key("message").begin_object().member("role", "assistant");
        to.member("content", choice.made.text).end_object();
    } else {
        to.member("text", how.echo ? prompt.text + choice.made.text : choice.made.text);
    }
    to.member("finish_reason", reason_of(choice.made)).key("logprobs");
    if (how.chat && how.logprobs_of_chat) {
        tokens.write_chat_logprobs(choice.tokens);
    } else if (how.logprobs && how.echo) {
        const text_tokens all[]{{prompt.tokens, 0}, {choice.tokens, code_points(prompt.text)}};
        tokens.write_logprobs(all);
    } else if (how.logprobs) {
        const text_tokens all[]{{choice.tokens, 0}};
        tokens.write_logprobs(all);
    } else {
        to.value(nullptr);
    }
    if (how.prompt_logprobs)
        tokens.write_prompt_logprobs(prompt.tokens);
    if (how.return_token_ids)
        to.key("token_ids").array(choice.made.ids).key("prompt_token_ids").array(prompt.ids);
}

std::string_view object_of(const completion_format& how)
{
    return how.chat ? "chat.completion" : "text_completion";
}

std::string_view chunk_object_of(const completion_format& how)
{
    return how.chat ? "chat.completion.chunk" : "text_completion";
}

/// A chunk with one choice, whose further members `members` writes.
template <class Members>
std::string chunk(const completion_format& how, const completion_head& head, std::size_t choice,
                  Members members)
{
    std::string text;
    json_writer to(text);
    write_head(to, head, chunk_object_of(how));
    to.key("choices").begin_array().begin_object().member("index", choice);
    members(to);
    to.end_object().end_array().end_object();
    return text;
}

} // namespace

result<std::string> completion(const completed_prompts& what, const completion_format& how,
                               const completion_head& head, std::size_t max_bytes)
{
    std::string text;
    json_writer to(text, max_bytes);
    token_writer tokens(to, what.texts, how);
    write_head(to, head, object_of(how));
    to.key("choices").begin_array();
    std::size_t index = 0;
    for (const completed_prompt& prompt : what.prompts)
        for (const completed_text& choice : prompt.choices) {
            if (to.full())
                return reply_too_large(max_bytes);
            to.begin_object().member("index", index++);
            write_choice(to, tokens, how, prompt, choice);
            to.end_object();
        }
    to.end_array();
    write_usage(to, what);
    to.end_object();
    if (to.full())
        return reply_too_large(max_bytes);
    return text;
}

std::string token_chunk(const generated_token& token, const completion_format& how,
                        const completion_head& head, bool first, std::string_view echoed)
{
    return chunk(how, head, token.choice, [&](json_writer& to) {
        token_writer tokens(to, token.texts, how);
        std::vector<listed_token> listed;
        if (token.listed)
            listed.push_back(*token.listed);
        if (how.chat) {
            to.key("delta").begin_object();
            if (first)
                to.member("role", "assistant");
            to.member("content", token.text).end_object();
        } else {
            to.member("text", std::string(echoed) + token.text);
        }
        to.key("logprobs");
        const text_tokens all[]{{listed, 0}};
        if (listed.empty())
            to.value(nullptr);
        else if (how.chat)
            tokens.write_chat_logprobs(listed);
        else
            tokens.write_logprobs(all);
        to.key("finish_reason").value(nullptr);
        if (how.return_token_ids)
            to.key("token_ids").array(std::vector<token_id>{token.id});
    });
}

std::string end_chunk(std::size_t choice, const generation_result& made,
                      const completion_format& how, const completion_head& head)
{
    return chunk(how, head, choice, [&](json_writer& to) {
        if (how.chat)
            to.key("delta").begin_object().end_object();
        else
            to.member("text", "");
        to.key("logprobs").value(nullptr).member("finish_reason", reason_of(made));
    });
}

std::string usage_chunk(const completed_prompts& what, const completion_format& how,
                        const completion_head& head)
{
    std::string text;
    json_writer to(text);
    write_head(to, head, chunk_object_of(how));
    to.key("choices").begin_array().end_array();
    write_usage(to, what);
    to.end_object();
    return text;
}

} // namespace warmd::replies

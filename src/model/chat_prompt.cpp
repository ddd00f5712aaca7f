#include "model/chat_prompt.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace warmd {

namespace {

/// The variables that a template has of the prompt itself.
constexpr std::array<std::string_view, 4> own_variables{"messages", "tools", "documents",
                                                        "add_generation_prompt"};

class prompt_reader {
public:
    prompt_reader(const json_node& from, std::string_view called)
        : from_(from), within_(called.empty() ? std::string() : std::string(called) + '.')
    {
    }

    result<chat_prompt> run()
    {
        read_messages();
        made_.tools = list("tools");
        made_.documents = list("documents");
        read_variables();
        read_template_name();
        const auto begins = boolean("add_generation_prompt");
        read_continued();
        const bool continues = !made_.continued.empty();
        if (continues && begins.value_or(false))
            refuse(within_ + "continue_final_message and add_generation_prompt exclude each other");
        made_.add_generation_prompt = begins.value_or(!continues);
        if (fault_)
            return *fault_;
        return std::move(made_);
    }

private:
    void refuse(std::string detail)
    {
        if (!fault_)
            fault_ = failure{errc::invalid_params, std::move(detail)};
    }
    void wrong(const std::string& name, std::string_view wanted, const json_node& found)
    {
        if (!fault_) // an excerpt of a large value is not made for nothing
            refuse(within_ + name + " must be " + std::string(wanted) + ", found " +
                   excerpt(found.value()));
    }
    /// The member as it was written, its numbers checked.
    std::string as_written(std::string_view name, const json_node& found)
    {
        for (const json_node* each = &found; each != found.next(); ++each)
            if (each->what() == json_node::kind::real &&
                each->literal().find_first_of(".eE") == std::string_view::npos)
                refuse(within_ + std::string(name) +
                       " has an integer past 64 bits: " + shortened(std::string(each->literal())));
        return std::string(found.literal());
    }

    void read_messages()
    {
        const json_node* const found = from_.find("messages");
        if (!found)
            return refuse(within_ + "messages is missing: it must be a non-empty array of objects "
                                    "with a role");
        if (!found->is_array() || found->size() == 0)
            return wrong("messages", "a non-empty array of objects with a role", *found);
        std::size_t i = 0;
        for (const json_node* each = found->begin(); each != found->end(); each = each->next())
            check_message("messages[" + std::to_string(i++) + ']', *each);
        made_.messages = as_written("messages", *found);
    }
    void check_message(const std::string& name, const json_node& message)
    {
        if (!message.is_object())
            return wrong(name, "an object with a role", message);
        const json_node* const role = message.find("role");
        if (!role)
            return refuse(within_ + name + ".role is missing: it must be a string");
        if (!role->is_string())
            return wrong(name + ".role", "a string", *role);
        const json_node* const content = message.find("content");
        if (!content || content->is_null() || content->is_string())
            return;
        if (!content->is_array())
            return wrong(name + ".content", "a string, null or an array of text parts", *content);
        std::size_t i = 0;
        for (const json_node* each = content->begin(); each != content->end(); each = each->next())
            check_part(name + ".content[" + std::to_string(i++) + ']', *each);
    }
    void check_part(const std::string& name, const json_node& part)
    {
        constexpr std::string_view wanted = R"(a text part, {"type": "text", "text": …})";
        const json_node* const type = part.is_object() ? part.find("type") : nullptr;
        if (!type || !type->is_string())
            return wrong(name, wanted, part);
        if (type->string() != "text")
            return refuse(within_ + name + " is of type '" +
                          shortened(std::string(type->string())) +
                          "': only text parts are supported");
        const json_node* const text = part.find("text");
        if (!text || !text->is_string())
            wrong(name, wanted, part);
    }

    std::string list(std::string_view name)
    {
        const json_node* const found = from_.find(name);
        if (!found || found->is_null())
            return "null";
        if (!found->is_array())
            wrong(std::string(name), "an array or null", *found);
        return as_written(name, *found);
    }

    void read_variables()
    {
        const std::string name = "chat_template_kwargs";
        const json_node* const found = from_.find(name);
        if (!found || found->is_null())
            return;
        if (!found->is_object())
            return wrong(name, "an object", *found);
        for (const json_node* key = found->begin(); key != found->end(); key = (key + 1)->next())
            if (std::find(own_variables.begin(), own_variables.end(), key->string()) !=
                own_variables.end())
                refuse(within_ + name + " cannot have '" + std::string(key->string()) +
                       "', which is a member beside it");
        made_.variables = as_written(name, *found);
    }

    void read_template_name()
    {
        const json_node* const found = from_.find("chat_template");
        if (!found || found->is_null())
            return;
        if (!found->is_string() || found->size() == 0)
            return wrong("chat_template", "the name of one of the model's templates", *found);
        made_.template_name = found->string();
    }

    std::optional<bool> boolean(std::string_view name)
    {
        const json_node* const found = from_.find(name);
        if (!found)
            return {};
        if (!found->is_bool())
            wrong(std::string(name), "true or false", *found);
        return found->is_bool() && found->boolean();
    }

    void read_continued()
    {
        const json_node* const found = from_.find("continue_final_message");
        if (!found)
            return;
        if (found->is_bool())
            made_.continued = found->boolean() ? "content" : "";
        else if (found->is_string() && found->size() != 0)
            made_.continued = found->string();
        else
            wrong("continue_final_message", "true, false or a member of the last message", *found);
    }

    const json_node& from_;
    const std::string within_;
    chat_prompt made_;
    std::optional<failure> fault_;
};

bool needs_one(const text_or_ids& text)
{
    return std::holds_alternative<std::shared_ptr<const chat_prompt>>(text);
}
bool needs_one(const std::vector<text_or_ids>& texts)
{
    return std::any_of(texts.begin(), texts.end(),
                       [](const text_or_ids& each) { return needs_one(each); });
}
bool needs_one(const tokenize& what) { return needs_one(what.text); }
bool needs_one(const detokenize&) { return false; }
bool needs_one(const describe_tokenizer&) { return false; }
bool needs_one(const next_token& what) { return needs_one(what.prompts); }
bool needs_one(const rolling_logprob& what) { return needs_one(what.texts); }
bool needs_one(const generate& what) { return needs_one(what.prompt); }
bool needs_one(const diverge& what) { return needs_one(what.prompts); }
bool needs_one(const complete& what) { return needs_one(what.prompts); }
bool needs_one(const render&) { return true; }
bool needs_one(const describe_chat_template&) { return true; }
bool needs_one(const logprob& what)
{
    return std::any_of(what.items.begin(), what.items.end(), [](const logprob::item& each) {
        return needs_one(each.prompt) || needs_one(each.completion);
    });
}

} // namespace

bool needs_chat_template(const operation& what)
{
    return std::visit([](const auto& each) { return needs_one(each); }, what);
}

result<chat_prompt> read_chat_prompt(const json_node& from, std::string_view called)
{
    return prompt_reader(from, called).run();
}

} // namespace warmd

#pragma once
// The chat templates of a model directory, and of an adapter's before it, as Transformers finds
// them; a conversation's text by them. Templates are downloads: they run within the bounds of
// chat/template_bounds.hpp, and one that is no good is found when it is first used: the model loads
// without.

#include <warmd/backend.hpp>
#include <warmd/error.hpp>
#include <warmd/file_rules.hpp>

#include <ctime>
#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace warmd::hf {

/// Immutable but for what it remembers: one may be used by many threads at once. Copies are cheap.
class chat_templates {
public:
    /// The files that read() looks at in a directory, there or not: chat_template.jinja,
    /// additional_chat_templates and what is in it, tokenizer_config.json, special_tokens_map.json.
    static std::vector<std::filesystem::path> files_of(const std::filesystem::path& directory);

    /// Of the first of `directories` that has any: chat_template.jinja (`default`) and
    /// additional_chat_templates/NAME.jinja, else tokenizer_config.json's chat_template, a text or
    /// a list of {name, template}. Special tokens are those of `tokens_from`. Never fails: what
    /// cannot be read is told by whoever asks for it.
    static chat_templates read(std::span<const std::filesystem::path> directories,
                               const std::filesystem::path& tokens_from,
                               const file_rules& rules = {});

    chat_templates(); ///< a model's without any

    struct written {
        std::string text;
        std::string name; ///< of the template
        std::vector<std::string> unused;
    };
    /// The text of a conversation, by the template it names; else by `tool_use` where there is one
    /// and tools were given, else by `default`. `now`: the local time, for strftime_now.
    /// invalid_params: there is no such template, or it fails, with its place;
    /// too_large: it takes more bytes than it may; cancelled: it was asked to stop.
    result<written> write(const chat_prompt& what, const std::tm& now,
                          std::stop_token cancelled = {}) const;
    /// Of that name, or, where it is empty, of the one that a conversation without tools has.
    result<chat_template_description> describe(const std::string& name) const;
    /// What special tokens are called, and the template of a conversation without tools, be it
    /// sound or not. invalid_params: a file that says so cannot be read.
    result<tokenizer_description> describe_tokenizer() const;

private:
    struct entry;
    struct found;
    explicit chat_templates(std::shared_ptr<const found> all) : all_(std::move(all)) {}
    result<const entry*> choose(const std::string& name, bool tools) const;

    std::shared_ptr<const found> all_;
};

/// A model's templates as one call uses them.
struct chat_writer {
    const chat_templates* templates;
    std::tm (*now)(); ///< local; asked once for each conversation
    std::stop_token cancelled;

    result<chat_templates::written> operator()(const chat_prompt& what) const
    {
        return templates->write(what, now(), cancelled);
    }
};

} // namespace warmd::hf

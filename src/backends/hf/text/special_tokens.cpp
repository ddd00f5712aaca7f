#include "hf/text/special_tokens.hpp"

#include "hf/files/json_place.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace warmd::hf {

namespace {

constexpr std::array<std::string_view, 7> usual{"bos_token", "eos_token", "unk_token", "sep_token",
                                                "pad_token", "cls_token", "mask_token"};

/// A token's text: it, or the `content` of what describes it. Null: it has none.
const json::value* text_of(const json::value& token)
{
    const json::object* const described = token.if_object();
    const json::value* const text = described ? described->if_contains("content") : &token;
    return text && text->is_string() ? text : nullptr;
}

void take(const json::object& from, json::object& into)
{
    for (const auto& [name, token] : from) {
        const std::string_view called = name;
        const bool is_usual = std::find(usual.begin(), usual.end(), called) != usual.end();
        const bool is_other = called.ends_with("_token") && token.is_string();
        const json::value* const text = is_usual || is_other ? text_of(token) : nullptr;
        if (text)
            into[name] = *text;
    }
    const json::value* const extra = from.if_contains("extra_special_tokens");
    if (const json::object* const named = extra ? extra->if_object() : nullptr)
        for (const auto& [name, token] : *named)
            if (const json::value* const text = text_of(token))
                into[name] = *text;
}

/// Empty if it is not there.
result<json::object> members_of(const std::filesystem::path& file, const file_rules& rules)
{
    std::error_code ec;
    if (!std::filesystem::exists(file, ec))
        return json::object();
    return read_json_object(file, rules);
}

} // namespace

result<json::object> read_special_tokens(const std::filesystem::path& directory,
                                         const file_rules& rules)
{
    const auto config = members_of(directory / "tokenizer_config.json", rules);
    if (!config)
        return config;
    json::object tokens;
    take(*config, tokens);
    if (config->contains("added_tokens_decoder"))
        return tokens;
    const auto map = members_of(directory / "special_tokens_map.json", rules);
    if (!map)
        return map;
    take(*map, tokens);
    return tokens;
}

} // namespace warmd::hf

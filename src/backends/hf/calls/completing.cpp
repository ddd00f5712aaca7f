#include "hf/calls/completing.hpp"

#include "hf/calls/token_texts.hpp"
#include "hf/text/running_text.hpp"
#include "hf/text/utf8.hpp"

#include <algorithm>
#include <utility>

namespace warmd::hf {

namespace {

/// Each token in its place of the text that all of them make; `known`: from the second on.
std::vector<listed_token> placed(const std::vector<token_id>& ids, std::size_t end,
                                 std::vector<listed_token> known, const tokenizer& words)
{
    known.insert(known.begin(), listed_token{.id = ids.front()});
    running_text text(words);
    for (std::size_t i = 0; i != ids.size(); ++i) {
        known[i].offset = std::min(text.code_points(), end);
        text.add(ids[i]);
    }
    return known;
}

} // namespace

result<outcome> completed(std::span<completing> prompts, bool listed, const tokenizer& words)
{
    completed_prompts all;
    token_texts texts(words);
    for (completing& each : prompts) {
        completed_prompt& made = all.prompts.emplace_back();
        made.ids = std::move(each.prompt.ids);
        made.text = each.prompt.text ? std::move(*each.prompt.text) : words.decode(made.ids, true);
        for (generation* const choice : each.choices) {
            auto taken = choice->take();
            if (!taken)
                return at_item("prompt", all.prompts.size() - 1, taken.error());
            for (const listed_token& token : taken->tokens)
                texts.add(token);
            made.choices.push_back(std::move(*taken));
        }
        if (listed)
            made.tokens = placed(made.ids, code_points(made.text),
                                 each.choices.front()->take_prompt_tokens(), words);
        for (const listed_token& token : made.tokens)
            texts.add(token);
    }
    all.texts = texts.take();
    return result<outcome>(std::move(all));
}

} // namespace warmd::hf

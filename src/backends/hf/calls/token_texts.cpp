#include "hf/calls/token_texts.hpp"

#include "hf/text/decoder.hpp"

namespace warmd::hf {

void token_texts::add(const listed_token& listed)
{
    add(listed.id);
    for (const token_id id : listed.top_ids)
        add(id);
}

void token_texts::add(token_id id)
{
    const auto [at, first] = all_.try_emplace(id);
    if (!first)
        return;
    const std::string* const shown = words_.shown(id);
    match_budget budget;
    at->second =
        shown ? words_.decodes().next({*shown}, false, budget).text : words_.token_text(id);
}

} // namespace warmd::hf

#pragma once
// The requests that the commands make of what was typed. All throw usage_error.

#include "warmctl/commands.hpp"

namespace warmd::ctl {

request ask_plain(const question&); ///< no words, no parameters
request ask_load(const question&);
request ask_unload(const question&);
request ask_tokenize(const question&);
request ask_render(const question&);
request ask_chat_template(const question&);
request ask_next(const question&);
request ask_logprob(const question&);
request ask_perplexity(const question&);
request ask_generate(const question&);
request ask_kl(const question&);
request ask_subscribe(const question&);
request ask_top(const question&);
request ask_call(const question&);

} // namespace warmd::ctl

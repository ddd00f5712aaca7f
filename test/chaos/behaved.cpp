#include "chaos/behaved.hpp"

#include <boost/json.hpp>

#include <string_view>

namespace warmd::chaos {

namespace {

/// `count` prompts that begin alike, of 100 to 300 tokens, as a list of lists of ids.
std::string prompts_that_begin_alike(std::size_t count)
{
    json::array prompts;
    for (std::size_t i = 0; i != count; ++i) {
        json::array ids;
        for (std::size_t at = 0; at != 100 + i % 200; ++at)
            ids.emplace_back((at < 90 ? 131 * at : 17 * at + 97 * i) % 2048);
        prompts.push_back(std::move(ids));
    }
    return json::serialize(prompts);
}

/// The same question, put in another way that does not change its answer.
std::string put_at_random(const question& asked, bool streamed, std::minstd_rand& random)
{
    std::string params = asked.params;
    const auto add = [&](std::string_view member) { params.insert(params.size() - 1, member); };
    if (random() % 4 == 0)
        add(R"(,"priority":"batch")");
    if (random() % 4 == 0)
        add(R"(,"fresh":true)");
    if (streamed)
        add(R"(,"stream":true)");
    return params;
}

} // namespace

void tally::note(const question& asked, const result<json::value>& answer)
{
    const std::lock_guard lock(mutex);
    ++sent;
    if (answer && asked.right.contains(json::serialize(*answer)))
        ++right;
    else if (answer)
        ++wrong[asked.method + ": another answer: " + json::serialize(*answer).substr(0, 300)];
    else if (is_honest(answer.error().code))
        ++refused[std::string(name(answer.error().code))];
    else
        ++wrong[asked.method + ": " + answer.error().detail];
}

void tally::note_wrong(const std::string& what)
{
    const std::lock_guard lock(mutex);
    ++wrong[what];
}

std::vector<question> questions(const surroundings& at, const std::string& base)
{
    client ask = client::connect(at.socket, patience).value();
    const std::string bare = R"("model":{"base":")" + base + R"("})",
                      adapted =
                          R"("model":{"base":")" + base + R"(","adapter":")" + at.adapter + R"("})";
    std::vector<question> all{
        {"logprob", R"({"model":{"kind":"dummy","base":"steady"},"items":[{"prompt":"a b",)"
                    R"("completion":"c d"}]})"},
        {"next_token",
         R"({"model":{"kind":"dummy","base":"steady"},"prompts":["a","b c"],"top_k":3})"}};
    const std::vector<std::pair<const char*, std::string>> kinds{
        {"next_token", R"("prompts":["Once upon a time","The"],"top_k":5,)"},
        {"next_token", R"("top_k":5,"prompts":)" + prompts_that_begin_alike(3) + ','},
        {"rolling_logprob", R"("texts":)" + prompts_that_begin_alike(5) + ','},
        {"divergence", R"("to":{"scaled":0.5},"prompts":["The king","And"],)"},
        {"generate", R"("prompt":"The king said","max_new_tokens":20,)"},
        {"generate", R"("prompt":"In the beginning","max_new_tokens":300,"temperature":1,)"}};
    for (const std::string& model : {bare, adapted})
        for (const auto& [method, own] : kinds)
            all.push_back({method, '{' + own + model + '}'});
    // Large: hundreds of prompts.
    all.push_back({"next_token", R"({"top_k":5,"prompts":)" + prompts_that_begin_alike(200) + ',' +
                                     adapted + '}'});
    for (question& each : all) {
        each.right.insert(json::serialize(ask.call(each.method, each.params).value()));
        question second = each; // the same, as the adapter that the link may lead to later
        if (const auto place = second.params.find(at.adapter); place != std::string::npos)
            second.params.replace(place, at.adapter.size(), at.second_adapter);
        each.right.insert(json::serialize(ask.call(second.method, second.params).value()));
    }
    return all;
}

void behave(const surroundings& at, const std::vector<question>& all, unsigned seed, tally& seen,
            const std::atomic<bool>& enough)
{
    std::minstd_rand random(seed);
    while (!enough) {
        result<client> to = client::connect(at.socket, patience);
        if (!to)
            return seen.note_wrong("connect: " + to.error().detail);
        for (int i = 0; i != 50 && !enough; ++i) {
            const question& asked = all[random() % all.size()];
            const bool streamed = asked.method == "generate" && random() % 2 == 0;
            std::size_t tokens = 0;
            const auto answer = to->call(asked.method, put_at_random(asked, streamed, random),
                                         [&](std::string_view, const json::value&) { ++tokens; });
            seen.note(asked, answer);
            if (answer && streamed && tokens != answer->at("token_ids").as_array().size())
                seen.note_wrong("generate: not every token was streamed");
            if (!answer && !tally::is_honest(answer.error().code))
                break; // connect anew
        }
    }
}

} // namespace warmd::chaos

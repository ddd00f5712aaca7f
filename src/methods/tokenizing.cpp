// Tokenizers, as clients of vLLM ask for them.

#include "methods/handlers.hpp"
#include "methods/object_text.hpp"
#include "methods/outcomes.hpp"
#include "methods/replies.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace warmd {

namespace {

template <class Operation>
result<tokenizer_request> read_for_a_tokenizer(const schema::reader& by, const json_node& given,
                                               const daemon_info& daemon)
{
    tokenizer_request asked{.model = {}, .what = Operation{}, .about = {}};
    if (auto why =
            by.read(given, daemon.models, {asked, std::get<Operation>(asked.what), asked.about}))
        return *why;
    return asked;
}

/// Those that are configured, then those that are resident under no name. Two names may mean one
/// model, which is known once somebody has asked for both.
std::vector<model_spec> all_models(const surroundings& in)
{
    const auto key_of = [&](const model_spec& spec) {
        const auto known = in.cache->last_known(spec);
        return known ? known->key : warmd::key_of(spec);
    };
    std::vector<model_spec> all;
    std::vector<cache_key> keys;
    const auto add = [&](const model_spec& spec, const cache_key& key) {
        if (std::ranges::find(keys, key) != keys.end())
            return;
        keys.push_back(key);
        all.push_back(spec);
    };
    for (const auto& [name, spec] : in.daemon->models)
        add(spec, key_of(spec));
    std::vector<model_info> there;
    in.cache->models(there);
    for (const model_info& each : there)
        if (each.entry.state == entry_state::ready)
            add(each.model->spec, each.entry.key);
    return all;
}

/// What is meant where no model is named.
result<model_spec> the_only_model(const surroundings& in)
{
    std::vector<model_spec> all = all_models(in);
    if (all.size() == 1)
        return std::move(all.front());
    failure why{errc::invalid_params,
                all.empty() ? "model is to be given: none is configured or resident"
                            : "model is to be given: there are " + std::to_string(all.size()) +
                                  ", configured or resident"};
    why.param = "model";
    return why;
}

/// Writes the members of an answer.
using member_writer = void (*)(json_writer& to, const outcome&, const resolved_model& of);

void write_ids(json_writer& to, const outcome& what, const resolved_model& of)
{
    const auto& ids = std::get<tokens>(what).ids;
    to.key("tokens").array(ids).member("count", ids.size());
    replies::member_or_null(to, "max_model_len", replies::longest_input_of(of));
}

void write_prompt(json_writer& to, const outcome& what, const resolved_model&)
{
    to.member("prompt", std::get<plain_text>(what).text);
}

void write_description(json_writer& to, const outcome& what, const resolved_model&)
{
    replies::writer_of(describe_tokenizer{})(to, what);
}

template <member_writer write>
answer ask_tokenizer(surroundings in, tokenizer_request asked, peer from)
{
    auto model = asked.model ? result<model_spec>(std::move(*asked.model)) : the_only_model(in);
    if (!model)
        co_return model.error();
    operation_request one{
        .model = std::move(*model), .what = std::move(asked.what), .about = asked.about};
    const auto of = std::make_shared<std::shared_ptr<const resolved_model>>();
    run_options how = options_of(one, *in.daemon, from);
    how.granted = [of, told = std::move(how.granted)](const residency& there) {
        *of = there.model;
        told(there);
    };
    outcome_text text = [of, most = how.call.max_reply_bytes](const outcome& what) {
        return replies::written(
            [&](json_writer& to, const outcome& made) { write(to, made, **of); }, what, most);
    };
    result<std::string> made = co_await run(*in.cache, std::move(one.model), std::move(one.what),
                                            std::move(how), std::move(text));
    co_return std::move(made);
}

} // namespace

void add_tokenizing(method_adder& to)
{
    to.add("tokenize_prompt", read_for_a_tokenizer<tokenize>, ask_tokenizer<write_ids>);
    to.add("detokenize_tokens", read_for_a_tokenizer<detokenize>, ask_tokenizer<write_prompt>);
    to.add("tokenizer_info", read_for_a_tokenizer<describe_tokenizer>,
           ask_tokenizer<write_description>);
}

} // namespace warmd

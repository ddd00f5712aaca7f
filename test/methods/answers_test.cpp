// Every answer is of the shape that rpc.discover says it is of.

#include "methods/completion_text.hpp"
#include "methods/daemon_of_test.hpp"

using namespace warmd;
using namespace warmd::test;

namespace {

/// Holds values against the JSON Schemas of one OpenRPC document, as far as those go that it has.
class shapes {
public:
    explicit shapes(json::value document) : document_(std::move(document)) {}

    /// What is wrong with `value`; empty: nothing. `at`: what it is called.
    std::string fault(const json::value& value, const json::value& schema, const std::string& at)
    {
        const json::object& of = schema.as_object();
        if (const json::value* to = of.if_contains("$ref"))
            return fault(value, document_.at_pointer(to->as_string().subview(1)), at);
        for (const auto& [rule, wanted] : of)
            if (std::string why = broken(rule, wanted, value, of, at); !why.empty())
                return why;
        return {};
    }

    const json::value& result_of(std::string_view method) const
    {
        for (const json::value& each : document_.at("methods").as_array())
            if (each.at("name") == json::string_view(method))
                return each.at("result").at("schema");
        throw std::out_of_range(std::string(method));
    }

private:
    std::string broken(std::string_view rule, const json::value& wanted, const json::value& value,
                       const json::object& of, const std::string& at)
    {
        const auto unless = [&](bool sound) {
            return sound ? ""
                         : at + " is " + json::serialize(value) + " against " + std::string(rule) +
                               ' ' + json::serialize(wanted);
        };
        if (rule == "type")
            return unless(is_of_type(value, wanted));
        if (rule == "enum")
            return unless(std::count(wanted.as_array().begin(), wanted.as_array().end(), value));
        if (rule == "minimum")
            return unless(number(value) >= number(wanted));
        if (rule == "maximum")
            return unless(number(value) <= number(wanted));
        if (rule == "oneOf" || rule == "allOf") {
            std::size_t fit = 0;
            for (const json::value& each : wanted.as_array())
                fit += fault(value, each, at).empty();
            return unless(fit == (rule == "oneOf" ? 1U : wanted.as_array().size()));
        }
        if (rule == "items")
            return first_fault(value.as_array(), wanted, at);
        if (rule == "properties")
            return fault_in_members(value.as_object(), of, at);
        known_ = known_ && (rule == "description" || rule == "default" || rule == "required" ||
                            rule == "additionalProperties");
        return known_ ? "" : "there is a rule that is not looked at: " + std::string(rule);
    }

    static bool is_of_type(const json::value& value, const json::value& wanted)
    {
        if (const json::array* several = wanted.if_array())
            return std::any_of(several->begin(), several->end(),
                               [&](const json::value& each) { return is_of_type(value, each); });
        const std::string_view name = wanted.as_string();
        return name == "boolean"   ? value.is_bool()
               : name == "integer" ? value.is_int64() || value.is_uint64()
               : name == "number"  ? value.is_number()
               : name == "string"  ? value.is_string()
               : name == "array"   ? value.is_array()
               : name == "object"  ? value.is_object()
                                   : name == "null" && value.is_null();
    }

    std::string first_fault(const json::array& all, const json::value& each_is,
                            const std::string& at)
    {
        for (std::size_t i = 0; i != all.size(); ++i)
            if (auto why = fault(all[i], each_is, at + '[' + std::to_string(i) + ']'); !why.empty())
                return why;
        return {};
    }

    std::string fault_in_members(const json::object& members, const json::object& of,
                                 const std::string& at)
    {
        const json::object& known = of.at("properties").as_object();
        const json::value& others = of.at("additionalProperties");
        for (const json::value& name : of.at("required").as_array())
            if (!members.contains(name.as_string()))
                return at + " lacks " + std::string(name.as_string());
        for (const auto& [name, member] : members) {
            const json::value* const schema = known.contains(name) ? &known.at(name) : &others;
            if (schema->is_bool())
                return at + " has " + std::string(name) + ", which is not described";
            if (auto why = fault(member, *schema, at + '.' + std::string(name)); !why.empty())
                return why;
        }
        return {};
    }

    const json::value document_;
    bool known_ = true;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(every_answer_is_as_the_contract_describes_it, daemon_of_test)
{
    shapes described(result_of("rpc.discover"));
    const std::vector<std::pair<std::string, std::string>> requests{
        {"load", only(a)},
        {"load", with(R"("pin":true)", b)},
        {"load", only(a)},
        {"tokenize", with(R"("text":"hi")")},
        {"detokenize", with(R"("ids":[104])")},
        {"tokenize_prompt", with(R"("prompt":"hi")")},
        {"detokenize_tokens", with(R"("tokens":[104])")},
        {"suite.validate",
         R"({"suite":{"suite":[{"name":"a","kind":"delta_kl","prompts":["x"]}]}})"},
        {"next_token", with(R"("prompts":["x","yz"],"top_k":3)")},
        {"next_token", with(R"("prompts":["x"])")}, // all of the vocabulary: no tail
        {"next_token", with(R"("prompts":["x",[300]],"on_error":"item")")},
        {"logprob", with(R"("items":[{"prompt":"a","completion":"bc"}])")},
        {"logprob", with(R"("items":[{"prompt":"","completion":"b"},)"
                         R"({"prompt":"","completion":""}],"on_error":"item")")},
        {"rolling_logprob", with(R"("texts":["abc","a",[300]],"on_error":"item")")},
        {"generate", with(R"("prompt":"x","max_new_tokens":2)")},
        {"divergence", with(R"("prompts":["x","y"])")},
        {"divergence", with(R"("prompts":[[300]],"on_error":"item")")},
        {"health", "{}"},
        {"stats", "{}"},
        {"metrics", "{}"},
        {"models", "{}"},
        {"rpc.discover", "{}"},
        {"hello", R"({"protocol":1})"},
        {"estimate", only(a)},
        {"ping", "{}"},
        {"subscribe", R"({"events":["state"]})"},
        {"unpin", only(b)},
        {"pin", only(a)},
        {"unload", only(a)},
        {"shutdown", "{}"}};
    // One answers only once a file was read, and the dummy kind has no chat templates, describes no
    // tokenizer, completes nothing, and has no adapter to judge (end_to_end/suites does).
    std::set<std::string> covered{"reload",           "render",    "chat_template", "completions",
                                  "chat_completions", "suite.run", "tokenizer_info"};
    for (const auto& [method, params] : requests) {
        covered.insert(method);
        BOOST_TEST(
            described.fault(result_of(method, params), described.result_of(method), method) == "");
    }
    for (const auto& [method, counts] : methods.counted()->requests)
        BOOST_TEST(covered.contains(method), method);
}

BOOST_FIXTURE_TEST_CASE(completions_are_as_the_contract_describes_them, daemon_of_test)
{
    shapes described(result_of("rpc.discover"));
    completed_prompts made;
    made.prompts.push_back({.text = "a", .ids = {1}, .tokens = {{.id = 1}}, .choices = {}});
    made.prompts[0].choices.push_back(
        {.made = {.text = "b", .ids = {2}},
         .tokens = {{.id = 2, .logprob = -1.5F, .rank = 1, .top_ids = {}, .top_logprobs = {}}}});
    made.texts = {{1, "a"}, {2, "b"}};
    const completion_format hows[]{
        {},
        {.echo = true, .logprobs = 0, .prompt_logprobs = 0, .return_token_ids = true},
        {.chat = true, .logprobs_of_chat = true}};
    for (const completion_format& how : hows) {
        const std::string method = how.chat ? "chat_completions" : "completions";
        const auto answer = replies::completion(made, how, {"id", 5, "m", "g"}, 10'000);
        BOOST_TEST(described.fault(parsed(answer.value()), described.result_of(method), method) ==
                   "");
    }
}

BOOST_FIXTURE_TEST_CASE(an_answer_of_another_shape_is_noticed, daemon_of_test)
{
    shapes described(result_of("rpc.discover"));
    const auto fault = [&](const std::string& method, const std::string& answer) {
        return described.fault(parsed(answer), described.result_of(method), method);
    };
    BOOST_TEST(fault("pin", R"({"key":"k","pinned":true})") == "");
    BOOST_TEST(fault("pin", R"({"key":"k"})") == "pin lacks pinned");
    BOOST_TEST(fault("pin", R"({"key":"k","pinned":true,"x":1})") ==
               "pin has x, which is not described");
    BOOST_TEST(fault("pin", R"({"key":1,"pinned":true})") ==
               R"(pin.key is 1 against type "string")");
    BOOST_TEST(fault("logprob", R"({"results":[{"error":{}}]})") != "");
    BOOST_TEST(fault("render", R"({"text":"a","ids":[1],"template":"default",)"
                               R"("unused_kwargs":["x"]})") == "");
    BOOST_TEST(fault("subscribe", R"({"subscribed":["states"]})") != "");
}

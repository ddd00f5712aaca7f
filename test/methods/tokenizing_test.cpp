// Tokenizers as vLLM's clients ask for them, and which model is meant where they name none.

#include "methods/daemon_of_test.hpp"

using namespace warmd;
using namespace warmd::test;

namespace {

const std::string prompt = R"("prompt":"ab")";

model_spec named(const std::string& base) { return {.kind = "dummy", .base = base}; }

} // namespace

BOOST_FIXTURE_TEST_CASE(texts_become_tokens_and_tokens_texts, daemon_of_test)
{
    const json::value ids = result_of("tokenize_prompt", with(prompt));
    BOOST_TEST(json::serialize(ids) == R"({"tokens":[97,98],"count":2,"max_model_len":null})");
    const json::value text = result_of("detokenize_tokens", with(R"("tokens":[97,98])"));
    BOOST_TEST(json::serialize(text) == R"({"prompt":"ab"})");
    const failure unknown = refusal_of("tokenize_prompt", with(prompt + R"(,"text":"ab")"));
    BOOST_TEST((unknown.code == errc::invalid_params));
    BOOST_TEST((refusal_of("tokenizer_info", only(a)).code == errc::unsupported)); // of a dummy
}

BOOST_FIXTURE_TEST_CASE(without_a_name_the_only_resident_model_is_meant, daemon_of_test)
{
    const failure none = refusal_of("tokenize_prompt", '{' + prompt + '}');
    BOOST_TEST(none.param == "model");
    BOOST_TEST((none.code == errc::invalid_params));
    result_of("load", only(a));
    BOOST_TEST(result_of("tokenize_prompt", R"({"model":null,)" + prompt + '}').at("count") ==
               json::value(2));
    result_of("load", only(b));
    const failure two = refusal_of("tokenize_prompt", '{' + prompt + '}');
    BOOST_TEST(two.detail.find("there are 2") != std::string::npos, two.detail);
}

BOOST_FIXTURE_TEST_CASE(without_a_name_the_only_configured_model_is_meant, daemon_of_test)
{
    info.models["first"] = named("a");
    BOOST_TEST(result_of("tokenize_prompt", '{' + prompt + '}').at("count") == json::value(2));
    BOOST_TEST((loaded() == std::vector<std::string>{"a"}));
    // It is resident, too, and still one; another name of it is no other model.
    info.models["second"] = named("a");
    BOOST_TEST(result_of("tokenize_prompt", '{' + prompt + '}').at("count") == json::value(2));
    info.models["third"] = named("b");
    BOOST_TEST(refusal_of("tokenize_prompt", '{' + prompt + '}').param == "model");
}

// Conversations as requests have them: what is read, what is refused and by which name.

#include "model/chat_prompt.hpp"

#include <boost/test/unit_test.hpp>

using namespace warmd;

namespace {

result<chat_prompt> read(const std::string& text, std::string_view called = {})
{
    json_document document;
    return read_chat_prompt(*document.read(text).value(), called);
}

/// A conversation with these members besides.
std::string with(const std::string& more)
{
    return R"({"messages":[{"role":"user","content":"Hi"}],)" + more + "}";
}

} // namespace

BOOST_AUTO_TEST_CASE(what_is_in_a_message_goes_to_the_template_as_it_was_written)
{
    const std::string messages =
        R"([{"role": "user", "content": null, "name":  "A\u00e9", "n": 1.50,)"
        R"( "tool_calls": [{"function": {"arguments": "{}"}}]}])";
    const chat_prompt plain = read(R"({"messages":)" + messages + R"(,"other":1})").value();
    BOOST_TEST(plain.messages == messages);
    BOOST_TEST(plain.tools == "null");
    BOOST_TEST(plain.documents == "null");
    BOOST_TEST(plain.variables == "{}");
    BOOST_TEST(plain.template_name == "");
    BOOST_TEST(plain.add_generation_prompt);
    BOOST_TEST(plain.continued == "");
    const chat_prompt all =
        read(with(R"("tools":[],"documents":[{}],"add_generation_prompt":false,)"
                  R"("chat_template":"rag","chat_template_kwargs":{"thinking": true})"))
            .value();
    BOOST_TEST(all.tools == "[]");
    BOOST_TEST(all.documents == "[{}]");
    BOOST_TEST(all.variables == R"({"thinking": true})");
    BOOST_TEST(all.template_name == "rag");
    BOOST_TEST(!all.add_generation_prompt);
}

BOOST_AUTO_TEST_CASE(a_message_that_is_continued_begins_no_answer)
{
    const chat_prompt one = read(with(R"("continue_final_message":true)")).value();
    BOOST_TEST(one.continued == "content");
    BOOST_TEST(!one.add_generation_prompt);
    BOOST_TEST(read(with(R"("continue_final_message":"reasoning_content")")).value().continued ==
               "reasoning_content");
    BOOST_TEST(read(with(R"("continue_final_message":false)")).value().add_generation_prompt);
    BOOST_TEST(read(with(R"("continue_final_message":true,"add_generation_prompt":true)"))
                   .error()
                   .detail.find("exclude each other") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_named_by_its_place)
{
    const std::pair<std::string, std::string_view> faults[] = {
        {"{}", "prompts[2].messages is missing"},
        {R"({"messages":[]})", "prompts[2].messages must be a non-empty array"},
        {R"({"messages":"Hi"})", "prompts[2].messages must be"},
        {R"({"messages":[{"role":"user"},1]})", "prompts[2].messages[1] must be an object"},
        {R"({"messages":[{"content":"Hi"}]})", "prompts[2].messages[0].role is missing"},
        {R"({"messages":[{"role":7}]})", "prompts[2].messages[0].role must be a string, found 7"},
        {R"({"messages":[{"role":"user","content":7}]})", "prompts[2].messages[0].content must be"},
        {R"({"messages":[{"role":"user","content":[{"type":"text","text":"a"},)"
         R"({"type":"image_url"}]}]})",
         "prompts[2].messages[0].content[1] is of type 'image_url'"},
        {R"({"messages":[{"role":"user","content":["a"]}]})",
         "prompts[2].messages[0].content[0] must be a text part"},
        {R"({"messages":[{"role":"user","content":[{"type":"text"}]}]})",
         "prompts[2].messages[0].content[0] must be a text part"},
        {R"({"messages":[{"role":"user","n":12345678901234567890123}]})",
         "prompts[2].messages has an integer past 64 bits: 12345678901234567890123"},
        {with(R"("tools":{})"), "prompts[2].tools must be an array or null, found {}"},
        {with(R"("documents":1)"), "prompts[2].documents must be"},
        {with(R"("add_generation_prompt":null)"), "prompts[2].add_generation_prompt must be"},
        {with(R"("continue_final_message":"")"), "prompts[2].continue_final_message must be"},
        {with(R"("chat_template":"")"), "prompts[2].chat_template must be"},
        {with(R"("chat_template_kwargs":[])"), "prompts[2].chat_template_kwargs must be an object"},
        {with(R"("chat_template_kwargs":{"messages":[]})"),
         "prompts[2].chat_template_kwargs cannot have 'messages'"},
    };
    for (const auto& [text, begin] : faults) {
        const auto found = read(text, "prompts[2]");
        BOOST_TEST_REQUIRE(found.has_error(), text);
        BOOST_TEST((found.error().code == errc::invalid_params));
        BOOST_TEST(found.error().detail.starts_with(begin), found.error().detail);
    }
    BOOST_TEST(read("{}").error().detail.starts_with("messages is missing"));
    BOOST_TEST(
        read(R"({"messages":[{"role":"a","n":18446744073709551615,"x":1e99}]})").has_value());
}

BOOST_AUTO_TEST_CASE(it_is_known_which_operations_need_a_template)
{
    const text_or_ids chat = std::make_shared<const chat_prompt>();
    BOOST_TEST(needs_chat_template(tokenize{chat}));
    BOOST_TEST(needs_chat_template(next_token{.through = {}, .prompts = {"a", chat}}));
    BOOST_TEST(needs_chat_template(rolling_logprob{.through = {}, .texts = {chat}}));
    BOOST_TEST(needs_chat_template(logprob{.through = {}, .items = {{chat, "a"}}}));
    BOOST_TEST(needs_chat_template(generate{.through = {}, .prompt = chat}));
    BOOST_TEST(needs_chat_template(diverge{.prompts = {chat}}));
    BOOST_TEST(needs_chat_template(render{}));
    BOOST_TEST(needs_chat_template(describe_chat_template{}));
    BOOST_TEST(!needs_chat_template(tokenize{"a"}));
    BOOST_TEST(!needs_chat_template(logprob{.through = {}, .items = {{"a", "b"}}}));
}

// Which of a model's chat templates writes a conversation's text, with which special tokens, and
// what is said of one that cannot.

#include "hf/text/chat_templates.hpp"
#include "support/scratch.hpp"

#include <boost/test/unit_test.hpp>

using namespace warmd;
using namespace warmd::hf;
using warmd::test::scratch_directory;
using warmd::test::write_file;
using path = std::filesystem::path;

namespace {

struct directories {
    scratch_directory base, adapter;

    chat_templates read() const
    {
        const std::vector<path> both{adapter.path, base.path};
        return chat_templates::read(both, base.path);
    }
    void add(const path& in, const std::string& name, std::string_view text) const
    {
        create_directories((in / name).parent_path());
        write_file(in / name, text);
    }
};

chat_prompt talk(std::string name = {}, std::string tools = "null")
{
    return {.messages = R"([{"role":"user","content":"Hi"}])",
            .tools = std::move(tools),
            .template_name = std::move(name)};
}

std::string text_of(const chat_templates& by, const chat_prompt& what = talk())
{
    const auto written = by.write(what, {});
    return written ? written->text : "refused: " + written.error().detail;
}

constexpr std::string_view in_config =
    R"({"chat_template": "config {{ bos_token }}{{ messages[0].content }}", "bos_token": "<s>"})";

} // namespace

BOOST_FIXTURE_TEST_CASE(a_file_of_its_own_goes_before_the_configuration, directories)
{
    add(base.path, "tokenizer_config.json", in_config);
    BOOST_TEST(text_of(read()) == "config <s>Hi");
    BOOST_TEST(read().describe("").value().file == base.path / "tokenizer_config.json");
    add(base.path, "chat_template.jinja", "file {{ messages[0].content }}\n");
    BOOST_TEST(text_of(read()) == "file Hi");
    add(base.path, "additional_chat_templates/rag.jinja", "rag {{ documents }}");
    BOOST_TEST(text_of(read()) == "file Hi");
    BOOST_TEST(text_of(read(), talk("rag")) == "rag None");
    const auto told = read().describe("").value();
    BOOST_TEST(told.name == "default");
    BOOST_TEST(told.file == base.path / "chat_template.jinja");
    BOOST_TEST(told.names == (std::vector<std::string>{"default", "rag"}),
               boost::test_tools::per_element());
    BOOST_TEST(told.reads == std::vector<std::string>{"messages"},
               boost::test_tools::per_element());
    remove(base.path / "chat_template.jinja"); // what else is there counts, the configuration not
    BOOST_TEST(text_of(read()) == "refused: this model has no chat template 'default', but rag");
}

BOOST_FIXTURE_TEST_CASE(the_adapters_templates_go_before_the_bases, directories)
{
    add(base.path, "chat_template.jinja", "base {{ bos_token }}");
    add(base.path, "tokenizer_config.json", in_config);
    add(adapter.path, "tokenizer_config.json", R"({"bos_token": "<other>"})");
    BOOST_TEST(text_of(read()) == "base <s>"); // the tokens of whose tokenizer it is
    add(adapter.path, "tokenizer_config.json",
        R"({"chat_template": "adapter {{ bos_token }}", "bos_token": "<other>"})");
    BOOST_TEST(text_of(read()) == "adapter <s>");
    const std::vector<path> both{adapter.path, base.path};
    BOOST_TEST(text_of(chat_templates::read(both, adapter.path)) == "adapter <other>");
}

BOOST_FIXTURE_TEST_CASE(tools_choose_the_template_that_is_for_tools, directories)
{
    add(base.path, "tokenizer_config.json",
        R"({"chat_template": [{"name": "default", "template": "plain"},
                              {"name": "tool_use", "template": "tools"}]})");
    BOOST_TEST(text_of(read()) == "plain");
    BOOST_TEST(text_of(read(), talk({}, "[]")) == "tools");
    BOOST_TEST(text_of(read(), talk("default", "[]")) == "plain");
    BOOST_TEST(text_of(read(), talk("mine")) ==
               "refused: this model has no chat template 'mine', but default, tool_use");
    BOOST_TEST(read().write(talk({}, "[]"), {}).value().name == "tool_use");
}

BOOST_FIXTURE_TEST_CASE(without_a_template_it_is_said_where_was_looked, directories)
{
    for (const chat_templates& none : {read(), chat_templates()})
        BOOST_TEST(text_of(none).starts_with("refused: this model has no chat template: "));
    BOOST_TEST(text_of(read()).ends_with(adapter.path.native() + " and " + base.path.native()));
    add(base.path, "tokenizer_config.json", R"({"chat_template": 7})");
    BOOST_TEST(text_of(read()).find("chat_template must be a string or a list") !=
               std::string::npos);
    add(base.path, "tokenizer_config.json", "{");
    BOOST_TEST(text_of(read()).find("not valid JSON") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(special_tokens_are_texts_and_what_is_not_there_is_undefined, directories)
{
    add(base.path, "chat_template.jinja",
        "{{ bos_token }} {{ eos_token }} {{ image_token }} {{ extra_token }} {{ mark }} "
        "{{ pad_token is defined }} {{ add_bos_token is defined }} {{ unk_token is defined }}");
    const std::string config =
        R"("bos_token": {"__type": "AddedToken", "content": "<b>"}, "eos_token": "<e>",
           "image_token": "<i>", "extra_token": {"content": "<x>"}, "pad_token": null,
           "add_bos_token": true, "extra_special_tokens": {"mark": "<m>"})";
    const std::string_view map = R"({"eos_token": {"content": "<other>"}, "unk_token": "<u>"})";
    add(base.path, "tokenizer_config.json", '{' + config + '}');
    BOOST_TEST(text_of(read()) == "<b> <e> <i>  <m> False False False");
    add(base.path, "special_tokens_map.json", map);
    BOOST_TEST(text_of(read()) == "<b> <other> <i>  <m> False False True");
    add(base.path, "tokenizer_config.json", '{' + config + R"(, "added_tokens_decoder": {}})");
    BOOST_TEST(text_of(read()) == "<b> <e> <i>  <m> False False False");
}

BOOST_FIXTURE_TEST_CASE(what_the_caller_adds_goes_before_special_tokens, directories)
{
    add(base.path, "chat_template.jinja",
        "{{ bos_token }}{{ thinking }}{{ tools is defined }}{{ add_generation_prompt }}");
    add(base.path, "tokenizer_config.json", R"({"bos_token": "<s>"})");
    chat_prompt what = talk();
    what.variables = R"({"other": 1, "bos_token": "<mine>", "thinking": [true, 1.0]})";
    const auto written = read().write(what, {}).value();
    BOOST_TEST(written.text == "<mine>[True, 1.0]TrueTrue");
    BOOST_TEST(written.unused == std::vector<std::string>{"other"},
               boost::test_tools::per_element());
    BOOST_TEST(written.name == "default");
}

BOOST_FIXTURE_TEST_CASE(a_failure_says_where_in_which_template, directories)
{
    const path file = base.path / "chat_template.jinja";
    const auto failure_of = [&](std::string_view source, const chat_prompt& what = talk()) {
        write_file(file, source);
        return read().write(what, {}).error();
    };
    const failure broken = failure_of("a\n{% if %}");
    BOOST_TEST((broken.code == errc::invalid_params));
    BOOST_TEST(broken.detail.starts_with(file.native() + ":2: "));
    BOOST_TEST(broken.cause == "syntax");
    BOOST_TEST((broken.in_template == template_place{"default", 2}));
    const failure raised = failure_of("\n\n{{ raise_exception('Only\\nusers') }}");
    BOOST_TEST(raised.detail == "Only\nusers");
    BOOST_TEST(raised.cause == "raised");
    BOOST_TEST((raised.in_template == template_place{"default", 3}));
    BOOST_TEST((failure_of("{{ 'x' * 17000000 }}").code == errc::too_large));
    BOOST_TEST((failure_of(std::string((1 << 20) + 1, 'x')).code == errc::too_large));
    BOOST_TEST((failure_of("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").code ==
                errc::invalid_params));
    BOOST_TEST(failure_of("\xff").detail.find("UTF-8") != std::string::npos);
    chat_prompt parts = talk();
    parts.messages = R"([{"role":"user","content":[{"type":"text","text":"Hi"}]}])";
    BOOST_TEST(
        failure_of("{{ 'a' + messages[0].content }}", parts).detail.find("plain strings only") !=
        std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(the_last_message_goes_on_and_a_rendering_ends_when_asked, directories)
{
    add(base.path, "chat_template.jinja", "<{{ messages[-1].content }}>");
    chat_prompt what = talk();
    what.continued = "content";
    what.add_generation_prompt = false;
    BOOST_TEST(text_of(read(), what) == "<Hi");
    std::stop_source stop;
    stop.request_stop();
    add(base.path, "chat_template.jinja", "{% for i in range(9999) %}{% endfor %}");
    BOOST_TEST((read().write(talk(), {}, stop.get_token()).error().code == errc::cancelled));
}

BOOST_FIXTURE_TEST_CASE(the_clock_is_the_callers, directories)
{
    add(base.path, "chat_template.jinja", "{{ strftime_now('%d %b %Y') }}");
    std::tm now{};
    now.tm_year = 124;
    now.tm_mday = 5;
    BOOST_TEST(read().write(talk(), now).value().text == "05 Jan 2024");
}

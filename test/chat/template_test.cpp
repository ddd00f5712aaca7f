// What those who render ask of a template: its variables, its spans, its failures, an end.

#include "chat/cases.hpp"

#include <boost/test/unit_test.hpp>

#include <thread>
#include <vector>

using namespace warmd::chat;

namespace {

const std::tm now{};

chat_template parsed(std::string_view source) { return chat_template::parse(source).value(); }

template_failure failure_of(std::string_view source, const boost::json::object& variables = {})
{
    const auto made = chat_template::parse(source);
    if (!made)
        return made.error();
    const auto found = made->render(variables, now);
    BOOST_TEST_REQUIRE(!found);
    return found.error();
}

boost::json::object conversation(std::string_view last)
{
    return {{"messages",
             boost::json::array{boost::json::object{{"role", "user"}, {"content", "Hi"}},
                                boost::json::object{{"role", "assistant"}, {"content", last}}}}};
}

constexpr std::string_view chat =
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}";

} // namespace

BOOST_AUTO_TEST_CASE(a_template_names_the_variables_that_it_takes_from_outside)
{
    const auto by = parsed("{% set x = a %}{% for m in messages %}{{ m.content ~ x ~ loop.index }}"
                           "{% endfor %}{% macro f(p) %}{{ p ~ deep }}{% endmacro %}"
                           "{{ f(tools) if tools is defined }}");
    BOOST_TEST(by.reads() == (std::vector<std::string>{"a", "deep", "messages", "tools"}),
               boost::test_tools::per_element());
    BOOST_TEST(by.unused({{"tools", nullptr}, {"thinking", true}, {"m", 1}, {"a", 1}, {"x", 2}}) ==
                   (std::vector<std::string>{"thinking", "m", "x"}),
               boost::test_tools::per_element());
    BOOST_TEST(by.mentions("content"));
    BOOST_TEST(!by.mentions("reasoning_content"));
}

BOOST_AUTO_TEST_CASE(spans_of_what_is_generated_count_code_points)
{
    const auto by = parsed("é{% for m in messages %}{% generation %}{{ m }}{% endgeneration %}."
                           "{% endfor %}{% generation %}{% endgeneration %}");
    const auto found = by.render({{"messages", {"für", "🙂"}}}, now).value();
    BOOST_TEST(found.text == "éfür.🙂.");
    using spans = std::vector<std::pair<std::size_t, std::size_t>>;
    BOOST_TEST((found.generated == spans{{1, 4}, {5, 6}, {7, 7}}));
}

BOOST_AUTO_TEST_CASE(a_rendering_ends_when_it_is_asked_to)
{
    const auto by = parsed("{% for i in range(100000) %}{% endfor %}");
    std::stop_source stop;
    BOOST_TEST(by.render({}, now, {}, stop.get_token()).has_value());
    stop.request_stop();
    const auto found = by.render({}, now, {}, stop.get_token());
    BOOST_TEST_REQUIRE(!found);
    BOOST_TEST((found.error().cause == template_fault::cancelled));
}

BOOST_AUTO_TEST_CASE(a_failure_tells_cause_line_and_what_was_raised)
{
    const auto raised = failure_of("a\nb\n{{ raise_exception('Only user\n roles') }}");
    BOOST_TEST((raised.cause == template_fault::raised));
    BOOST_TEST(raised.detail == "Only user\n roles");
    BOOST_TEST(raised.line == 3);
    const std::tuple<std::string_view, template_fault, std::size_t> known[] = {
        {"\n{{ a.b }}", template_fault::undefined, 2},
        {"\n\n{{ 1 + 'a' }}", template_fault::type, 3},
        {"{% if %}", template_fault::syntax, 1},
        {"a\n{% for x in y %}\n", template_fault::syntax, 2},
        {"\n{{ 'a'|no_such_filter }}", template_fault::syntax, 2},
        {"\n{{ [].append(1) }}", template_fault::security, 2},
        {"\n{{ ''.__class__() }}", template_fault::security, 2},
    };
    for (const auto& [source, cause, line] : known) {
        const auto found = failure_of(source);
        BOOST_TEST((found.cause == cause),
                   source << ": " << name(found.cause) << ": " << found.detail);
        BOOST_TEST(found.line == line, source);
        BOOST_TEST(!found.detail.empty());
    }
}

BOOST_AUTO_TEST_CASE(the_last_message_goes_on_where_it_ends)
{
    const auto text = [](std::string_view source, std::string_view last) {
        return render_continued(parsed(source), conversation(last), now).value().text;
    };
    BOOST_TEST(text(chat, "Sure ") == "<user>Hi\n<assistant>Sure ");
    BOOST_TEST(text("{{ messages[-1].content|trim }}!", "Sure ") == "Sure");
    BOOST_TEST(!render_continued(parsed("{{ messages[0].content }}"), conversation("Sure"), now));
    BOOST_TEST(!render_continued(parsed("no messages"), conversation("Sure"), now));
    BOOST_TEST(!render_continued(parsed(chat), {{"messages", boost::json::array()}}, now));
    BOOST_TEST(!render_continued(parsed(chat), {}, now));
    BOOST_TEST(!render_continued(parsed(chat), conversation("Sure"), now, "reasoning_content"));
}

BOOST_AUTO_TEST_CASE(words_are_wrapped_as_python_wraps_them)
{
    const std::pair<std::string_view, std::string_view> known[] = {
        {"'aaa bbbbbbb cc'|wordwrap(4, wrapstring='|')", "aaa |bbbb|bbb|cc"},
        {"'aaa bbbbbbb cc'|wordwrap(4, false, '|')", "aaa|bbbbbbb|cc"},
        {"'a  b   c\\n\\n \\nd e'|wordwrap(3, wrapstring='|')", "a|b|c|||d e"},
        {"'äöü äöüß x'|wordwrap(3, wrapstring='|')", "äöü|äöü|ß x"},
        {"'one two-three'|wordwrap(6, wrapstring='|', break_on_hyphens=false)", "one tw|o-thre|e"},
    };
    for (const auto& [expression, wanted] : known)
        BOOST_TEST(parsed("{{ " + std::string(expression) + " }}").render({}, now).value().text ==
                   wanted);
    failure_of("{{ 'one two-three'|wordwrap(6) }}"); // not supported
    failure_of("{{ 'one'|wordwrap(0) }}");
}

BOOST_AUTO_TEST_CASE(one_template_is_rendered_by_many_threads)
{
    const auto by = parsed(chat);
    const auto variables = conversation("Sure");
    std::vector<std::string> texts(4);
    {
        std::vector<std::jthread> threads;
        for (auto& text : texts)
            threads.emplace_back([&] {
                for (int i = 0; i < 50; ++i)
                    text = by.render(variables, now).value().text;
            });
    }
    for (const auto& text : texts)
        BOOST_TEST(text == "<user>Hi\n<assistant>Sure\n");
    BOOST_TEST(chat_template().render({}, now).value().text == "");
}

// Templates are downloads: what would take too long, too much memory or too deep a stack is
// refused, and the message says which bound it met.

#include "chat/cases.hpp"

#include <boost/test/unit_test.hpp>

using namespace warmd::chat;

namespace {

std::string times(std::size_t count, std::string_view text)
{
    std::string made;
    for (std::size_t i = 0; i < count; ++i)
        made += text;
    return made;
}

template_result<rendering> made_by(std::string_view source, const template_bounds& bounds = {})
{
    const auto parsed = chat_template::parse(source, bounds);
    return parsed ? parsed->render({}, std::tm{}, bounds)
                  : template_result<rendering>(parsed.error());
}

/// Refused for a bound, which the message names.
void refused(std::string_view source, std::string_view bound, const template_bounds& bounds = {})
{
    const auto found = made_by(source, bounds);
    const std::string_view shown = source.substr(0, 70);
    BOOST_TEST_REQUIRE(!found, shown << " was rendered");
    BOOST_TEST(name(found.error().cause) == "bound",
               shown << ": " << name(found.error().cause) << ": " << found.error().detail);
    BOOST_TEST((found.error().detail.find(bound) != std::string::npos),
               shown << ": " << found.error().detail);
    BOOST_TEST(found.error().line >= 1);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_template_that_goes_on_and_on_runs_out_of_steps)
{
    const std::string_view ten = "{% set r = range(100000) %}{% for a in r %}{% for b in r %}"
                                 "{% for c in r %}{% endfor %}{% endfor %}{% endfor %}";
    refused(ten, "20000000 steps");
    refused("{{ range(100000)|map('string')|map('length')|map('string')|list|length }}",
            "1000 steps", {.steps = 1000});
    // What one node does counts as well.
    refused("{% set s = 'ab' * 4000000 %}{% for i in range(100000) %}{{ s == s ~ '' }}{% endfor %}",
            "steps");
    refused("{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% if 'b' in s %}{% endif %}"
            "{% endfor %}",
            "steps");
    refused("{% set s = range(100000)|list %}{% for i in range(100000) %}"
            "{% if -1 in s %}{% endif %}{% endfor %}",
            "steps");
    refused("{% set s = 'a' * 1000000 %}{% for i in range(100000) %}"
            "{% if s|wordwrap(1)|length %}{% endif %}{% endfor %}",
            "");
}

BOOST_AUTO_TEST_CASE(a_text_is_refused_before_it_is_made)
{
    const std::string_view huge[] = {
        "{{ 'x' * 1000000000000 }}",
        "{{ 1000000000000 * 'x' }}",
        "{{ 'x'|center(1000000000000) }}",
        "{{ 'x'.ljust(1000000000000) if false else 'x'.center(1000000000000) }}",
        "{{ '%1000000000000d' % 1 }}",
        "{{ '%.1000000000000f' % 1.5 }}",
        "{{ '{:1000000000000}'.format(1) }}",
        "{{ 'x\nx'|indent(1000000000000) }}",
        "{{ [1]|tojson(indent=1000000000000) }}",
        "{{ ('x' * 10000)|replace('x', 'y' * 10000) }}",
        "{{ ['x', 'x', 'x']|join('y' * 16000000) }}",
        "{{ 'x' * 16000000 ~ 'x' * 16000000 }}",
        "{% set t = 'x' * 16000000 %}{% set u = t + t %}",
        "{% for i in range(3) %}{{ 'x' * 16000000 }}{% endfor %}",
        "{% set b %}{% for i in range(3) %}{{ 'x' * 16000000 }}{% endfor %}{% endset %}",
    };
    for (const auto source : huge)
        refused(source, "");
    BOOST_TEST(made_by("{{ 'x' * 16777216 }}").value().text.size() == 16777216);
    refused("{{ 'x' * 16777217 }}", "16777216");
    refused("{{ 'xy' * 5 }}", "at most 9", {.text = 9});
}

BOOST_AUTO_TEST_CASE(values_that_live_take_no_more_memory_than_they_may)
{
    refused("{{ ([1] * 1000000000000)|length }}", "memory");
    refused("{% set ns = namespace(l=[1]) %}{% for i in range(64) %}{% set ns.l = ns.l + ns.l %}"
            "{% endfor %}",
            "memory");
    refused("{% set ns = namespace(l=[]) %}{% for i in range(64) %}"
            "{% set ns.l = ns.l + ['x' * 8000000 ~ i] %}{% endfor %}",
            "memory");
    // What is dropped counts no more.
    BOOST_TEST(
        made_by("{% for i in range(64) %}{% set s = 'x' * 8000000 %}{% endfor %}").has_value());
}

BOOST_AUTO_TEST_CASE(a_range_has_at_most_a_hundred_thousand_elements)
{
    BOOST_TEST(made_by("{{ range(100000)|length }}").value().text == "100000");
    BOOST_TEST(!made_by("{{ range(100001)|length }}"));
    BOOST_TEST(!made_by("{{ range(-9223372036854775807, 9223372036854775807)|length }}"));
}

BOOST_AUTO_TEST_CASE(calls_that_call_themselves_are_refused)
{
    refused("{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}", "100");
    refused("{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{{ caller() if caller }}"
            "{% endmacro %}{{ m() }}",
            "100");
    refused("{% set ns = namespace(l=[1]) %}{% set ns.l = [ns] %}"
            "{% for x in [ns] recursive %}{{ loop([x]) }}{% endfor %}",
            "100");
    refused("{% macro m(n) %}" + times(150, "{% if true %}") + "{{ m(n) }}" +
                times(150, "{% endif %}") + "{% endmacro %}{{ m(0) }}",
            "");
    const std::string deep = "{% macro m(n) %}{{ m(n - 1) if n }}{{ n }}{% endmacro %}";
    BOOST_TEST(made_by(deep + "{{ m(90) }}").value().text.ends_with("8990"));
}

BOOST_AUTO_TEST_CASE(values_nested_deep_are_refused_where_they_are_gone_through)
{
    const std::string nested = "{% set ns = namespace(l=[]) %}{% for i in range(50000) %}"
                               "{% set ns.l = [ns.l] %}{% endfor %}";
    refused(nested + "{{ ns.l }}", "128");
    refused(nested + "{{ ns.l|tojson }}", "128");
    refused(nested + "{{ ns.l == [ns.l] }}", "128");
    BOOST_TEST(made_by(nested).has_value()); // and goes as it came, without the stack
    // A namespace can hold itself.
    const std::string cyclic = "{% set ns = namespace() %}{% set ns.self = [ns] %}";
    BOOST_TEST(made_by(cyclic).has_value());
    BOOST_TEST(!made_by(cyclic + "{{ ns.self }}"));
    refused(
        "{% set d = namespace(x=()) %}{% for i in range(200) %}{% set d.x = (d.x,) %}{% endfor %}"
        "{{ {d.x: 1}|length }}",
        "128");
}

BOOST_AUTO_TEST_CASE(what_the_source_nests_is_counted_before_it_uses_up_the_stack)
{
    const std::size_t n = 100'000;
    const std::string sources[] = {
        "{{ " + times(n, "(") + "1" + times(n, ")") + " }}",
        "{{ " + times(n, "[") + times(n, "]") + " }}",
        "{{ " + times(n, "{1:") + "1" + times(n, "}") + " }}",
        "{{ " + times(n, "not ") + "1 }}",
        "{{ " + times(n, "-") + "1 }}",
        "{{ 1" + times(n, " + 1") + " }}",
        "{{ 1" + times(n, " ** 1") + " }}",
        "{{ 1" + times(n, " or 1") + " }}",
        "{{ 1" + times(n, " if 1 else 1") + " }}",
        "{{ 1" + times(n, "|abs") + " }}",
        "{{ a" + times(n, ".a") + " }}",
        "{{ a" + times(n, "[0]") + " }}",
        "{{ a" + times(n, "()") + " }}",
        "{{ " + times(n, "f(") + times(n, ")") + " }}",
        times(20'000, "{% if 1 %}") + times(20'000, "{% endif %}"),
        times(20'000, "{% for i in [1] %}") + times(20'000, "{% endfor %}"),
        "{% if 0 %}" + times(20'000, "{% if 1 %}"),
        "{% set " + times(n, "(") + "a" + times(n, ")") + " = 1 %}",
        "{% for " + times(n, "(") + "a" + times(n, ")") + " in [] %}{% endfor %}",
    };
    for (const auto& source : sources)
        refused(source, "200");
    refused(std::string((1 << 20) + 1, 'a'), "1048576");
    BOOST_TEST(made_by("{{ " + times(150, "(") + "1" + times(150, ")") + " }}").value().text ==
               "1");
    // Long is not deep.
    BOOST_TEST(made_by(times(20'000, "{% if 1 %}{{ 1 }}{% endif %}")).value().text.size() ==
               20'000);
    BOOST_TEST(made_by("{{ ''" + times(20'000, " 'a'") + " }}").value().text.size() == 20'000);
    BOOST_TEST(made_by("{% if 0 %}" + times(150, "{% elif 0 %}") + "{% else %}x{% endif %}")
                   .value()
                   .text == "x");
}

BOOST_AUTO_TEST_CASE(whatever_bytes_come_give_a_text_or_a_refusal_with_a_line)
{
    const std::string_view odd[] = {"{{",
                                    "{%",
                                    "{#",
                                    "{% raw %}",
                                    "{{ ' }}",
                                    "{{ '\\",
                                    "{{ 1.}}",
                                    "{{ 0x }}",
                                    "\xff",
                                    "{{ \xc3 }}",
                                    "{%-",
                                    "{{-",
                                    "{{ }}",
                                    "{% %}",
                                    "{{ '\\u12' }}",
                                    "{{ a.\xc3\xa9 }}",
                                    "{% endif %}"};
    for (const auto source : odd)
        if (const auto found = made_by(source); !found)
            BOOST_TEST(found.error().line == 1, source);
    const std::string whole =
        "{% for m in [1] if m %}{%- set x = {'a': [m, 1.5e3]}|tojson -%}{{ x[::-1] ~ 'b' }}"
        "{% else %}{# c #}{% raw %}{{{% endraw %}{% endfor %}{% macro f(a=1) %}{{ a }}{% endmacro "
        "%}"
        "{% call f() %}{% endcall %}";
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        const auto found = made_by(whole.substr(0, size));
        BOOST_TEST((found || found.error().line >= 1));
    }
    BOOST_TEST(!made_by(std::string("{{ '") + '\0' + "' ~ }}"));
}

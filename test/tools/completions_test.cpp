// What warmctl takes from the methods' contract: its help, its completions, its patience.

#include "warmctl/completions.hpp"
#include "warmctl/help.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace warmd;
using namespace warmd::ctl;

namespace {

const command& command_named(std::string_view name)
{
    const auto all = commands();
    return *std::find_if(all.begin(), all.end(),
                         [&](const command& each) { return each.name == name; });
}

/// The contract with another default of one parameter.
schema::contract with_default(std::string_view method, std::string_view param,
                              std::string_view otherwise)
{
    schema::contract made = schema::daemon_contract();
    for (schema::method& each : made.methods)
        for (schema::field& field : each.params)
            if (each.name == method && field.name == param)
                field.otherwise = otherwise;
    return made;
}

bool has(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_default_that_is_changed_in_the_contract_is_changed_in_help_and_completions)
{
    const schema::contract before = schema::daemon_contract(),
                           after = with_default("divergence", "top_k", "7777");
    const std::string said = "so many of the most probable tokens (7777)";
    for (const auto completion : {zsh_completion, fish_completion}) {
        BOOST_TEST(has(completion(after), said));
        BOOST_TEST(!has(completion(before), "7777"));
    }
    BOOST_TEST(has(help_of(command_named("kl"), after), said));
    BOOST_TEST(!has(help_of(command_named("kl"), before), "7777"));
}

BOOST_AUTO_TEST_CASE(a_word_that_is_added_to_the_contract_is_offered_by_every_shell)
{
    schema::contract by = schema::daemon_contract();
    for (schema::type& each : by.types) {
        if (each.name == "Dtype")
            each.words.push_back("int2");
        if (each.name == "Event")
            each.words.push_back("moved");
    }
    by.methods.push_back({.name = "dream", .summary = "Sleeps"});
    for (const auto completion : {bash_completion, zsh_completion, fish_completion})
        for (const char* word : {"int4 int2", "close_failed moved", "dream"})
            BOOST_TEST(has(completion(by), word), word);
}

BOOST_AUTO_TEST_CASE(a_switch_sends_the_opposite_of_its_parameters_default)
{
    const auto sent = [](const schema::contract& by) {
        const command& load = command_named("load");
        po::options_description known;
        declare(known, common_options() + load.options);
        const arguments typed(known, {"-m", "/m", "--pin"});
        return load.ask({.asked = load, .typed = typed, .by = by}).params;
    };
    BOOST_TEST(has(sent(schema::daemon_contract()), R"("pin":true)"));
    BOOST_TEST(has(sent(with_default("load", "pin", "true")), R"("pin":false)"));
}

BOOST_AUTO_TEST_CASE(every_option_that_sets_a_parameter_names_one_of_its_method)
{
    const schema::contract by = schema::daemon_contract();
    for (const command& of : commands())
        for (const option& each : of.options) {
            if (each.sets.empty())
                continue;
            const auto& params = by.find_method(of.method)->params;
            BOOST_TEST(
                std::any_of(params.begin(), params.end(),
                            [&](const schema::field& field) { return field.name == each.sets; }),
                of.name << " --" << each.name);
        }
}

BOOST_AUTO_TEST_CASE(only_what_waits_for_a_model_is_waited_for_without_end)
{
    const schema::contract by = schema::daemon_contract();
    const auto waits = [&](const std::string& name, const std::vector<std::string>& typed) {
        const command& asked = command_named(name);
        po::options_description known;
        declare(known, common_options() + asked.options);
        const arguments given(known, typed);
        return patience(asked, asked.ask({.asked = asked, .typed = given, .by = by}), given, by)
            .count();
    };
    for (const char* name : {"health", "stats", "metrics", "ps", "top", "watch", "reload"})
        BOOST_TEST(waits(name, {}) == 10'000, name);
    BOOST_TEST(waits("unload", {"--all", "--no-wait"}) == 10'000);
    BOOST_TEST(waits("call", {"health"}) == 10'000);
    BOOST_TEST(waits("unload", {"--all"}) == 0);
    BOOST_TEST(waits("load", {"-m", "/m"}) == 0);
    BOOST_TEST(waits("call", {"load", R"({"model":{"base":"/m"}})"}) == 0);
    BOOST_TEST(waits("call", {"of_a_newer_daemon"}) == 0);
    BOOST_TEST(waits("health", {"--timeout", "1.5"}) == 1'500);
    BOOST_TEST(waits("load", {"-m", "/m", "--timeout", "1.5"}) == 6'500); // it keeps it itself
}

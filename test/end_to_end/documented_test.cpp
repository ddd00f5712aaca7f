// Man pages and completions name every option and command that --help knows, and no other.

#include "support/program.hpp"

#include <boost/test/unit_test.hpp>

#include <regex>
#include <set>

using namespace warmd::test;

namespace {

const std::string tools = WARMD_PROJECT "/tools/", // what is written
    made = WARMD_TOOLS "/";                        // what is made when warmd is built

std::string read(const std::string& path)
{
    std::ifstream file(path);
    BOOST_REQUIRE_MESSAGE(file.is_open(), path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// A manual page without its examples, which may show other programs, as it is read.
std::string shown(const std::string& page)
{
    std::string text = read(page);
    for (std::size_t begin; (begin = text.find("\n.EX\n")) != std::string::npos;)
        text.erase(begin, text.find("\n.EE\n", begin) + 4 - begin);
    return std::regex_replace(text, std::regex("\\\\-"), "-");
}

std::string help_of(const std::vector<std::string>& words)
{
    return program({.words = words, .in = {}, .environment = {}}).result().out;
}

std::set<std::string> all(const std::string& text, const std::regex& form)
{
    std::set<std::string> found;
    for (std::sregex_iterator each(text.begin(), text.end(), form), end; each != end; ++each)
        found.insert((*each)[1]);
    return found;
}

std::set<std::string> options_in(const std::string& text)
{
    return all(text, std::regex("--([a-z][a-z-]+)"));
}

/// What each command's --help is called by.
std::set<std::string> commands()
{
    return all(help_of({WARMCTL, "--help"}), std::regex("\n  ([a-z][a-z-]*)  +[a-z]"));
}

std::set<std::string> options_of_warmctl()
{
    std::string text = help_of({WARMCTL, "--help"});
    for (const std::string& command : commands())
        text += help_of({WARMCTL, command, "--help"});
    return options_in(text);
}

void check(const std::string& name, const std::set<std::string>& known,
           const std::set<std::string>& found)
{
    for (const std::string& option : known)
        BOOST_TEST(found.contains(option), name << " lacks --" << option);
    for (const std::string& option : found)
        BOOST_TEST(known.contains(option), name << " has --" << option << ", which --help has not");
}

/// A program's page and completions.
void check_all(const std::set<std::string>& known, const std::string& page, const std::string& bash,
               const std::string& zsh, const std::string& fish)
{
    BOOST_TEST(known.size() > 10U);
    check(page, known, options_in(shown(page)));
    check(bash, known, options_in(read(bash)));
    check(zsh, known, options_in(read(zsh)));
    check(fish, known, all(read(fish), std::regex(" -l ([a-z][a-z-]+)")));
}

} // namespace

BOOST_AUTO_TEST_CASE(every_option_of_warmd_is_in_its_page_and_its_completions)
{
    const std::string completions = tools + "completions/";
    check_all(options_in(help_of({WARMD, "--help"})), tools + "man/warmd.8",
              completions + "warmd.bash", completions + "_warmd", completions + "warmd.fish");
}

BOOST_AUTO_TEST_CASE(every_option_of_warmctl_is_in_its_page_and_its_completions)
{
    const std::string completions = made + "completions/warmctl.";
    check_all(options_of_warmctl(), tools + "man/warmctl.1", completions + "bash",
              completions + "zsh", completions + "fish");
}

BOOST_AUTO_TEST_CASE(every_command_is_in_the_page_and_the_completions)
{
    const std::set<std::string> known = commands();
    BOOST_TEST(known.size() >= 15U);
    const std::string completions = made + "completions/warmctl.";
    for (const std::string& file : {tools + "man/warmctl.1", completions + "bash",
                                    completions + "zsh", completions + "fish"}) {
        const std::string text = std::regex_replace(read(file), std::regex("\\\\-"), "-");
        const std::set<std::string> words = all(text, std::regex("(?:^|[^a-z-])([a-z][a-z-]*)"));
        for (const std::string& command : known)
            BOOST_TEST(words.contains(command), file << " lacks " << command);
    }
}

BOOST_AUTO_TEST_CASE(the_completion_of_bash_offers_options_and_commands)
{
    const auto offered = [](const std::string& program, const std::string& line) {
        const std::string script = ". " + (program == "warmd" ? tools : made) + "completions/" +
                                   program + ".bash; COMP_WORDS=(" + line +
                                   "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _" + program +
                                   "; echo ${COMPREPLY[*]}";
        return help_of({"/bin/bash", "-c", script});
    };
    BOOST_TEST(offered("warmd", "warmd --allow-") == "--allow-uid --allow-gid --allow-root\n");
    BOOST_TEST(offered("warmd", "warmd --log-format j") == "json\n");
    BOOST_TEST(offered("warmctl", "warmctl perp") == "perplexity\n");
    BOOST_TEST(offered("warmctl", "warmctl unload --n") == "--no-wait\n");
    BOOST_TEST(offered("warmctl", "warmctl load --dtype b") == "bf16\n");
    BOOST_TEST(offered("warmctl", "warmctl kl --from s") == "scaled:\n");
    BOOST_TEST(offered("warmctl", "warmctl watch evi") == "evicted\n");
    BOOST_TEST(offered("warmctl", "warmctl call rpc") == "rpc.discover\n");
}

BOOST_AUTO_TEST_CASE(the_pages_on_the_protocols_have_every_method_and_route_and_are_sound)
{
    const std::string protocol = read(made + "warmd-protocol.7"),
                      http = read(made + "warmd-http.7");
    for (const char* method : {"load", "generate", "rpc.discover"})
        BOOST_TEST(protocol.find(std::string("\n.SS ") + method + '\n') != std::string::npos,
                   method);
    for (const char* route :
         {"GET /health", "POST /rpc/METHOD", "GET /events", "GET /v1/models/NAME"})
        BOOST_TEST(http.find(std::string("\n.B ") + route + '\n') != std::string::npos, route);
    BOOST_TEST(http.find("\n.B 429\nbusy.\n") != std::string::npos);
    for (const char* name : {"warmd-protocol.7", "warmd-http.7"}) {
        const std::string page = read(made + name);
        BOOST_TEST(page.find("\n@") == std::string::npos);
        const std::string check =
            "command -v groff >/dev/null || exit 77; groff -man -Tutf8 -ww -z " + made + name;
        const program_result checked =
            program({.words = {"/bin/sh", "-c", check}, .in = {}, .environment = {}}).result();
        if (checked.status == 77)
            BOOST_TEST_MESSAGE("SKIPPED: no groff to format the page with");
        else
            BOOST_TEST(checked.status == 0);
        BOOST_TEST(checked.err == "");
    }
}

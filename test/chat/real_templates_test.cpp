// Templates that models ship, each with conversations and the texts that Transformers made of them.
// They are others' and not part of the project: looked for beside it, or where
// WARMD_REAL_TEMPLATES says.

#include "chat/cases.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory_resource>

using namespace warmd::chat;

namespace {

std::filesystem::path folder()
{
    const char* named = std::getenv("WARMD_REAL_TEMPLATES");
    return named != nullptr ? std::filesystem::path(named)
                            : std::filesystem::path(WARMD_PROJECT) / "../shared/chat/real";
}

boost::json::object variables_of(const boost::json::object& each)
{
    boost::json::object variables;
    if (const auto* tokens = each.if_contains("special_tokens"))
        for (const auto& token : tokens->as_object())
            variables[token.key()] = token.value();
    for (const char* name : {"messages", "tools", "documents", "add_generation_prompt"}) {
        const auto* given = each.if_contains(name);
        variables[name] = given != nullptr ? *given : boost::json::value(nullptr);
    }
    for (const auto& given : each.at("kwargs").as_object())
        variables[given.key()] = given.value();
    return variables;
}

} // namespace

BOOST_AUTO_TEST_CASE(real_templates_give_the_texts_of_transformers)
{
    if (!std::filesystem::is_directory(folder())) {
        std::cout << "skipped: there are no templates in " << folder() << '\n';
        return;
    }
    std::size_t all = 0, good = 0;
    std::map<std::string, std::size_t> faulty;
    for (const auto& entry : std::filesystem::directory_iterator(folder())) {
        const auto file = read_json(entry.path());
        const auto parsed = chat_template::parse(file.at("template").as_string());
        for (const auto& each : file.at("cases").as_array()) {
            const auto& object = each.as_object();
            const auto found = parsed ? rendered(*parsed, object, variables_of(object))
                                      : template_result<rendering>(parsed.error());
            const std::string fault = fault_of(object, found);
            ++all;
            good += fault.empty();
            if (!fault.empty() && ++faulty[entry.path().stem()] == 1)
                std::cout << entry.path().stem() << ", " << object.at("id") << ": " << fault
                          << '\n';
        }
    }
    std::cout << good << " of " << all << " as Transformers renders them\n";
    for (const auto& [name, count] : faulty)
        std::cout << "  not: " << count << " of " << name << '\n';
    BOOST_TEST(all > 0);
    BOOST_TEST(static_cast<double>(good) >= 0.99 * static_cast<double>(all));
}

// What Transformers makes of small templates, one by one: test/data/chat/features.json.

#include "chat/cases.hpp"

#include <boost/test/unit_test.hpp>

using namespace warmd::chat;

BOOST_AUTO_TEST_CASE(each_feature_gives_the_text_of_transformers_or_is_refused_with_it)
{
    const auto file = read_json(WARMD_TEST_DATA "/chat/features.json");
    const auto& cases = file.at("cases").as_array();
    std::size_t optional = 0;
    for (const auto& each : cases) {
        const auto& object = each.as_object();
        const std::string title(object.at("name").as_string());
        const auto parsed = chat_template::parse(object.at("template").as_string());
        const auto found = parsed ? rendered(*parsed, object, object.at("vars").as_object())
                                  : template_result<rendering>(parsed.error());
        if (object.contains("optional") && !found) {
            ++optional;
            continue;
        }
        BOOST_TEST(fault_of(object, found) == "", title << ": " << fault_of(object, found));
        if (!found && object.contains("kind") && object.at("kind") == "TemplateError")
            BOOST_TEST(found.error().detail == object.at("message").as_string(), title);
    }
    BOOST_TEST(cases.size() == 921);
    BOOST_TEST(optional <= 6); // integers past 64 bits, names of characters
}

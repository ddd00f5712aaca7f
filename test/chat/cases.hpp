#pragma once
// Renderings that are known, read from files.

#include "chat/chat_template.hpp"
#include "chat/continuation.hpp"
#include "json/json_document.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

namespace warmd::chat {

inline boost::json::value read_json(const std::string& file)
{
    std::ifstream from(file);
    std::ostringstream text;
    text << from.rdbuf();
    const std::string read = text.str();
    json_document document; // rounds numbers to the nearest double
    return document.read(read).value()->value();
}

/// "2024-12-05T09:07:03"
inline std::tm time_of(const boost::json::object& each)
{
    std::tm now{};
    now.tm_year = 70;
    now.tm_mday = 1;
    if (const auto* text = each.if_contains("now")) {
        std::sscanf(text->as_string().c_str(), "%d-%d-%dT%d:%d:%d", &now.tm_year, &now.tm_mon,
                    &now.tm_mday, &now.tm_hour, &now.tm_min, &now.tm_sec);
        now.tm_year -= 1900;
        now.tm_mon -= 1;
    }
    ::timegm(&now); // finds the day of the week and of the year
    return now;
}

/// How a case renders, which may say `continue_final_message` and `now`.
inline template_result<rendering> rendered(const chat_template& by, const boost::json::object& each,
                                           const boost::json::object& variables)
{
    const auto* continued = each.if_contains("continue_final_message");
    if (continued == nullptr || (continued->is_bool() && !continued->as_bool()))
        return by.render(variables, time_of(each));
    return render_continued(by, variables, time_of(each),
                            continued->is_string() ? std::string(continued->as_string())
                                                   : "content");
}

/// Empty if it is as the case says, else what is wrong.
inline std::string fault_of(const boost::json::object& each,
                            const template_result<rendering>& found)
{
    const auto* wanted = each.if_contains("rendered");
    if (wanted == nullptr)
        return found ? "rendered what is to be refused: " + found->text : "";
    if (!found)
        return "refused: " + std::string(name(found.error().cause)) + " in line " +
               std::to_string(found.error().line) + ": " + found.error().detail;
    if (found->text != wanted->as_string())
        return "rendered\n" + found->text + "\nbut wanted\n" + std::string(wanted->as_string());
    if (const auto* spans = each.if_contains("assistant_spans")) {
        boost::json::array shown;
        for (const auto& [start, end] : found->generated)
            shown.push_back(boost::json::array{start, end});
        if (boost::json::serialize(shown) != boost::json::serialize(*spans))
            return "generated " + boost::json::serialize(shown);
    }
    return {};
}

} // namespace warmd::chat

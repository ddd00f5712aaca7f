#include "warmctl/rows.hpp"

#include "warmctl/format.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <vector>

namespace warmd::ctl {

namespace {

/// Each element with what it is about; what is no object is its `value`.
std::vector<json::object> elements_of(const answer& from, std::string_view member)
{
    std::vector<json::object> made;
    const json::array& all = from.result.at(member).as_array();
    for (std::size_t i = 0; i != all.size(); ++i) {
        json::object& row = made.emplace_back();
        if (i < from.texts.size())
            row["text"] = from.texts[i];
        if (const json::object* const members = all[i].if_object())
            for (const auto& [name, value] : *members)
                row[name] = value;
        else
            row["value"] = all[i];
    }
    return made;
}

/// RFC 4180, section 2.
std::string cell(const json::value* value)
{
    if (!value || value->is_null())
        return {};
    const std::string text =
        value->is_string() ? std::string(value->get_string()) : json_text(*value);
    if (text.find_first_of("\",\r\n") == text.npos)
        return text;
    std::string made = "\"";
    for (const char c : text)
        made += c == '"' ? "\"\"" : std::string(1, c);
    return made + '"';
}

std::string as_csv(const std::vector<json::object>& rows)
{
    std::vector<std::string> columns;
    for (const json::object& row : rows)
        for (const auto& [name, value] : row)
            if (std::ranges::find(columns, std::string(name)) == columns.end())
                columns.emplace_back(name);
    std::string text;
    const auto line = [&](auto cell_of) {
        for (std::size_t i = 0; i != columns.size(); ++i)
            text += (i == 0 ? "" : ",") + cell_of(columns[i]);
        text += '\n';
    };
    line([](const std::string& name) { return name; });
    for (const json::object& row : rows)
        line([&](const std::string& name) { return cell(row.if_contains(name)); });
    return text;
}

} // namespace

option format_option()
{
    return {.name = "format",
            .value = "FORM",
            .doc = "of the results: table, json, jsonl (a line each), csv (table)"};
}

std::optional<std::string> rows_of(const answer& from, std::string_view member)
{
    const std::string form = from.typed.text("format").value_or("table");
    if (form == "table")
        return {};
    if (form == "json")
        return json_text(from.result) + '\n';
    if (form == "csv")
        return as_csv(elements_of(from, member));
    if (form != "jsonl")
        throw usage_error("--format must be table, json, jsonl or csv, found '" + form + "'");
    std::string lines;
    for (const json::object& each : elements_of(from, member))
        lines += json_text(each) + '\n';
    return lines;
}

} // namespace warmd::ctl

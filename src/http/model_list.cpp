#include "http/model_list.hpp"

#include "model/model_name.hpp"
#include <warmd/json.hpp>
#include <warmd/json_writer.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <vector>

namespace warmd {

namespace {

/// What OpenAI's clients are told of one model.
struct listed {
    std::string id, key, base, adapter, state;
    std::string max_model_len; ///< JSON text
    std::string parent{};      ///< of an adapter: the id of its base

    void write(json_writer& to) const
    {
        to.begin_object();
        to.member("id", id).member("object", "model").member("created", 0);
        to.member("owned_by", "warmd").member("root", base);
        if (adapter.empty())
            to.member("parent", nullptr);
        else
            to.member("parent", parent);
        to.key("max_model_len").raw(max_model_len);
        to.member("state", state).key("views").begin_array().value("base");
        if (!adapter.empty())
            to.value("ft").value("scaled").value("null");
        to.end_array().end_object();
    }
};

std::string text_at(const json::value& object, std::string_view member)
{
    const json::value* const found = object.as_object().if_contains(member);
    return found && found->is_string() ? std::string(found->get_string()) : "";
}

/// A row of `models` or of its names, which have no state.
listed described(const json::value& row)
{
    const json::value& spec = row.at("model");
    const json::value* const longest = row.as_object().if_contains("max_model_len");
    return {text_at(row, "name"),  text_at(row, "key"),
            text_at(spec, "base"), text_at(spec, "adapter"),
            text_at(row, "state"), longest ? json::serialize(*longest) : "null"};
}

/// The first that `is` is true of, or null.
template <class Is>
const listed* find(const std::vector<listed>& all, Is is)
{
    const auto found = std::find_if(all.begin(), all.end(), is);
    return found == all.end() ? nullptr : &*found;
}

/// `named` as it is resident, if it is.
listed with_state(listed named, const std::vector<listed>& resident)
{
    const listed* const found = find(
        resident, [&](const listed& each) { return !named.key.empty() && each.key == named.key; });
    named.state = found ? found->state : "unloaded";
    if (found) {
        named.base = found->base;
        named.adapter = found->adapter;
        named.max_model_len = found->max_model_len;
    }
    return named;
}

/// Under their names, then what is resident under another, as its path is one, too.
std::vector<listed> all_of(const std::string& models)
{
    const json::value read = json::parse(models);
    std::vector<listed> resident, all;
    for (const json::value& row : read.at("models").as_array())
        resident.push_back(described(row));
    for (const json::value& row : read.at("names").as_array())
        all.push_back(with_state(described(row), resident));
    for (listed& each : resident) {
        each.id = each.adapter.empty() ? each.base : each.adapter;
        if (!find(all, [&](const listed& one) { return one.key == each.key || one.id == each.id; }))
            all.push_back(std::move(each));
    }
    for (listed& each : all) {
        const listed* const base = find(
            all, [&](const listed& one) { return one.adapter.empty() && one.base == each.base; });
        each.parent = base ? base->id : each.base;
    }
    return all;
}

} // namespace

http_reply model_list(std::string models, std::string_view)
{
    http_reply reply;
    json_writer to(reply.body);
    to.begin_object().member("object", "list").key("data").begin_array();
    for (const listed& each : all_of(models))
        each.write(to);
    to.end_array().end_object();
    return reply;
}

http_reply one_model(std::string models, std::string_view id)
{
    std::vector<listed> all = all_of(models);
    const auto called = [&](std::string_view name) {
        return std::ranges::find_if(all, [&](const listed& each) { return each.id == name; });
    };
    auto found = called(id);
    if (found == all.end())
        found = called(parse_model_name(id).model);
    if (found != all.end()) {
        found->id = id;
        http_reply reply;
        json_writer to(reply.body);
        found->write(to);
        return reply;
    }
    return failed({errc::not_found, "no model is named or resident as '" + shortened(id) + '\''});
}

} // namespace warmd

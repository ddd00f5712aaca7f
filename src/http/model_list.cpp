#include "http/model_list.hpp"

#include <warmd/json.hpp>
#include <warmd/json_writer.hpp>

#include <boost/json.hpp>

#include <set>

namespace warmd {

namespace {

/// What OpenAI's clients are told of one model.
struct listed {
    std::string id, base, adapter, state;

    void write(json_writer& to) const
    {
        to.begin_object();
        to.member("id", id).member("object", "model").member("created", 0);
        to.member("owned_by", "warmd").member("root", base);
        if (adapter.empty())
            to.member("parent", nullptr);
        else
            to.member("parent", base);
        to.member("state", state).key("views").begin_array().value("base");
        if (!adapter.empty())
            to.value("ft");
        to.end_array().end_object();
    }
};

std::string text_at(const json::value& spec, std::string_view member)
{
    const json::value* const found = spec.as_object().if_contains(member);
    return found && found->is_string() ? std::string(found->get_string()) : "";
}

listed described(std::string id, const json::value& spec, std::string state)
{
    return {std::move(id), text_at(spec, "base"), text_at(spec, "adapter"), std::move(state)};
}

std::vector<listed> all_of(const std::string& models)
{
    const json::value read = json::parse(models);
    const json::array& rows = read.at("models").as_array();
    std::vector<listed> all;
    std::set<const json::value*> named;
    for (const json::value& each : read.at("names").as_array()) {
        const std::string name = text_at(each, "name");
        listed one = described(name, each.at("model"), "unloaded");
        for (const json::value& row : rows) {
            const listed resident = described(name, row.at("model"), text_at(row, "state"));
            if (resident.base != one.base || resident.adapter != one.adapter)
                continue;
            one.state = resident.state;
            named.insert(&row);
        }
        all.push_back(std::move(one));
    }
    for (const json::value& row : rows) {
        if (named.contains(&row))
            continue;
        listed one = described({}, row.at("model"), text_at(row, "state"));
        one.id = one.adapter.empty() ? one.base : one.adapter;
        all.push_back(std::move(one));
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
    for (const listed& each : all_of(models)) {
        if (each.id != id)
            continue;
        http_reply reply;
        json_writer to(reply.body);
        each.write(to);
        return reply;
    }
    return failed({errc::not_found, "no model is named or resident as '" + shortened(id) + '\''});
}

} // namespace warmd

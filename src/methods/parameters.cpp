// The parameters of a method, all of them.

#include "base/text.hpp"
#include "methods/reader.hpp"

#include <boost/assert.hpp>

#include <algorithm>
#include <string>

namespace warmd::schema {

reader::reader(const contract& by, const method& of)
    : by_(by), of_(of), document_(std::make_unique<json_document>())
{
    defaults_text_ = "{";
    for (const field& each : of.params)
        if (!each.otherwise.empty())
            defaults_text_ += (defaults_text_.size() > 1 ? ",\"" : "\"") + std::string(each.name) +
                              "\":" + std::string(each.otherwise);
    defaults_text_ += '}';
    const json_node& all = *document_->read(defaults_text_).value();
    for (const field& each : of.params)
        defaults_.push_back(all.find(each.name));
}

std::optional<failure> reader::read(const json_node& given, const named_models& names,
                                    std::initializer_list<target> into) const
{
    if (auto why = unknown(given))
        return why;
    reading by(by_, names, given);
    for (std::size_t i = 0; i != of_.params.size(); ++i) {
        const field& each = of_.params[i];
        by.read_next(each.name);
        const json_node* value = given.find(each.name);
        if (!value || (value->is_null() && of_.null_is_absent))
            value = defaults_[i];
        if (!value && each.required())
            by.refuse({errc::invalid_params,
                       std::string(each.name) + " is missing: " + wanted(by_, each)});
        if (!value)
            continue;
        const auto to = std::find_if(into.begin(), into.end(), [&](const target& one) {
            return one.owner == each.into.owner;
        });
        BOOST_ASSERT(to != into.end());
        each.into.read(by, each, *value, to->place);
    }
    return by.fault();
}

std::optional<failure> reader::unknown(const json_node& given) const
{
    const auto takes = [this](std::string_view name) {
        return std::any_of(of_.params.begin(), of_.params.end(),
                           [&](const field& each) { return each.name == name; });
    };
    for (const json_node* key = given.begin(); key != given.end(); key = (key + 1)->next()) {
        if (takes(key->string()))
            continue;
        const std::string listed =
            joined(of_.params, ", ", [](const field& each) { return each.name; });
        failure why{errc::invalid_params, "unknown parameter '" + shortened(key->string()) + "'; " +
                                              std::string(of_.name) + " takes " +
                                              (listed.empty() ? "none" : listed)};
        why.param = shortened(key->string());
        return why;
    }
    return {};
}

} // namespace warmd::schema

#include "hf/text/json_place.hpp"

#include <boost/json.hpp>

namespace warmd::hf {

std::string in_short(const json::value& value)
{
    if (value.is_object())
        return "an object";
    if (value.is_array())
        return "an array";
    return shortened(json::serialize(value));
}

json_place::json_place(const json::value& value, std::string place, complaint& wrong)
    : json_place(value.if_object(), std::move(place), wrong)
{
    if (!members_)
        wrong_->add(errc::load_failed, (path_.empty() ? "the document" : path_) +
                                           " must be an object, found " + in_short(value));
}

json_place::json_place(const json::object* members, std::string place, complaint& wrong)
    : members_(members), path_(std::move(place)), wrong_(&wrong)
{
}

std::string json_place::place_of(std::string_view name) const
{
    return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
}

const json::value* json_place::find(std::string_view name) const
{
    const json::value* found = members_ ? members_->if_contains(name) : nullptr;
    return found && !found->is_null() ? found : nullptr;
}

void json_place::ill_typed(std::string_view name, std::string_view wanted,
                           const json::value* found) const
{
    if (!members_)
        return; // this object itself was complained of
    std::string detail = place_of(name) + " must be " + std::string(wanted);
    detail += found ? ", found " + in_short(*found) : ", but is missing";
    wrong_->add(errc::load_failed, std::move(detail));
}

std::string_view json_place::text(std::string_view name) const
{
    const json::value* found = find(name);
    if (found && found->is_string())
        return found->get_string();
    ill_typed(name, "a string", found);
    return {};
}

std::string_view json_place::text_or(std::string_view name, std::string_view otherwise) const
{
    return find(name) ? text(name) : otherwise;
}

bool json_place::flag(std::string_view name, bool otherwise) const
{
    const json::value* found = find(name);
    if (found && !found->is_bool())
        ill_typed(name, "true or false", found);
    return found && found->is_bool() ? found->get_bool() : otherwise;
}

std::int64_t json_place::integer(std::string_view name, std::int64_t low, std::int64_t high) const
{
    const json::value* found = find(name);
    if (found && found->is_int64() && found->get_int64() >= low && found->get_int64() <= high)
        return found->get_int64();
    ill_typed(name, "an integer from " + std::to_string(low) + " to " + std::to_string(high),
              found);
    return low;
}

json_place json_place::object(std::string_view name) const
{
    const json::value* found = find(name);
    if (!found || !found->is_object())
        ill_typed(name, "an object", found);
    return json_place(found ? found->if_object() : nullptr, place_of(name), *wrong_);
}

std::vector<json_place> json_place::objects(std::string_view name, std::size_t most) const
{
    std::vector<json_place> all;
    const json::value* found = find(name);
    const json::array* elements = found ? found->if_array() : nullptr;
    if (!elements) {
        ill_typed(name, "an array", found);
        return all;
    }
    if (elements->size() > most) {
        wrong_->add(errc::unsupported, place_of(name) + " has " + std::to_string(elements->size()) +
                                           " elements, the limit is " + std::to_string(most));
        return all;
    }
    all.reserve(elements->size());
    for (std::size_t i = 0; i < elements->size() && !*wrong_; ++i)
        all.emplace_back((*elements)[i], place_of(name) + "[" + std::to_string(i) + "]", *wrong_);
    return all;
}

} // namespace warmd::hf

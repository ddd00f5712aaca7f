#include "hf/files/json_place.hpp"

#include "hf/files/input_file.hpp"

#include <boost/json.hpp>

#include <cmath>

namespace warmd::hf {

result<json::value> read_json(const std::filesystem::path& file, const file_rules& rules)
{
    constexpr std::uint64_t largest = 16 << 20; // a chat template may be in it
    const auto text = read_text(file, largest, rules);
    if (!text)
        return text.error();
    auto parsed = parse_json(*text);
    if (!parsed)
        return failure{errc::load_failed,
                       file.native() + ": not valid JSON: " + parsed.error().detail};
    return parsed;
}

result<json::object> read_json_object(const std::filesystem::path& file, const file_rules& rules)
{
    auto read = read_json(file, rules);
    if (!read)
        return read.error();
    if (!read->is_object())
        return failure{errc::load_failed, file.native() + ": must be a JSON object"};
    return std::move(read->get_object());
}

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

const json::object& json_place::members() const noexcept
{
    static const json::object none;
    return members_ ? *members_ : none;
}

void json_place::ill_typed(std::string_view name, std::string_view wanted) const
{
    if (!members_)
        return; // this object itself was complained of
    const json::value* const found = find(name);
    std::string detail = place_of(name) + " must be " + std::string(wanted);
    detail += found ? ", found " + in_short(*found) : ", but is missing";
    wrong_->add(errc::load_failed, detail);
}

void json_place::refuse(std::string_view name, std::string_view found) const
{
    wrong_->add(errc::unsupported, place_of(name) + " " + std::string(found) + " is not supported");
}

std::string_view json_place::text(std::string_view name) const
{
    const json::value* found = find(name);
    if (found && found->is_string())
        return found->get_string();
    ill_typed(name, "a string");
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
        ill_typed(name, "true or false");
    return found && found->is_bool() ? found->get_bool() : otherwise;
}

std::int64_t json_place::integer(std::string_view name, std::int64_t low, std::int64_t high) const
{
    const json::value* found = find(name);
    if (found && found->is_int64() && found->get_int64() >= low && found->get_int64() <= high)
        return found->get_int64();
    ill_typed(name, "an integer from " + std::to_string(low) + " to " + std::to_string(high));
    return low;
}

std::int64_t json_place::integer_or(std::string_view name, std::int64_t otherwise, std::int64_t low,
                                    std::int64_t high) const
{
    return find(name) ? integer(name, low, high) : otherwise;
}

double json_place::positive(std::string_view name) const
{
    const json::value* const found = find(name);
    const double number = found && found->is_number() ? found->to_number<double>() : 0;
    if (std::isfinite(number) && number > 0)
        return number;
    ill_typed(name, "a number above 0");
    return 1;
}

double json_place::positive_or(std::string_view name, double otherwise) const
{
    return find(name) ? positive(name) : otherwise;
}

std::optional<json_place> json_place::object_if(std::string_view name) const
{
    return find(name) ? std::optional(object(name)) : std::nullopt;
}

json_place json_place::object(std::string_view name) const
{
    const json::value* found = find(name);
    if (!found || !found->is_object())
        ill_typed(name, "an object");
    return json_place(found ? found->if_object() : nullptr, place_of(name), *wrong_);
}

std::vector<json_place> json_place::objects(std::string_view name, std::size_t most) const
{
    std::vector<json_place> all;
    const json::value* found = find(name);
    const json::array* elements = found ? found->if_array() : nullptr;
    if (!elements) {
        ill_typed(name, "an array");
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

#include "hf/files/json_fields.hpp"

#include "hf/files/input_file.hpp"

#include <boost/json.hpp>

#include <cmath>

namespace warmd::hf {

namespace {

constexpr std::uint64_t largest_config = 16 << 20;

std::string shown(const json::value& value) { return shortened(json::serialize(value)); }

} // namespace

result<json::object> read_json_object(const std::filesystem::path& file, const file_rules& rules)
{
    const auto text = read_text(file, largest_config, rules);
    if (!text)
        return text.error();
    auto parsed = parse_json(*text);
    if (!parsed)
        return failure{errc::load_failed,
                       file.native() + ": not valid JSON: " + parsed.error().detail};
    if (!parsed->is_object())
        return failure{errc::load_failed, file.native() + ": must be a JSON object"};
    return std::move(parsed->get_object());
}

const json::value* json_fields::find(std::string_view name) const
{
    const json::value* const found = object_->if_contains(name);
    return found && !found->is_null() ? found : nullptr;
}

std::uint64_t json_fields::integer(std::string_view name, std::uint64_t otherwise,
                                   std::uint64_t min, std::uint64_t max)
{
    const json::value* const found = find(name);
    if (!found)
        return otherwise;
    boost::system::error_code ec;
    const auto number = found->is_double() ? 0 : found->to_number<std::uint64_t>(ec);
    if (found->is_double() || ec || number < min || number > max) {
        complain(name, "be an integer from " + std::to_string(min) + " to " + std::to_string(max));
        return otherwise;
    }
    return number;
}

double json_fields::positive(std::string_view name, double otherwise)
{
    const json::value* const found = find(name);
    if (!found)
        return otherwise;
    boost::system::error_code ec;
    const double number = found->is_number() ? found->to_number<double>(ec) : 0;
    if (ec || !std::isfinite(number) || number <= 0) {
        complain(name, "be a number above 0");
        return otherwise;
    }
    return number;
}

bool json_fields::boolean(std::string_view name, bool otherwise)
{
    const json::value* const found = find(name);
    if (!found)
        return otherwise;
    if (!found->is_bool()) {
        complain(name, "be true or false");
        return otherwise;
    }
    return found->get_bool();
}

std::string json_fields::text(std::string_view name, std::string_view otherwise)
{
    const json::value* const found = find(name);
    if (!found)
        return std::string(otherwise);
    if (!found->is_string()) {
        complain(name, "be a string");
        return std::string(otherwise);
    }
    return std::string(found->get_string());
}

const json::object* json_fields::object(std::string_view name)
{
    const json::value* const found = find(name);
    if (!found)
        return nullptr;
    if (!found->is_object())
        complain(name, "be an object");
    return found->if_object();
}

void json_fields::complain(std::string_view name, std::string_view must)
{
    if (trouble_)
        return;
    const json::value* const found = object_->if_contains(name);
    trouble_ = failure{errc::load_failed,
                       where_ + ": " + std::string(name) + " must " + std::string(must) +
                           (found ? ", found " + shown(*found) : ", and is missing")};
}

void json_fields::not_implemented(std::string_view name, std::string_view found)
{
    if (!trouble_)
        trouble_ = failure{errc::unsupported, where_ + ": " + std::string(name) + " " +
                                                  std::string(found) + " is not supported"};
}

void json_fields::adopt(const json_fields& nested)
{
    if (!trouble_)
        trouble_ = nested.trouble_;
}

} // namespace warmd::hf

#include "params.hpp"

#include <algorithm>
#include <cmath>

namespace warmd {

namespace {

constexpr std::string_view text_wanted = "a string or an array of token ids (integers from 0 to 2147483647)";
constexpr std::string_view ids_wanted = "an array of token ids (integers from 0 to 2147483647)";
constexpr std::string_view view_wanted = R"("base", "ft", {"scaled": number} or {"null": {"seed", "init_scale", "rank_scale"}})";

/// A number that is written as an integer and not negative: 1.0 is none.
std::optional<std::uint64_t> natural(const json::value& value)
{
    if (const auto* number = value.if_uint64())
        return *number;
    const auto* number = value.if_int64();
    return number && *number >= 0 ? std::optional(static_cast<std::uint64_t>(*number)) : std::nullopt;
}

std::optional<double> finite(const json::value& value)
{
    if (!value.is_number())
        return {};
    const double number = value.to_number<double>();
    return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

/// Null if `from` is an array of token ids, now in `to`; else the value that is wrong.
const json::value* take_ids(std::vector<token_id>& to, const json::value& from)
{
    const json::array* array = from.if_array();
    if (!array)
        return &from;
    to.reserve(array->size());
    for (const json::value& element : *array) {
        const auto id = natural(element);
        if (!id || *id > static_cast<std::uint64_t>(std::numeric_limits<token_id>::max()))
            return &element;
        to.push_back(static_cast<token_id>(*id));
    }
    return nullptr;
}

const json::value* take_text(text_or_ids& to, const json::value& from)
{
    if (!from.is_string())
        return take_ids(to.emplace<std::vector<token_id>>(), from);
    to.emplace<std::string>(from.get_string());
    return nullptr;
}

std::string element_name(std::string_view name, std::size_t index) { return std::string(name) + '[' + std::to_string(index) + ']'; }

std::string listed(const std::vector<std::string_view>& names)
{
    std::string text;
    for (std::string_view name : names)
        text += (text.empty() ? "" : ", ") + std::string(name);
    return text;
}

/// The first few names, for a message.
std::string some_of(const named_models& named)
{
    constexpr std::size_t few = 10;
    std::string text;
    std::size_t count = 0;
    for (const auto& [name, spec] : named)
        if (count++ < few)
            text += (text.empty() ? "" : ", ") + shortened(name);
    if (named.size() > few)
        text += " and " + std::to_string(named.size() - few) + " more";
    return text.empty() ? "none" : text;
}

} // namespace

bool params::flag(std::string_view name, bool otherwise)
{
    const json::value* value = find(name);
    if (!value)
        return otherwise;
    if (!value->is_bool())
        wrong(std::string(name), "true or false", *value);
    return value->is_bool() ? value->get_bool() : otherwise;
}

std::string params::string(std::string_view name)
{
    const json::value* value = need(name, "a string");
    if (value && !value->is_string())
        wrong(std::string(name), "a string", *value);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::vector<std::string> params::strings(std::string_view name)
{
    std::vector<std::string> all;
    const json::value* value = find(name);
    if (!value)
        return all;
    const json::array* array = value->if_array();
    if (!array)
        wrong(std::string(name), "an array of strings", *value);
    for (std::size_t i = 0; array && i != array->size(); ++i) {
        const json::string* text = (*array)[i].if_string();
        if (text && !text->empty())
            all.emplace_back(*text);
        else
            wrong(element_name(name, i), "a non-empty string", (*array)[i]);
    }
    return all;
}

std::vector<token_id> params::ids(std::string_view name)
{
    std::vector<token_id> all;
    if (const json::value* value = need(name, ids_wanted))
        if (const json::value* culprit = take_ids(all, *value))
            wrong(std::string(name), ids_wanted, *culprit);
    return all;
}

text_or_ids params::text(std::string_view name)
{
    text_or_ids text;
    if (const json::value* value = need(name, text_wanted))
        if (const json::value* culprit = take_text(text, *value))
            wrong(std::string(name), text_wanted, *culprit);
    return text;
}

std::vector<text_or_ids> params::texts(std::string_view name)
{
    std::vector<text_or_ids> all;
    const json::value* value = need(name, "an array of texts");
    if (!value)
        return all;
    const json::array* array = value->if_array();
    if (!array)
        wrong(std::string(name), "an array of texts", *value);
    for (std::size_t i = 0; array && i != array->size(); ++i)
        if (const json::value* culprit = take_text(all.emplace_back(), (*array)[i]))
            wrong(element_name(name, i), text_wanted, *culprit);
    return all;
}

std::vector<logprob::item> params::items(std::string_view name)
{
    constexpr std::string_view item_wanted = R"(an object with exactly "prompt" and "completion")";
    std::vector<logprob::item> all;
    const json::value* value = need(name, "an array of {prompt, completion}");
    if (!value)
        return all;
    const json::array* array = value->if_array();
    if (!array)
        wrong(std::string(name), "an array of {prompt, completion}", *value);
    for (std::size_t i = 0; array && i != array->size(); ++i) {
        const json::object* pair = (*array)[i].if_object();
        const json::value* prompt = pair ? pair->if_contains("prompt") : nullptr;
        const json::value* completion = pair ? pair->if_contains("completion") : nullptr;
        if (!prompt || !completion || pair->size() != 2) {
            wrong(element_name(name, i), item_wanted, (*array)[i]);
            continue;
        }
        logprob::item& item = all.emplace_back();
        if (const json::value* culprit = take_text(item.prompt, *prompt))
            wrong(element_name(name, i) + ".prompt", text_wanted, *culprit);
        if (const json::value* culprit = take_text(item.completion, *completion))
            wrong(element_name(name, i) + ".completion", text_wanted, *culprit);
    }
    return all;
}

std::uint64_t params::count(std::string_view name, std::optional<std::uint64_t> otherwise, std::uint64_t least, std::uint64_t most)
{
    const std::string wanted = "an integer from " + std::to_string(least) + " to " + std::to_string(most);
    const json::value* value = otherwise ? find(name) : need(name, wanted);
    if (!value)
        return otherwise.value_or(least);
    const auto number = natural(*value);
    if (number && *number >= least && *number <= most)
        return *number;
    wrong(std::string(name), wanted, *value);
    return least;
}

double params::number(std::string_view name, double otherwise, std::string_view wanted, bool (*allowed)(double))
{
    const json::value* value = find(name);
    if (!value)
        return otherwise;
    const auto number = finite(*value);
    if (number && allowed(*number))
        return *number;
    wrong(std::string(name), wanted, *value);
    return otherwise;
}

std::optional<std::chrono::nanoseconds> params::seconds(std::string_view name, bool zero_too)
{
    constexpr double longest = 1e9; // 31 years: as good as for ever, and far from overflowing a count of nanoseconds
    const json::value* value = find(name);
    if (!value)
        return {};
    const auto number = finite(*value);
    if (number && (zero_too ? *number >= 0 : *number > 0))
        return std::chrono::nanoseconds(static_cast<std::int64_t>(std::ceil(std::min(*number, longest) * 1e9)));
    wrong(std::string(name), zero_too ? "a number of seconds, at least 0" : "a number of seconds above 0", *value);
    return {};
}

std::size_t params::choice(std::string_view name, std::initializer_list<std::string_view> words)
{
    const json::value* value = find(name);
    if (!value)
        return 0;
    const auto found = value->is_string() ? std::find(words.begin(), words.end(), std::string_view(value->get_string())) : words.end();
    if (found != words.end())
        return static_cast<std::size_t>(found - words.begin());
    std::string wanted;
    for (std::string_view word : words)
        wanted += (wanted.empty() ? "\"" : " or \"") + std::string(word) + '"';
    wrong(std::string(name), wanted, *value);
    return 0;
}

view params::through(std::string_view name, view::mode otherwise)
{
    view through{otherwise};
    const json::value* value = find(name);
    if (!value)
        return through;
    if (const json::object* form = value->if_object(); form && form->size() == 1)
        take(through, std::string(name), *form);
    else if (*value == "base")
        through.what = view::mode::base;
    else if (*value == "ft")
        through.what = view::mode::ft;
    else
        wrong(std::string(name), view_wanted, *value);
    return through;
}

void params::take(view& to, const std::string& name, const json::object& from)
{
    const json::key_value_pair& form = *from.begin();
    const auto number = finite(form.value());
    const json::object* draw = form.value().if_object();
    if (form.key() == "scaled" && number) {
        to.what = view::mode::scaled;
        to.scale = *number;
        return;
    }
    if (form.key() != "null" || !draw)
        return wrong(name, view_wanted, json::value(from));
    to.what = view::mode::null;
    for (const auto& [key, value] : *draw) {
        const auto integer = natural(value);
        const auto real = finite(value);
        const std::string member = name + ".null." + shortened(key);
        if (key == "seed")
            integer ? void(to.seed = *integer) : wrong(member, "an integer, at least 0", value);
        else if (key == "init_scale")
            real && *real >= 0 ? void(to.init_scale = *real) : wrong(member, "a finite number, at least 0", value);
        else if (key == "rank_scale")
            real && *real > 0 ? void(to.rank_scale = *real) : wrong(member, "a finite number above 0", value);
        else
            wrong(name, view_wanted, json::value(from));
    }
}

model_spec params::model(std::string_view name, const named_models& named)
{
    const json::value* value = need(name, "a ModelSpec object, or the name of a configured model");
    if (!value)
        return {};
    if (const json::string* alias = value->if_string()) {
        const auto found = named.find(std::string_view(*alias));
        if (found != named.end())
            return found->second;
        if (!fault_)
            fault_ = failure{errc::not_found, "no model is named '" + shortened(*alias) + "'; the daemon's configuration names " + some_of(named) +
                                                  "; else give a ModelSpec object, {\"base\": …}"};
        return {};
    }
    auto spec = read_model_spec(*value);
    if (!spec && !fault_)
        fault_ = spec.error();
    return spec ? std::move(*spec) : model_spec{};
}

void params::refuse(std::string detail)
{
    if (!fault_)
        fault_ = failure{errc::invalid_params, std::move(detail)};
}

std::optional<failure> params::fault() const
{
    for (const json::key_value_pair& given : given_)
        if (std::find(taken_.begin(), taken_.end(), std::string_view(given.key())) == taken_.end())
            return failure{errc::invalid_params, "unknown parameter '" + shortened(given.key()) + "'; " + std::string(method_) + " takes " +
                                                     (taken_.empty() ? "none" : listed(taken_))};
    return fault_;
}

const json::value* params::find(std::string_view name)
{
    if (std::find(taken_.begin(), taken_.end(), name) == taken_.end())
        taken_.push_back(name);
    return given_.if_contains(name);
}

const json::value* params::need(std::string_view name, std::string_view wanted)
{
    const json::value* value = find(name);
    if (!value)
        refuse(std::string(name) + " is missing: " + std::string(wanted));
    return value;
}

void params::wrong(std::string name, std::string_view wanted, const json::value& found)
{
    if (!fault_)
        refuse(std::move(name) + " must be " + std::string(wanted) + ", found " + excerpt(found));
}

} // namespace warmd

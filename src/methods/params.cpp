#include "methods/params.hpp"

#include <algorithm>
#include <cmath>
#include <span>

namespace warmd {

namespace {

constexpr std::string_view text_wanted =
    "a string or an array of token ids (integers from 0 to 2147483647)";
constexpr std::string_view ids_wanted = "an array of token ids (integers from 0 to 2147483647)";
constexpr std::string_view view_wanted =
    R"("base", "ft", {"scaled": number} or {"null": {"seed", "init_scale", "rank_scale"}})";

/// A number that is written as an integer and not negative: 1.0 is none.
std::optional<std::uint64_t> natural(const json_node& value)
{
    if (value.what() == json_node::kind::uint64)
        return value.uint64();
    return value.what() == json_node::kind::int64 && value.int64() >= 0
               ? std::optional(value.uint64())
               : std::nullopt;
}

std::optional<double> finite(const json_node& value)
{
    if (!value.is_number())
        return {};
    const double number = value.number();
    return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

/// Null if `from` is an array of token ids, now in `to`; else the value that is wrong.
const json_node* take_ids(std::vector<token_id>& to, const json_node& from)
{
    if (!from.is_array())
        return &from;
    to.reserve(from.size());
    for (const json_node* element = from.begin(); element != from.end();
         element = element->next()) {
        const auto id = natural(*element);
        if (!id || *id > static_cast<std::uint64_t>(std::numeric_limits<token_id>::max()))
            return element;
        to.push_back(static_cast<token_id>(*id));
    }
    return nullptr;
}

const json_node* take_text(text_or_ids& to, const json_node& from)
{
    if (!from.is_string())
        return take_ids(to.emplace<std::vector<token_id>>(), from);
    to.emplace<std::string>(from.string());
    return nullptr;
}

/// An object with members besides these.
bool has_others(const json_node& object, std::initializer_list<std::string_view> names)
{
    for (const json_node* key = object.begin(); key != object.end(); key = (key + 1)->next())
        if (std::find(names.begin(), names.end(), key->string()) == names.end())
            return true;
    return false;
}

std::string element_name(std::string_view name, std::size_t index)
{
    return std::string(name) + '[' + std::to_string(index) + ']';
}

std::string listed(std::span<const std::string_view> names)
{
    std::string text;
    for (auto name = names.begin(); name != names.end(); ++name)
        if (std::find(names.begin(), name, *name) == name) // asked for more than once, listed once
            text += (text.empty() ? "" : ", ") + std::string(*name);
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
    const json_node* value = find(name);
    if (!value)
        return otherwise;
    if (!value->is_bool())
        wrong(std::string(name), "true or false", *value);
    return value->is_bool() ? value->boolean() : otherwise;
}

std::string params::string(std::string_view name)
{
    const json_node* value = need(name, "a string");
    if (value && !value->is_string())
        wrong(std::string(name), "a string", *value);
    return value && value->is_string() ? std::string(value->string()) : std::string();
}

std::vector<std::string> params::strings(std::string_view name)
{
    std::vector<std::string> all;
    const json_node* value = find(name);
    if (!value)
        return all;
    if (!value->is_array()) {
        wrong(std::string(name), "an array of strings", *value);
        return all;
    }
    for (const json_node* each = value->begin(); each != value->end(); each = each->next()) {
        if (!each->is_string() || each->size() == 0)
            wrong(element_name(name, all.size()), "a non-empty string", *each);
        else
            all.emplace_back(each->string());
    }
    return all;
}

std::vector<token_id> params::ids(std::string_view name)
{
    std::vector<token_id> all;
    if (const json_node* value = need(name, ids_wanted))
        if (const json_node* culprit = take_ids(all, *value))
            wrong(std::string(name), ids_wanted, *culprit);
    return all;
}

text_or_ids params::text(std::string_view name)
{
    text_or_ids text;
    if (const json_node* value = need(name, text_wanted))
        if (const json_node* culprit = take_text(text, *value))
            wrong(std::string(name), text_wanted, *culprit);
    return text;
}

std::vector<text_or_ids> params::texts(std::string_view name)
{
    std::vector<text_or_ids> all;
    const json_node* value = need(name, "an array of texts");
    if (!value)
        return all;
    if (!value->is_array()) {
        wrong(std::string(name), "an array of texts", *value);
        return all;
    }
    all.reserve(value->size());
    for (const json_node* each = value->begin(); each != value->end(); each = each->next())
        if (const json_node* culprit = take_text(all.emplace_back(), *each))
            wrong(element_name(name, all.size() - 1), text_wanted, *culprit);
    return all;
}

std::vector<logprob::item> params::items(std::string_view name)
{
    constexpr std::string_view item_wanted = R"(an object with exactly "prompt" and "completion")";
    std::vector<logprob::item> all;
    const json_node* value = need(name, "an array of {prompt, completion}");
    if (!value)
        return all;
    if (!value->is_array()) {
        wrong(std::string(name), "an array of {prompt, completion}", *value);
        return all;
    }
    all.reserve(value->size());
    std::size_t i = 0;
    for (const json_node* each = value->begin(); each != value->end(); each = each->next(), ++i) {
        const json_node* prompt = each->is_object() ? each->find("prompt") : nullptr;
        const json_node* completion = each->is_object() ? each->find("completion") : nullptr;
        if (!prompt || !completion || has_others(*each, {"prompt", "completion"})) {
            wrong(element_name(name, i), item_wanted, *each);
            continue;
        }
        logprob::item& item = all.emplace_back();
        if (const json_node* culprit = take_text(item.prompt, *prompt))
            wrong(element_name(name, i) + ".prompt", text_wanted, *culprit);
        if (const json_node* culprit = take_text(item.completion, *completion))
            wrong(element_name(name, i) + ".completion", text_wanted, *culprit);
    }
    return all;
}

std::uint64_t params::count(std::string_view name, std::optional<std::uint64_t> otherwise,
                            std::uint64_t least, std::uint64_t most)
{
    const std::string wanted =
        "an integer from " + std::to_string(least) + " to " + std::to_string(most);
    const json_node* value = otherwise ? find(name) : need(name, wanted);
    if (!value)
        return otherwise.value_or(least);
    const auto number = natural(*value);
    if (number && *number >= least && *number <= most)
        return *number;
    wrong(std::string(name), wanted, *value);
    return least;
}

double params::number(std::string_view name, double otherwise, std::string_view wanted,
                      bool (*allowed)(double))
{
    const json_node* value = find(name);
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
    constexpr double longest =
        1e9; // 31 years: as good as for ever, and far from overflowing a count of nanoseconds
    const json_node* value = find(name);
    if (!value)
        return {};
    const auto number = finite(*value);
    if (number && (zero_too ? *number >= 0 : *number > 0))
        return std::chrono::nanoseconds(
            static_cast<std::int64_t>(std::ceil(std::min(*number, longest) * 1e9)));
    wrong(std::string(name),
          zero_too ? "a number of seconds, at least 0" : "a number of seconds above 0", *value);
    return {};
}

std::size_t params::choice(std::string_view name, std::initializer_list<std::string_view> words)
{
    const json_node* value = find(name);
    if (!value)
        return 0;
    const auto found =
        value->is_string() ? std::find(words.begin(), words.end(), value->string()) : words.end();
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
    const json_node* value = find(name);
    if (!value)
        return through;
    const std::string_view word = value->is_string() ? value->string() : std::string_view();
    if (value->is_object() && value->size() != 0 && !has_others(*value, {value->begin()->string()}))
        take(through, std::string(name), *value);
    else if (word == "base")
        through.what = view::mode::base;
    else if (word == "ft")
        through.what = view::mode::ft;
    else
        wrong(std::string(name), view_wanted, *value);
    return through;
}

void params::take(view& to, const std::string& name, const json_node& from)
{
    const std::string_view form = from.begin()->string();
    const json_node& draw = *from.find(form);
    const auto number = finite(draw);
    if (form == "scaled" && number) {
        to.what = view::mode::scaled;
        to.scale = *number;
        return;
    }
    if (form != "null" || !draw.is_object())
        return wrong(name, view_wanted, from);
    to.what = view::mode::null;
    for (const json_node* name_of = draw.begin(); name_of != draw.end();
         name_of = (name_of + 1)->next()) {
        const std::string_view key = name_of->string();
        const json_node& value = name_of[1];
        const auto integer = natural(value);
        const auto real = finite(value);
        const std::string member = name + ".null." + shortened(key);
        if (key == "seed")
            integer ? void(to.seed = *integer) : wrong(member, "an integer, at least 0", value);
        else if (key == "init_scale")
            real&&* real >= 0 ? void(to.init_scale = *real)
                              : wrong(member, "a finite number, at least 0", value);
        else if (key == "rank_scale")
            real&&* real > 0 ? void(to.rank_scale = *real)
                             : wrong(member, "a finite number above 0", value);
        else
            wrong(name, view_wanted, from);
    }
}

model_spec params::model(std::string_view name, const named_models& named)
{
    model_spec spec;
    model(name, named, spec);
    return spec;
}

void params::model(std::string_view name, const named_models& named, model_spec& into)
{
    const json_node* value = need(name, "a ModelSpec object, or the name of a configured model");
    if (!value)
        return;
    if (!value->is_string()) {
        if (auto why = read_model_spec(*value, into); why && !fault_)
            fault_ = std::move(why);
        return;
    }
    const std::string_view alias = value->string();
    const auto found = named.find(alias);
    if (found != named.end())
        into = found->second;
    else if (!fault_)
        fault_ =
            failure{errc::not_found, "no model is named '" + shortened(alias) +
                                         "'; the daemon's configuration names " + some_of(named) +
                                         "; else give a ModelSpec object, {\"base\": …}"};
}

void params::refuse(std::string detail)
{
    if (!fault_)
        fault_ = failure{errc::invalid_params, std::move(detail)};
}

std::optional<failure> params::fault() const
{
    for (const json_node* given = given_->begin(); given != given_->end();
         given = (given + 1)->next())
        if (std::find(taken_.begin(), taken_.end(), given->string()) == taken_.end())
            return failure{errc::invalid_params, "unknown parameter '" +
                                                     shortened(given->string()) + "'; " +
                                                     std::string(method_) + " takes " +
                                                     (taken_.empty() ? "none" : listed(taken_))};
    return fault_;
}

const json_node* params::find(std::string_view name)
{
    taken_.push_back(name);
    return given_->find(name);
}

const json_node* params::need(std::string_view name, std::string_view wanted)
{
    const json_node* value = find(name);
    if (!value)
        refuse(std::string(name) + " is missing: " + std::string(wanted));
    return value;
}

void params::wrong(std::string name, std::string_view wanted, const json_node& found)
{
    if (!fault_)
        refuse(std::move(name) + " must be " + std::string(wanted) + ", found " +
               excerpt(found.value()));
}

} // namespace warmd

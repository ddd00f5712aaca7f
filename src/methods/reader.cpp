#include "methods/reader.hpp"

#include "base/text.hpp"
#include "model/chat_prompt.hpp"

#include <boost/assert.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace warmd::schema {

namespace {

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

bool within(const field& of, double number)
{
    const auto* const bounds = std::get_if<numbers>(&of.within);
    return !bounds || ((bounds->least_itself ? number >= bounds->least : number > bounds->least) &&
                       number <= bounds->most);
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

std::string_view name_of(std::string_view member) { return member; }
std::string_view name_of(const field& member) { return member.name; }

/// An object with members besides these.
template <class Members = std::initializer_list<std::string_view>>
bool has_others(const json_node& object, const Members& than)
{
    for (const json_node* key = object.begin(); key != object.end(); key = (key + 1)->next())
        if (std::none_of(than.begin(), than.end(),
                         [&](const auto& each) { return name_of(each) == key->string(); }))
            return true;
    return false;
}

std::string wanted_type(const contract& in, std::string_view name)
{
    const type* const found = in.find_type(name);
    return found ? std::string(found->wanted) : std::string(name);
}

void take_chat(reading& by, std::string_view name, const json_node& from, text_or_ids& to)
{
    if (has_others(from, by.by().find_type("Conversation")->members))
        return by.wrong(name, wanted_type(by.by(), "Conversation"), from);
    auto read = read_chat_prompt(from, name);
    if (read)
        to = std::make_shared<const chat_prompt>(std::move(*read));
    else
        by.refuse(read.error());
}

void take_text(reading& by, std::string_view name, const json_node& from, text_or_ids& to)
{
    if (from.is_string()) {
        to.emplace<std::string>(from.string());
        return;
    }
    if (from.is_object() && from.find("messages"))
        return take_chat(by, name, from, to);
    if (const json_node* culprit = take_ids(to.emplace<std::vector<token_id>>(), from))
        by.wrong(name, wanted_type(by.by(), "Text"), *culprit);
}

std::string element_name(std::string_view name, std::size_t index)
{
    return std::string(name) + '[' + std::to_string(index) + ']';
}

/// What an element of an array is.
std::string wanted_element(const contract& in, const field& of)
{
    field element = of;
    element.type = parse_type(of.type).element;
    return wanted(in, element);
}

/// Gives each element of an array to `take_one`. False: it is none, or too short.
template <class TakeOne>
bool take_all(reading& by, const field& of, const json_node& from, TakeOne take_one)
{
    if (!from.is_array()) {
        by.wrong(of.name, wanted(by.by(), of), from);
        return false;
    }
    const auto* const count = std::get_if<elements>(&of.within);
    if (count && from.size() < count->least) {
        by.refuse({errc::invalid_params, std::string(of.name) +
                                             (from.size() == 0 ? " is empty" : " is too short") +
                                             ": it must have " + bounds(of)});
        return false;
    }
    std::size_t i = 0;
    for (const json_node* each = from.begin(); each != from.end(); each = each->next())
        take_one(i++, *each);
    return true;
}

/// The members of an object of the type `of`, defaults included, into `to`. `path`: what it is
/// called. False: it has a member that the type has not.
bool take_members(reading& by, std::string_view path, const type& of, const json_node& given,
                  void* to)
{
    if (has_others(given, of.members))
        return false;
    json_document document; // of defaults
    for (field each : of.members) {
        const std::string called = std::string(path) + '.' + std::string(each.name);
        const json_node* value = given.find(each.name);
        if (!value && !each.otherwise.empty())
            value = document.read(each.otherwise).value();
        each.name = called;
        if (value)
            each.into.read(by, each, *value, to);
    }
    return true;
}

} // namespace

void reading::wrong(std::string_view name, std::string_view wanted, const json_node& found)
{
    if (!fault_)
        refuse({errc::invalid_params, std::string(name) + " must be " + std::string(wanted) +
                                          ", found " + excerpt(found.value())});
}

// The values ------------------------------------------------------------

void take(reading& by, const field& of, const json_node& from, bool& to)
{
    if (from.is_bool())
        to = from.boolean();
    else
        by.wrong(of.name, wanted(by.by(), of), from);
}

void take(reading& by, const field& of, const json_node& from, std::uint64_t& to)
{
    const auto number = natural(from);
    const auto* const bounds = std::get_if<integers>(&of.within);
    if (number && (!bounds || (*number >= bounds->least && *number <= bounds->most)))
        to = *number;
    else
        by.wrong(of.name, wanted(by.by(), of), from);
}

void take(reading& by, const field& of, const json_node& from, double& to)
{
    const auto number = finite(from);
    if (number && within(of, *number))
        to = *number;
    else
        by.wrong(of.name, wanted(by.by(), of), from);
}

void take(reading& by, const field& of, const json_node& from, std::chrono::nanoseconds& to)
{
    constexpr double longest =
        1e9; // 31 years: as good as for ever, and far from overflowing a count of nanoseconds
    double seconds = 0;
    take(by, of, from, seconds);
    to = std::chrono::nanoseconds(
        static_cast<std::int64_t>(std::ceil(std::min(seconds, longest) * 1e9)));
}

void take(reading& by, const field& of, const json_node& from, std::string& to)
{
    if (from.is_string())
        to = from.string();
    else
        by.wrong(of.name, wanted(by.by(), of), from);
}

std::optional<std::size_t> take_word(reading& by, const field& of, const json_node& found)
{
    const type* const named = by.by().find_type(parse_type(of.type).element);
    BOOST_ASSERT(named && !named->words.empty());
    const auto which = found.is_string()
                           ? std::find(named->words.begin(), named->words.end(), found.string())
                           : named->words.end();
    if (which != named->words.end())
        return static_cast<std::size_t>(which - named->words.begin());
    by.wrong(of.name, wanted_element(by.by(), of), found);
    return {};
}

void take(reading& by, const field& of, const json_node& from, std::vector<std::string>& to)
{
    const auto take_one = [&](std::string_view name, const json_node& each) {
        if (each.is_string() && each.size() != 0)
            to.emplace_back(each.string());
        else
            by.wrong(name, "a non-empty string", each);
    };
    to.clear();
    if (from.is_string())
        return take_one(of.name, from);
    take_all(by, of, from, [&](std::size_t i, const json_node& each) {
        take_one(element_name(of.name, i), each);
    });
}

void take(reading& by, const field& of, const json_node& from, std::vector<token_id>& to)
{
    to.clear();
    if (const json_node* culprit = take_ids(to, from))
        by.wrong(of.name, wanted(by.by(), of), *culprit);
}

void take(reading& by, const field& of, const json_node& from, text_or_ids& to)
{
    take_text(by, of.name, from, to);
}

void take(reading& by, const field& of, const json_node& from, std::vector<text_or_ids>& to)
{
    to.clear();
    if (of.type == "Prompts" && from.size() != 0 &&
        (from.is_string() || (from.is_array() && from.begin()->is_number())))
        return take_text(by, of.name, from, to.emplace_back());
    if (of.type == "Prompts" && from.size() == 0)
        return by.wrong(of.name, wanted(by.by(), of), from);
    to.reserve(from.is_array() ? from.size() : 0);
    take_all(by, of, from, [&](std::size_t i, const json_node& each) {
        take_text(by, element_name(of.name, i), each, to.emplace_back());
    });
}

void take(reading& by, const field& of, const json_node& from, std::vector<logprob::item>& to)
{
    to.clear();
    to.reserve(from.is_array() ? from.size() : 0);
    take_all(by, of, from, [&](std::size_t i, const json_node& each) {
        const json_node* prompt = each.is_object() ? each.find("prompt") : nullptr;
        const json_node* completion = each.is_object() ? each.find("completion") : nullptr;
        if (!prompt || !completion || has_others(each, {"prompt", "completion"}))
            return by.wrong(element_name(of.name, i), wanted_element(by.by(), of), each);
        logprob::item& item = to.emplace_back();
        take_text(by, element_name(of.name, i) + ".prompt", *prompt, item.prompt);
        take_text(by, element_name(of.name, i) + ".completion", *completion, item.completion);
    });
}

void take(reading& by, const field& of, const json_node& from, view& to)
{
    to = {};
    const std::string_view word = from.is_string() ? from.string() : std::string_view();
    const json_node* const scaled = from.is_object() ? from.find("scaled") : nullptr;
    const json_node* const draw = from.is_object() ? from.find("null") : nullptr;
    const std::string path = std::string(of.name) + ".null";
    if (word == "base" || word == "ft") {
        to.what = word == "base" ? view::mode::base : view::mode::ft;
    } else if (scaled && finite(*scaled) && !has_others(from, {"scaled"})) {
        to.what = view::mode::scaled;
        to.scale = *finite(*scaled);
    } else if (draw && draw->is_object() && !has_others(from, {"null"}) &&
               take_members(by, path, *by.by().find_type("NullDraw"), *draw, &to)) {
        to.what = view::mode::null;
        for (const std::string_view size : {"init_scale", "rank_scale"})
            if (to.match && draw->find(size))
                by.refuse({errc::invalid_params, path + '.' + std::string(size) +
                                                     " is given, and " + path +
                                                     ".match takes its place: leave out either"});
    } else {
        by.wrong(of.name, wanted(by.by(), of), from);
    }
}

void take_view_of_model(reading& by, const field& of, const json_node& from, view& to)
{
    if (!by.through)
        return take(by, of, from, to);
    to = *by.through;
    if (by.is_given(of.name))
        by.refuse({errc::invalid_params,
                   std::string(of.name) +
                       " is given, and model's name ends in a view: leave out either"});
}

void take(reading& by, const field&, const json_node& from, model_spec& to)
{
    if (!from.is_string()) {
        if (auto why = read_model_spec(from, to))
            by.refuse(std::move(*why));
        return;
    }
    auto named = find_model(from.string(), by.names());
    if (!named)
        return by.refuse(named.error());
    to = std::move(named->spec);
    by.through = named->through;
}

void take(reading& by, const field& of, const json_node& from, event_filter& to)
{
    to.reset();
    const bool sound = take_all(by, of, from, [&](std::size_t i, const json_node& each) {
        field element = of;
        const std::string name = element_name(of.name, i);
        element.name = name;
        if (const auto which = take_word(by, element, each))
            to.set(*which);
    });
    if (sound && to.none())
        to.set();
}

} // namespace warmd::schema

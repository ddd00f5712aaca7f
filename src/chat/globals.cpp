#include "chat/globals.hpp"

#include "chat/arguments.hpp"
#include "chat/interpreter.hpp"
#include "chat/iteration.hpp"
#include "chat/printing.hpp"

#include <locale.h>

#include <algorithm>
#include <iterator>

namespace warmd::chat {

value make_dict_of(interpreter& by, arguments& given, std::string_view function)
{
    auto& in = by.space();
    if (given.positional.size() > 1)
        type_error(std::string(function) + " expected at most 1 argument, got " +
                   std::to_string(given.positional.size()));
    const value made = make_dict(in);
    dict& members = made.as<dict>();
    if (!given.positional.empty()) {
        const value& from = given.positional.front();
        if (from.is_dict()) {
            for (const auto& [key, held] : from.as<dict>().members)
                members.set(in, key, held);
        } else {
            cursor each(in, from);
            for (value next; each.next(next);) {
                values pair = all_of(in, next);
                if (pair.size() != 2)
                    type_error("dictionary update sequence element has length " +
                               std::to_string(pair.size()) + "; 2 is required");
                members.set(in, pair[0], pair[1]);
            }
        }
    }
    for (const auto& [key, held] : given.named)
        members.set(in, key, held);
    return made;
}

namespace {

value make_range_of(interpreter& by, arguments& given)
{
    const auto [first, second, step] = bound_by_place<3>(given, "range", 1);
    const std::int64_t start = second.is_missing() ? 0 : as_integer(first);
    const std::int64_t stop = as_integer(second.is_missing() ? first : second);
    return make_range(by.space(), start, stop, as_integer_or(step, 1));
}

value dict_of(interpreter& by, arguments& given) { return make_dict_of(by, given, "dict"); }

value name_space_of(interpreter& by, arguments& given)
{
    value members = make_dict_of(by, given, "namespace");
    for (const auto& member : members.as<dict>().members)
        if (!member.first.is_text())
            type_error("the attributes of a namespace have names");
    return value::own(kind::name_space, by.space().make<name_space>(std::move(members)));
}

value cycler_of(interpreter& by, arguments& given)
{
    if (!given.named.empty() || given.positional.empty())
        type_error("cycler() takes at least one item, and no names");
    return value::own(kind::cycler, by.space().make<cycler>(std::move(given.positional)));
}

value joiner_of(interpreter& by, arguments& given)
{
    auto [separator] = bound<1>(given, "joiner", {"sep"});
    if (separator.is_missing())
        separator = make_text(by.space(), ", ");
    return value::own(kind::joiner, by.space().make<joiner>(separator));
}

value lipsum(interpreter&, arguments&)
{
    type_error("lipsum() is not supported: it is a random text");
}

value raise_exception(interpreter& by, arguments& given)
{
    const auto [message] = bound<1>(given, "raise_exception", {"message"}, 1);
    text_buffer text = by.space().buffer();
    print(by.space(), text, message);
    fail(template_fault::raised, std::string(text));
}

/// One directive of strftime, from % on; at most a few hundred bytes.
std::string directive(const std::tm& now, const std::string& of)
{
    static const locale_t plain = ::newlocale(LC_ALL_MASK, "C", nullptr);
    char text[256];
    const std::size_t size = ::strftime_l(text, sizeof text, of.c_str(), &now, plain);
    return {text, size};
}

value strftime_now(interpreter& by, arguments& given)
{
    const auto [pattern] = bound<1>(given, "strftime_now", {"format"}, 1);
    const std::string_view format = as_text(pattern, "strftime() argument 1");
    constexpr std::string_view flags = "-_0^#";
    constexpr std::string_view known = "aAbBcCdDeFgGhHIjklmMnprRStTuUVwWxXyY%";
    auto& in = by.space();
    text_buffer text = in.buffer();
    for (std::size_t at = 0; at < format.size(); ++at) {
        if (format[at] != '%' || at + 1 == format.size()) {
            text += format[at];
            continue;
        }
        std::string one(1, format[at++]);
        if (flags.find(format[at]) != std::string_view::npos && at + 1 < format.size())
            one += format[at++];
        one += format[at];
        if (one == "%z" || one == "%Z") // the time knows no zone
            continue;
        if (known.find(format[at]) == std::string_view::npos)
            type_error("strftime_now() does not support '" + one + "'");
        append(in, text, directive(by.now(), one));
    }
    return make_text(in, std::move(text));
}

constexpr builtin globals[] = {
    {"cycler", cycler_of, true},        {"dict", dict_of, true},
    {"joiner", joiner_of, true},        {"lipsum", lipsum, false},
    {"namespace", name_space_of, true}, {"raise_exception", raise_exception, false},
    {"range", make_range_of, false},    {"strftime_now", strftime_now, false},
};

} // namespace

const builtin* find_global(std::string_view name)
{
    const auto* at = std::find_if(std::begin(globals), std::end(globals),
                                  [&](const builtin& each) { return each.name == name; });
    return at == std::end(globals) ? nullptr : at;
}

} // namespace warmd::chat

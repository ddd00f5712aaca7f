#include "chat/printing.hpp"

#include "chat/loops.hpp"
#include "chat/unicode.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace warmd::chat {

void append(workspace& in, text_buffer& to, std::string_view text)
{
    in.charge_bytes(text.size());
    if (text.size() > in.bounds().text - std::min(to.size(), in.bounds().text))
        in.check_text(to.size() + text.size());
    to += text;
}

std::string number_text(double number)
{
    if (std::isnan(number))
        return "nan";
    if (std::isinf(number))
        return number < 0 ? "-inf" : "inf";
    char digits[40];
    const auto end =
        std::to_chars(digits, digits + sizeof digits, number, std::chars_format::scientific).ptr;
    const std::string_view shortest(digits, static_cast<std::size_t>(end - digits));
    const std::size_t at = shortest.find('e');
    int exponent = 0;
    std::from_chars(shortest.data() + at + 1 + (shortest[at + 1] == '+'), end, exponent);
    if (exponent < -4 || exponent >= 16)
        return std::string(shortest); // to_chars writes two digits of exponent as Python does
    const auto plain =
        std::to_chars(digits, digits + sizeof digits, number, std::chars_format::fixed).ptr;
    std::string text(digits, plain);
    if (text.find('.') == std::string::npos)
        text += ".0";
    return text;
}

namespace {

void append_escape(text_buffer& to, char32_t code)
{
    char digits[16];
    const char* pattern = code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x";
    std::snprintf(digits, sizeof digits, pattern, static_cast<unsigned>(code));
    to += digits;
}

void represent_items(workspace& in, text_buffer& to, const values& items, std::size_t depth)
{
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (i != 0)
            append(in, to, ", ");
        represent(in, to, items[i], depth + 1);
    }
}

void represent_dict(workspace& in, text_buffer& to, const dict& of, std::size_t depth)
{
    to += '{';
    for (std::size_t i = 0; i < of.members.size(); ++i) {
        if (i != 0)
            append(in, to, ", ");
        represent(in, to, of.members[i].first, depth + 1);
        append(in, to, ": ");
        represent(in, to, of.members[i].second, depth + 1);
    }
    append(in, to, "}");
}

void represent_view(workspace& in, text_buffer& to, const view& of, std::size_t depth)
{
    append(in, to,
           of.part == view_of::each_key     ? "dict_keys(["
           : of.part == view_of::each_value ? "dict_values(["
                                            : "dict_items([");
    bool first = true;
    for (const auto& [key, held] : of.of.as<dict>().members) {
        if (!std::exchange(first, false))
            append(in, to, ", ");
        if (of.part == view_of::each_item)
            to += '(';
        if (of.part != view_of::each_value)
            represent(in, to, key, depth + 1);
        if (of.part == view_of::each_item)
            to += ", ";
        if (of.part != view_of::each_key)
            represent(in, to, held, depth + 1);
        if (of.part == view_of::each_item)
            to += ')';
    }
    append(in, to, "])");
}

void represent_range(workspace& in, text_buffer& to, const range& of)
{
    append(in, to,
           "range(" + std::to_string(of.start) + ", " + std::to_string(of.stop) +
               (of.step == 1 ? "" : ", " + std::to_string(of.step)) + ")");
}

} // namespace

void represent_text(workspace& in, text_buffer& to, std::string_view text)
{
    append(in, to, {});
    in.check_text(text.size());
    const bool single = text.find('\'') != std::string_view::npos;
    const char quote = single && text.find('"') == std::string_view::npos ? '"' : '\'';
    const std::size_t before = to.size();
    to += quote;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t start = at;
        const char32_t code = unicode::next(text, at);
        if (code == U'\n')
            to += "\\n";
        else if (code == U'\r')
            to += "\\r";
        else if (code == U'\t')
            to += "\\t";
        else if (code == U'\\' || code == static_cast<char32_t>(quote)) {
            to += '\\';
            to += static_cast<char>(code);
        } else if (unicode::is_printable(code))
            to += text.substr(start, at - start);
        else
            append_escape(to, code);
    }
    to += quote;
    in.charge_bytes(to.size() - before);
    in.check_text(to.size());
}

void represent(workspace& in, text_buffer& to, const value& of, std::size_t depth)
{
    in.charge();
    in.check_depth(depth);
    switch (of.type()) {
    case kind::undefined: append(in, to, "Undefined"); break;
    case kind::none: append(in, to, "None"); break;
    case kind::boolean: append(in, to, of.truth() ? "True" : "False"); break;
    case kind::integer: append(in, to, std::to_string(of.integer())); break;
    case kind::real: append(in, to, number_text(of.real())); break;
    case kind::text:
        if (of.is_markup())
            append(in, to, "Markup(");
        represent_text(in, to, of.view());
        if (of.is_markup())
            append(in, to, ")");
        break;
    case kind::list:
        append(in, to, "[");
        represent_items(in, to, of.items(), depth);
        append(in, to, "]");
        break;
    case kind::tuple:
        append(in, to, "(");
        represent_items(in, to, of.items(), depth);
        append(in, to, of.items().size() == 1 ? ",)" : ")");
        break;
    case kind::dict: represent_dict(in, to, of.as<dict>(), depth); break;
    case kind::range: represent_range(in, to, of.as<range>()); break;
    case kind::view: represent_view(in, to, of.as<view>(), depth); break;
    case kind::name_space:
        append(in, to, "<Namespace ");
        represent(in, to, of.as<name_space>().members, depth + 1);
        append(in, to, ">");
        break;
    case kind::macro:
        append(in, to, "<Macro ");
        represent_text(in, to, name_of_macro(of));
        append(in, to, ">");
        break;
    case kind::loop: append(in, to, text_of_loop(in, of)); break;
    default:
        type_error("a " + std::string(type_name(of)) +
                   " cannot be printed: Python prints where in memory it is");
    }
}

void print(workspace& in, text_buffer& to, const value& of)
{
    if (of.is_text())
        append(in, to, of.view());
    else if (!of.is_undefined())
        represent(in, to, of);
}

value printed(workspace& in, const value& of)
{
    if (of.is_text())
        return of;
    text_buffer text = in.buffer();
    print(in, text, of);
    return make_text(in, std::move(text));
}

value from_json(workspace& in, const boost::json::object& of, std::size_t depth)
{
    value made = make_dict(in);
    dict& members = made.as<dict>();
    for (const auto& member : of)
        members.set(in, borrow_text(in, member.key()), from_json(in, member.value(), depth + 1));
    return made;
}

value from_json(workspace& in, const boost::json::value& of, std::size_t depth)
{
    in.charge();
    in.check_depth(depth);
    switch (of.kind()) {
    case boost::json::kind::null: return value::none();
    case boost::json::kind::bool_: return value::of(of.get_bool());
    case boost::json::kind::int64: return value::of(of.get_int64());
    case boost::json::kind::uint64:
        if (of.get_uint64() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            fail(template_fault::bound, "the integer " + std::to_string(of.get_uint64()) +
                                            " is past 64 bits, which is not supported");
        return value::of(static_cast<std::int64_t>(of.get_uint64()));
    case boost::json::kind::double_: return value::of(of.get_double());
    case boost::json::kind::string:
        return borrow_text(in, {of.get_string().data(), of.get_string().size()});
    case boost::json::kind::array: {
        values items(in.memory());
        items.reserve(of.get_array().size());
        for (const auto& each : of.get_array())
            items.push_back(from_json(in, each, depth + 1));
        return make_list(in, std::move(items));
    }
    case boost::json::kind::object: return from_json(in, of.get_object(), depth);
    }
    return value::none();
}

} // namespace warmd::chat

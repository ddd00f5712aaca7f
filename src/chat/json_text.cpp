#include "chat/comparison.hpp"
#include "chat/printing.hpp"
#include "chat/unicode.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace warmd::chat {

namespace {

class json_printer {
public:
    json_printer(workspace& in, text_buffer& to, const json_style& style)
        : in_(in), to_(to), style_(style)
    {
    }

    void print(const value& of, std::size_t depth)
    {
        in_.charge();
        in_.check_depth(depth);
        switch (of.type()) {
        case kind::none: put("null"); break;
        case kind::boolean: put(of.truth() ? "true" : "false"); break;
        case kind::integer: put(std::to_string(of.integer())); break;
        case kind::real: put(real_text(of.real())); break;
        case kind::text: print_text(of.view()); break;
        case kind::list:
        case kind::tuple: print_list(of.items(), depth); break;
        case kind::dict: print_dict(of.as<dict>(), depth); break;
        default:
            type_error("Object of type " + std::string(type_name(of)) +
                       " is not JSON serializable");
        }
    }

private:
    void put(std::string_view text) { append(in_, to_, text); }

    static std::string real_text(double number)
    {
        if (std::isnan(number))
            return "NaN";
        if (std::isinf(number))
            return number < 0 ? "-Infinity" : "Infinity";
        return number_text(number);
    }

    void print_text(std::string_view text)
    {
        in_.check_text(text.size());
        to_ += '"';
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t start = at;
            const char32_t code = unicode::next(text, at);
            constexpr std::u32string_view special = U"\"\\\n\r\t\f\b";
            constexpr std::string_view letters = "\"\\nrtfb";
            if (const std::size_t known = special.find(code); known != std::u32string_view::npos) {
                to_ += '\\';
                to_ += letters[known];
            } else if (code < 0x20 || (style_.ascii && code >= 0x7F)) {
                print_escape(code);
            } else {
                to_ += text.substr(start, at - start);
            }
        }
        to_ += '"';
        in_.check_text(to_.size());
    }

    void print_escape(char32_t code)
    {
        char digits[16];
        if (code >= 0x10000) { // a surrogate pair
            code -= 0x10000;
            std::snprintf(digits, sizeof digits, "\\u%04x\\u%04x",
                          static_cast<unsigned>(0xD800 + (code >> 10)),
                          static_cast<unsigned>(0xDC00 + (code & 0x3FF)));
        } else {
            std::snprintf(digits, sizeof digits, "\\u%04x", static_cast<unsigned>(code));
        }
        to_ += digits;
    }

    void line(std::size_t depth)
    {
        if (!style_.indented)
            return;
        put("\n");
        for (std::size_t i = 0; i < depth; ++i)
            put(style_.indent);
    }

    void print_list(const values& items, std::size_t depth)
    {
        put("[");
        for (std::size_t i = 0; i < items.size(); ++i) {
            if (i != 0)
                put(style_.item_separator);
            line(depth + 1);
            print(items[i], depth + 1);
        }
        if (!items.empty())
            line(depth);
        put("]");
    }

    std::string key_text(const value& key)
    {
        switch (key.type()) {
        case kind::text: return std::string(key.view());
        case kind::none: return "null";
        case kind::boolean: return key.truth() ? "true" : "false";
        case kind::integer: return std::to_string(key.integer());
        case kind::real: return real_text(key.real());
        default:
            type_error("keys must be str, int, float, bool or None, not " +
                       std::string(type_name(key)));
        }
    }

    void print_dict(const dict& of, std::size_t depth)
    {
        std::pmr::vector<const dict::member*> members(in_.memory());
        for (const auto& member : of.members)
            members.push_back(&member);
        if (style_.sorted)
            std::stable_sort(members.begin(), members.end(), [&](const auto* a, const auto* b) {
                return less(in_, a->first, b->first);
            });
        put("{");
        for (std::size_t i = 0; i < members.size(); ++i) {
            if (i != 0)
                put(style_.item_separator);
            line(depth + 1);
            print_text(key_text(members[i]->first));
            put(style_.key_separator);
            print(members[i]->second, depth + 1);
        }
        if (!members.empty())
            line(depth);
        put("}");
    }

    workspace& in_;
    text_buffer& to_;
    const json_style& style_;
};

} // namespace

void print_json(workspace& in, text_buffer& to, const value& of, const json_style& style)
{
    json_printer(in, to, style).print(of, 0);
}

} // namespace warmd::chat

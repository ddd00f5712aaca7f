#pragma once
// Writes JSON text straight into a string: numbers in their shortest form that reads back the same,
// no tree built. Replies are large arrays of numbers; Boost.JSON 1.81 would build a tree of them
// and print 1.5 as 1.5E0.

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

namespace warmd {

/// Appends `text` quoted and escaped; a byte that is no part of UTF-8 as the four of `\xNN`.
void append_quoted(std::string& out, std::string_view text);

/// Builds one JSON text. Commas are its own affair; nesting is the caller's: begin/end must match
/// and inside an object every value follows key(). A number that is not finite is written as null.
class json_writer {
public:
    /// `enough`: the length of `out` from which on full() is true, and arrays of values are left
    /// off.
    explicit json_writer(std::string& out,
                         std::size_t enough = std::numeric_limits<std::size_t>::max())
        : out_(out), enough_(enough)
    {
    }

    /// What is written is not going to be used: it is longer than it may be.
    bool full() const { return out_.size() > enough_; }

    json_writer& begin_object() { return open('{'); }
    json_writer& end_object() { return close('}'); }
    json_writer& begin_array() { return open('['); }
    json_writer& end_array() { return close(']'); }

    /// REQUIRES: a name without characters to escape.
    json_writer& key(std::string_view name)
    {
        comma();
        ((out_ += '"') += name) += "\":";
        fresh_ = true;
        return *this;
    }

    /// A name of any characters.
    json_writer& text_key(std::string_view name)
    {
        value(name);
        out_ += ':';
        fresh_ = true;
        return *this;
    }

    json_writer& value(std::string_view text)
    {
        comma();
        append_quoted(out_, text);
        return *this;
    }
    json_writer& value(const char* text) { return value(std::string_view(text)); }
    json_writer& value(std::same_as<bool> auto b) { return raw(b ? "true" : "false"); }
    json_writer& value(std::nullptr_t) { return raw("null"); }

    template <class Number>
    requires(std::integral<Number> || std::floating_point<Number>) &&
        (!std::same_as<Number, bool>)json_writer& value(Number number)
    {
        if constexpr (std::floating_point<Number>) {
            if (!std::isfinite(number))
                return raw("null");
        }
        char digits[64];
        const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
        return raw(std::string_view(digits, static_cast<std::size_t>(end - digits)));
    }

    /// A value that is JSON text already.
    json_writer& raw(std::string_view json_text)
    {
        comma();
        out_ += json_text;
        return *this;
    }

    template <class T>
    json_writer& member(std::string_view name, const T& v)
    {
        return key(name).value(v);
    }

    template <class Range>
    json_writer& array(const Range& range)
    {
        begin_array();
        for (const auto& element : range) {
            if (full())
                break;
            value(element);
        }
        return end_array();
    }

private:
    json_writer& open(char bracket)
    {
        comma();
        out_ += bracket;
        fresh_ = true;
        return *this;
    }
    json_writer& close(char bracket)
    {
        out_ += bracket;
        fresh_ = false;
        return *this;
    }
    void comma()
    {
        if (!fresh_)
            out_ += ',';
        fresh_ = false;
    }

    std::string& out_;
    const std::size_t enough_;
    bool fresh_ =
        true; // nothing to separate from: just after an opening bracket, a key, or at the start
};

} // namespace warmd

#include <warmd/json_document.hpp>

#include "plain_text.hpp"

#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>

#include <charconv>
#include <cstdlib>
#include <utility>

namespace warmd {

namespace {

constexpr std::size_t kept_nodes = 2048; // 64 KiB; more is given back when the next text is read

} // namespace

/// Reads one text from front to back. Every step says false where the text is not JSON (RFC 8259).
class json_document::scanner {
public:
    using kind = json_node::kind;

    scanner(std::string_view text, json_document& to)
        : at_(text.data()), end_(text.data() + text.size()), bytes_(text.size()), nodes_(to.nodes_), unescaped_(to.unescaped_)
    {
    }

    bool read()
    {
        do {
            if (!read_value())
                return false;
        } while (to_next_value());
        skip_space();
        return open_ == 0 && at_ == end_;
    }

private:
    /// The next byte; NUL, which can stand nowhere, at the end.
    char peek() const { return at_ != end_ ? *at_ : '\0'; }
    bool take(char wanted)
    {
        const bool there = peek() == wanted;
        at_ += there;
        return there;
    }
    char peek_behind_space()
    {
        skip_space();
        return peek();
    }
    void skip_space()
    {
        while (at_ != end_ && static_cast<unsigned char>(*at_) <= ' ' && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t'))
            ++at_;
    }
    std::string_view rest() const { return {at_, static_cast<std::size_t>(end_ - at_)}; }
    json_node& add(kind what, const char* from)
    {
        json_node& made = nodes_.emplace_back(json_node(what));
        made.text_ = from;
        made.size_ = static_cast<std::size_t>(at_ - from);
        return made;
    }

    /// Into structures as far as the first value that is none, or the end of one that is empty.
    bool read_value()
    {
        for (;;) {
            switch (peek_behind_space()) {
            case '{':
            case '[':
                if (!open())
                    return false;
                if (peek_behind_space() == (is_in_object() ? '}' : ']'))
                    return true;
                if (!to_element())
                    return false;
                break;
            case '"': return read_string();
            case 'n': return read_word("null", kind::null);
            case 't': return read_word("true", kind::boolean);
            case 'f': return read_word("false", kind::boolean);
            default: return read_number();
            }
        }
    }

    /// Behind a value: out of the structures that end here. False if there is no next value, or something else stands here.
    bool to_next_value()
    {
        while (open_ != 0) {
            const char next = peek_behind_space();
            if (next == ',') {
                ++at_;
                return to_element();
            }
            if (next != (is_in_object() ? '}' : ']'))
                return false;
            ++at_;
            close(nodes_[open_ - 1]);
        }
        return false;
    }

    bool is_in_object() const { return nodes_[open_ - 1].kind_ == kind::object; }

    /// To where the value of the next element, or member, stands.
    bool to_element()
    {
        ++nodes_[open_ - 1].count_;
        return !is_in_object() || (peek_behind_space() == '"' && read_string() && peek_behind_space() == ':' && take(':'));
    }

    bool open()
    {
        json_node& opened = add(*at_ == '{' ? kind::object : kind::array, at_);
        ++at_;
        opened.integer_ = std::exchange(open_, nodes_.size()); // until it is closed: which one is open around it
        return ++depth_ <= max_json_depth;
    }
    void close(json_node& closed)
    {
        const std::size_t place = open_ - 1;
        open_ = static_cast<std::size_t>(closed.integer_);
        closed.integer_ = nodes_.size() - place;
        closed.size_ = static_cast<std::size_t>(at_ - closed.text_);
        --depth_;
    }

    bool read_string()
    {
        const char* const start = ++at_;
        at_ += plain_run<true>(rest());
        if (peek() != '"')
            return read_unusual_string(start);
        add(kind::string, start);
        ++at_;
        return true;
    }

    /// One with escapes, which is put together in unescaped_, or with characters beyond ASCII.
    bool read_unusual_string(const char* start)
    {
        const char* copied = start; // up to there
        const std::size_t place = unescaped_.size();
        while (!take('"')) {
            if (static_cast<unsigned char>(peek()) >= 0x80) {
                if (!skip_character())
                    return false;
            } else if (peek() == '\\') {
                if (unescaped_.capacity() < bytes_) // all strings together are shorter: what is there stays where it is
                    unescaped_.reserve(bytes_);
                unescaped_.append(copied, at_);
                if (!read_escape())
                    return false;
                copied = at_;
            } else {
                return false;
            }
            at_ += plain_run<true>(rest());
        }
        json_node& made = add(kind::string, start);
        --made.size_; // the quote
        if (copied == start)
            return true;
        unescaped_.append(copied, at_ - 1);
        made.text_ = unescaped_.data() + place;
        made.size_ = unescaped_.size() - place;
        return true;
    }

    /// One character beyond ASCII, as UTF-8 has them (RFC 3629 §4).
    bool skip_character()
    {
        const auto byte = [&](std::ptrdiff_t i) { return end_ - at_ > i ? static_cast<unsigned char>(at_[i]) : 0U; };
        const auto within = [&](std::ptrdiff_t i, unsigned low, unsigned high) { return byte(i) >= low && byte(i) <= high; };
        const unsigned first = byte(0);
        const std::ptrdiff_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
        const unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80; // neither overlong, nor a surrogate, nor too large
        const unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
        bool sound = within(0, 0xC2, 0xF4) && within(1, low, high);
        for (std::ptrdiff_t i = 2; i < length; ++i)
            sound = sound && within(i, 0x80, 0xBF);
        at_ += sound ? length : 0;
        return sound;
    }

    /// From the backslash on, into unescaped_.
    bool read_escape()
    {
        static constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
        ++at_;
        if (take('u'))
            return read_code_point();
        const std::size_t which = at_ == end_ ? letters.npos : letters.find(*at_++);
        if (which != letters.npos)
            unescaped_ += meanings[which];
        return which != letters.npos;
    }

    bool read_code_point()
    {
        std::uint32_t code = 0, low = 0;
        if (!read_hex(code) || (code >= 0xDC00 && code <= 0xDFFF))
            return false;
        if (code >= 0xD800 && code <= 0xDBFF) {
            if (!take('\\') || !take('u') || !read_hex(low) || low < 0xDC00 || low > 0xDFFF)
                return false;
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        append_utf8(code);
        return true;
    }

    bool read_hex(std::uint32_t& code)
    {
        constexpr std::ptrdiff_t digits = 4;
        if (end_ - at_ < digits)
            return false;
        const auto [after, trouble] = std::from_chars(at_, at_ + digits, code, 16);
        const bool all = trouble == std::errc() && after == at_ + digits;
        at_ += digits;
        return all;
    }

    void append_utf8(std::uint32_t code)
    {
        const auto put = [&](std::uint32_t byte) { unescaped_ += static_cast<char>(byte); };
        const auto put_rest = [&](unsigned shift) { put(0x80 | (code >> shift & 0x3F)); };
        if (code < 0x80) {
            put(code);
        } else if (code < 0x800) {
            put(0xC0 | code >> 6), put_rest(0);
        } else if (code < 0x10000) {
            put(0xE0 | code >> 12), put_rest(6), put_rest(0);
        } else {
            put(0xF0 | code >> 18), put_rest(12), put_rest(6), put_rest(0);
        }
    }

    bool read_word(std::string_view word, kind what)
    {
        if (!rest().starts_with(word))
            return false;
        const char* const start = std::exchange(at_, at_ + word.size());
        add(what, start).integer_ = word == "true";
        return true;
    }

    bool skip_digits()
    {
        const char* const start = at_;
        while (at_ != end_ && *at_ >= '0' && *at_ <= '9')
            ++at_;
        return at_ != start;
    }

    bool read_number()
    {
        const char* const start = at_;
        take('-');
        if (!take('0') && !skip_digits())
            return false;
        const char* const whole = at_;
        if (take('.') && !skip_digits())
            return false;
        if (take('e') || take('E')) {
            take('+') || take('-');
            if (!skip_digits())
                return false;
        }
        set_number(add(kind::real, start), start, whole == at_);
        return true;
    }

    void set_number(json_node& made, const char* start, bool integer)
    {
        std::int64_t number = 0;
        if (integer && std::from_chars(start, at_, number).ec == std::errc()) {
            made.kind_ = kind::int64;
            made.integer_ = static_cast<std::uint64_t>(number);
        } else if (std::uint64_t large = 0; integer && *start != '-' && std::from_chars(start, at_, large).ec == std::errc()) {
            made.kind_ = kind::uint64;
            made.integer_ = large;
        } else {
            made.real_ = real_of({start, at_});
        }
    }

    /// The nearest double; 0 or infinity for what no double is near.
    static double real_of(std::string_view literal)
    {
        double number = 0;
        if (std::from_chars(literal.data(), literal.data() + literal.size(), number).ec != std::errc())
            number = std::strtod(std::string(literal).c_str(), nullptr);
        return number;
    }

    const char* at_;
    const char* const end_;
    const std::size_t bytes_;
    std::vector<json_node>& nodes_;
    std::string& unescaped_;
    std::size_t open_ = 0; // the innermost open structure's place, from 1; 0: none
    std::size_t depth_ = 0;
};

namespace {

/// A handler that wants nothing.
struct no_handler {
    static constexpr std::size_t max_array_size = -1, max_object_size = -1, max_string_size = -1, max_key_size = -1;
    using error = boost::system::error_code;
    using part = json::string_view;
    bool on_document_begin(error&) { return true; }
    bool on_document_end(error&) { return true; }
    bool on_array_begin(error&) { return true; }
    bool on_array_end(std::size_t, error&) { return true; }
    bool on_object_begin(error&) { return true; }
    bool on_object_end(std::size_t, error&) { return true; }
    bool on_key_part(part, std::size_t, error&) { return true; }
    bool on_key(part, std::size_t, error&) { return true; }
    bool on_string_part(part, std::size_t, error&) { return true; }
    bool on_string(part, std::size_t, error&) { return true; }
    bool on_number_part(part, error&) { return true; }
    bool on_int64(std::int64_t, part, error&) { return true; }
    bool on_uint64(std::uint64_t, part, error&) { return true; }
    bool on_double(double, part, error&) { return true; }
    bool on_bool(bool, error&) { return true; }
    bool on_null(error&) { return true; }
    bool on_comment_part(part, error&) { return true; }
    bool on_comment(part, error&) { return true; }
};

/// What is wrong with a text that cannot be read: the words of the parser that reads all other JSON here.
std::string fault_of(std::string_view text)
{
    json::parse_options options;
    options.max_depth = max_json_depth;
    json::basic_parser<no_handler> reader{options};
    boost::system::error_code ec;
    const std::size_t used = reader.write_some(false, text.data(), text.size(), ec);
    if (!ec)
        ec = json::error::extra_data;
    return ec.message() + " at byte " + std::to_string(used) + " of " + std::to_string(text.size());
}

} // namespace

result<const json_node*> json_document::read(std::string_view text)
{
    if (nodes_.capacity() > kept_nodes)
        nodes_ = {};
    if (unescaped_.capacity() > kept_nodes * sizeof(json_node))
        unescaped_ = {};
    nodes_.clear();
    unescaped_.clear();
    if (!scanner(text, *this).read())
        return failure{errc::parse_error, fault_of(text)};
    return nodes_.data();
}

double json_node::number() const noexcept
{
    switch (kind_) {
    case kind::int64: return static_cast<double>(int64());
    case kind::uint64: return static_cast<double>(uint64());
    default: return real_;
    }
}

const json_node* json_node::find(std::string_view name) const noexcept
{
    const json_node* found = nullptr;
    for (const json_node* key = begin(); key != end(); key = (key + 1)->next())
        if (key->string() == name)
            found = key + 1;
    return found;
}

json::value json_node::value() const
{
    switch (kind_) {
    case kind::null: return nullptr;
    case kind::boolean: return boolean();
    case kind::int64: return int64();
    case kind::uint64: return uint64();
    case kind::real: return real_;
    case kind::string: return json::value(json::string_view(text_, size_));
    case kind::array: {
        json::array all;
        all.reserve(count_);
        for (const json_node* each = begin(); each != end(); each = each->next())
            all.push_back(each->value());
        return all;
    }
    default: {
        json::object all;
        for (const json_node* key = begin(); key != end(); key = (key + 1)->next())
            all.insert_or_assign(json::string_view(key->text_, key->size_), (key + 1)->value());
        return all;
    }
    }
}

const json_node& json_node::empty_object() noexcept
{
    static const json_node empty = [] {
        json_node made(kind::object);
        made.integer_ = 1;
        return made;
    }();
    return empty;
}

} // namespace warmd

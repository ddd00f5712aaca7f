#include "json/json_document.hpp"

#include "json/plain_text.hpp"

#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <utility>

namespace warmd {

namespace {

constexpr std::size_t first_nodes = 32,
                      kept_nodes = 2048; // 64 KiB; more is given back when the next text is read

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// What is no plain string or short number: rare enough to be read out of line. Every step is told
/// where it begins and says where it ended; null: the text is not JSON (RFC 8259).
class rare_reader {
public:
    explicit rare_reader(std::string_view text) : end_(text.data() + text.size()) {}

    /// A string from behind its opening quote to its closing one; with escapes it is put together
    /// at the end of `unescaped`.
    const char* read_string(const char* start, std::string& unescaped, bool& escaped)
    {
        const char* copied = start; // up to there
        const char* at = start;
        for (; peek(at) != '"'; at += plain_run<true>({at, end_})) {
            if (static_cast<unsigned char>(peek(at)) >= 0x80) {
                at = skip_character(at);
            } else if (peek(at) == '\\') {
                unescaped.append(copied, at);
                at = copied = read_escape(at + 1, unescaped);
            } else if (static_cast<unsigned char>(peek(at)) < 0x20) {
                return nullptr;
            }
            if (!at)
                return nullptr;
        }
        escaped = copied != start;
        if (escaped)
            unescaped.append(copied, at);
        return at;
    }

    /// From behind the whole digits of a number to its end.
    const char* skip_fraction_and_exponent(const char* at) const
    {
        if (peek(at) == '.')
            at = skip_digits(at + 1);
        if (at && (peek(at) == 'e' || peek(at) == 'E')) {
            ++at;
            at = skip_digits(peek(at) == '+' || peek(at) == '-' ? at + 1 : at);
        }
        return at;
    }

private:
    /// The byte there; NUL, which can stand nowhere, at the end.
    char peek(const char* at) const { return at != end_ ? *at : '\0'; }
    const char* skip_digits(const char* at) const
    {
        const char* const start = at;
        while (peek(at) >= '0' && peek(at) <= '9')
            ++at;
        return at == start ? nullptr : at;
    }

    /// One character beyond ASCII, as UTF-8 has them (RFC 3629 §4).
    const char* skip_character(const char* at) const
    {
        const auto byte = [&](std::ptrdiff_t i) {
            return end_ - at > i ? static_cast<unsigned char>(at[i]) : 0U;
        };
        const auto within = [&](std::ptrdiff_t i, unsigned low, unsigned high) {
            return byte(i) >= low && byte(i) <= high;
        };
        const unsigned first = byte(0);
        const std::ptrdiff_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
        // Neither overlong, nor a surrogate, nor too large.
        const unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
        const unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
        bool sound = within(0, 0xC2, 0xF4) && within(1, low, high);
        for (std::ptrdiff_t i = 2; i < length; ++i)
            sound = sound && within(i, 0x80, 0xBF);
        return sound ? at + length : nullptr;
    }

    /// From behind the backslash.
    const char* read_escape(const char* at, std::string& to) const
    {
        static constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
        if (peek(at) == 'u')
            return read_code_point(at + 1, to);
        const std::size_t which = letters.find(peek(at));
        if (which == letters.npos)
            return nullptr;
        to += meanings[which];
        return at + 1;
    }

    const char* read_code_point(const char* at, std::string& to) const
    {
        std::uint32_t code = 0, low = 0;
        at = read_hex(at, code);
        if (!at || (code >= 0xDC00 && code <= 0xDFFF))
            return nullptr;
        if (code >= 0xD800 && code <= 0xDBFF) {
            at = std::string_view(at, end_).starts_with("\\u") ? read_hex(at + 2, low) : nullptr;
            if (!at || low < 0xDC00 || low > 0xDFFF)
                return nullptr;
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        append_utf8(to, code);
        return at;
    }

    const char* read_hex(const char* at, std::uint32_t& code) const
    {
        constexpr std::ptrdiff_t digits = 4;
        return end_ - at >= digits && std::from_chars(at, at + digits, code, 16).ptr == at + digits
                   ? at + digits
                   : nullptr;
    }

    static void append_utf8(std::string& to, std::uint32_t code)
    {
        const auto put = [&](std::uint32_t byte) { to += static_cast<char>(byte); };
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

    const char* end_;
};

/// The nearest double; 0 or infinity for what no double is near.
double real_of(std::string_view literal)
{
    double number = 0;
    if (std::from_chars(literal.data(), literal.data() + literal.size(), number).ec != std::errc())
        number = std::strtod(std::string(literal).c_str(), nullptr);
    return number;
}

} // namespace

/// Reads one text from front to back. Every step says false where the text is not JSON. All of it
/// becomes one function that keeps its place in registers, because nothing it calls is given the
/// scanner. The last byte of the text is a closing bracket or NUL: only the end of a string or of a
/// structure can lie behind it, so nothing else need look out for the end.
class json_document::scanner {
public:
    using kind = json_node::kind;

    scanner(std::string_view text, json_document& to)
        : text_(text), to_(to), at_(text.data()), end_(at_ + text.size()), first_(to.nodes_.data()),
          next_(first_), limit_(first_ + to.nodes_.size())
    {
    }

    [[gnu::always_inline]] bool read()
    {
        do {
            if (!read_value())
                return false;
        } while (open_ != 0 && to_next_value());
        return open_ == 0 && (at_ == end_ || (peek_behind_space() == '\0' && at_ + 1 == end_));
    }

private:
    [[gnu::always_inline]] char peek_behind_space()
    {
        while (static_cast<unsigned char>(*at_) <= ' ' && is_space(*at_))
            ++at_;
        return *at_;
    }
    [[gnu::always_inline]] json_node& add(kind what, const char* from)
    {
        if (next_ == limit_) {
            const std::ptrdiff_t used = next_ - first_;
            first_ = to_.more_nodes();
            next_ = first_ + used;
            limit_ = first_ + to_.nodes_.size();
        }
        json_node& made = *next_++ = json_node(what);
        made.text_ = from;
        made.size_ = static_cast<std::size_t>(at_ - from);
        return made;
    }

    /// Into structures as far as the first value that is none, or the end of one that is empty.
    [[gnu::always_inline]] bool read_value()
    {
        for (;;) {
            switch (peek_behind_space()) {
            case '{':
            case '[':
                if (!open())
                    return false;
                if (peek_behind_space() == closing_)
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

    /// From behind a value: out of the structures that end here, and to the next value. False if
    /// there is none, or no JSON.
    [[gnu::always_inline]] bool to_next_value()
    {
        while (open_ != 0) {
            const char next = peek_behind_space();
            if (next != ',' && next != closing_)
                return false;
            ++at_;
            if (next == ',')
                return peek_behind_space(), to_element();
            close();
            if (at_ == end_)
                break;
        }
        return false;
    }

    /// From where an element, or a member's name, begins to where its value does.
    [[gnu::always_inline]] bool to_element()
    {
        ++first_[open_ - 1].count_;
        if (closing_ == ']')
            return true;
        if (*at_ != '"' || !read_string() || peek_behind_space() != ':')
            return false;
        ++at_;
        return true;
    }

    [[gnu::always_inline]] bool open()
    {
        const bool object = *at_ == '{';
        json_node& opened = add(object ? kind::object : kind::array, at_);
        ++at_;
        // Until it is closed: which one is open around it.
        opened.integer_ = std::exchange(open_, static_cast<std::size_t>(next_ - first_));
        closing_ = object ? '}' : ']';
        return ++depth_ <= max_json_depth;
    }
    [[gnu::always_inline]] void close()
    {
        json_node& closed = first_[open_ - 1];
        open_ = static_cast<std::size_t>(closed.integer_);
        closed.integer_ = static_cast<std::size_t>(next_ - &closed);
        closed.size_ = static_cast<std::size_t>(at_ - closed.text_);
        closing_ = open_ != 0 && first_[open_ - 1].kind_ == kind::object ? '}' : ']';
        --depth_;
    }

    [[gnu::always_inline]] bool read_string()
    {
        const char* const start = ++at_;
        at_ += plain_run<true>({at_, end_});
        if (at_ == end_ || *at_ != '"')
            return read_rare_string(start);
        add(kind::string, start);
        ++at_;
        return true;
    }

    [[gnu::always_inline]] bool read_rare_string(const char* start)
    {
        std::string& unescaped = to_.unescaped_;
        if (unescaped.capacity() <
            text_
                .size()) // all strings together are shorter: what is put together stays where it is
            unescaped.reserve(text_.size());
        const std::size_t place = unescaped.size();
        bool escaped = false;
        const char* const closing = rare_reader(text_).read_string(start, unescaped, escaped);
        if (!closing)
            return false;
        at_ = closing;
        json_node& made = add(kind::string, start);
        if (escaped) {
            made.text_ = unescaped.data() + place;
            made.size_ = unescaped.size() - place;
        }
        ++at_;
        return true;
    }

    [[gnu::always_inline]] bool read_word(std::string_view word, kind what)
    {
        const char* const start = at_;
        if (!std::string_view(at_, end_).starts_with(word))
            return false;
        at_ += word.size();
        add(what, start).integer_ = word == "true";
        return true;
    }

    [[gnu::always_inline]] bool read_number()
    {
        const char* const start = at_;
        const bool negative = *at_ == '-';
        at_ += negative;
        const char* const first = at_;
        std::uint64_t value = 0; // right as long as the digits are few
        for (; *at_ >= '0' && *at_ <= '9'; ++at_)
            value = 10 * value + static_cast<std::uint64_t>(*at_ - '0');
        if (at_ == first || (at_ != first + 1 && *first == '0'))
            return false;
        constexpr std::ptrdiff_t few = 18;
        if (at_ - first > few || *at_ == '.' || *at_ == 'e' || *at_ == 'E')
            return read_rare_number(start);
        add(kind::int64, start).integer_ = negative ? -value : value;
        return true;
    }

    [[gnu::always_inline]] bool read_rare_number(const char* start)
    {
        const char* const whole = at_;
        const char* const end = rare_reader(text_).skip_fraction_and_exponent(at_);
        if (!end)
            return false;
        at_ = end;
        json_node& made = add(kind::real, start);
        std::int64_t number = 0;
        std::uint64_t large = 0;
        if (end == whole && std::from_chars(start, end, number).ec == std::errc()) {
            made.kind_ = kind::int64;
            made.integer_ = static_cast<std::uint64_t>(number);
        } else if (end == whole && *start != '-' &&
                   std::from_chars(start, end, large).ec == std::errc()) {
            made.kind_ = kind::uint64;
            made.integer_ = large;
        } else {
            made.real_ = real_of({start, end});
        }
        return true;
    }

    const std::string_view text_;
    json_document& to_;
    const char* at_;
    const char* const end_;
    json_node* first_; // of the document's
    json_node* next_;
    json_node* limit_;
    std::size_t open_ = 0; // the innermost open structure's place, from 1; 0: none
    std::size_t depth_ = 0;
    char closing_ = '\0'; // what ends that structure
};

namespace {

/// A handler that wants nothing.
struct no_handler {
    static constexpr std::size_t without_end = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_array_size = without_end, max_object_size = without_end;
    static constexpr std::size_t max_string_size = without_end, max_key_size = without_end;
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

/// What is wrong with a text that cannot be read: the words of the parser that reads all other JSON
/// here.
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
    if (nodes_.size() > kept_nodes)
        nodes_ = {};
    if (unescaped_.capacity() > kept_nodes * sizeof(json_node))
        unescaped_ = {};
    unescaped_.clear();
    if (with_nul_.capacity() > kept_nodes * sizeof(json_node))
        with_nul_ = {};
    std::string_view stopped = text; // by a bracket or NUL
    while (!stopped.empty() && is_space(stopped.back()))
        stopped.remove_suffix(1);
    if (stopped.empty() || (stopped.back() != '}' && stopped.back() != ']')) // no request
        stopped = with_nul_ = std::string(text) + '\0';
    if (!scanner(stopped, *this).read())
        return failure{errc::parse_error, fault_of(text)};
    return nodes_.data();
}

json_node* json_document::more_nodes()
{
    nodes_.resize(std::max(first_nodes, 2 * nodes_.size()), json_node(json_node::kind::null));
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

#include "json/json_document.hpp"

#include "json/json_fault.hpp"
#include "json/plain_text.hpp"
#include "json/rare_json.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <new>
#include <type_traits>
#include <utility>

namespace warmd {

namespace {

constexpr std::size_t first_nodes = 32,
                      kept_nodes = 2048; // 64 KiB; more is given back after the text

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

} // namespace

/// Reads one text from front to back. Every step says false where the text is not JSON. All of it
/// becomes one function that keeps its place in registers, because nothing it calls is given the
/// scanner. The last byte of the text is a closing bracket or NUL: only the end of a string or of a
/// structure can lie behind it, so nothing else need look out for the end.
class json_document::scanner {
public:
    using kind = json_node::kind;

    scanner(std::string_view text, json_document& to)
        : text_(text), to_(to), at_(text.data()), end_(at_ + text.size()), first_(to.nodes_.get()),
          next_(first_), limit_(first_ + to.room_)
    {
    }

    enum class progress { under_way, whole, no_json };

    /// So many values, and those that they stand in.
    [[gnu::always_inline]] progress read(std::size_t values)
    {
        do {
            if (values-- == 0)
                return progress::under_way;
            if (!read_value())
                return progress::no_json;
        } while (open_ != 0 && to_next_value());
        const bool ended = at_ == end_ || (peek_behind_space() == '\0' && at_ + 1 == end_);
        return open_ == 0 && ended ? progress::whole : progress::no_json;
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
            limit_ = first_ + to_.room_;
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
            made.integer_ = static_cast<std::size_t>(start - text_.data()); // of the first byte
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

failure parse_error(const json_fault& fault, std::string_view in)
{
    return {errc::parse_error, fault.what + " at byte " + std::to_string(fault.byte) + " of " +
                                   std::to_string(in.size())};
}

} // namespace

json_document::json_document() noexcept = default;
json_document::~json_document() = default;

/// The text with a bracket or NUL at its end.
std::string_view json_document::stopped(std::string_view text)
{
    std::string_view trimmed = text;
    while (!trimmed.empty() && is_space(trimmed.back()))
        trimmed.remove_suffix(1);
    if (trimmed.empty() || (trimmed.back() != '}' && trimmed.back() != ']')) // no request
        trimmed = with_nul_ = std::string(text) + '\0';
    start_ = trimmed.data();
    return trimmed;
}

result<const json_node*> json_document::read(std::string_view text)
{
    give_back();
    if (scanner(stopped(text), *this).read(static_cast<std::size_t>(-1)) !=
        scanner::progress::whole)
        return parse_error(fault_of(text), text);
    return nodes_.get();
}

void json_document::begin(std::string_view text)
{
    give_back();
    text_ = text;
    under_way_ = std::make_unique<scanner>(stopped(text), *this);
}

result<const json_node*> json_document::read_some(std::size_t values)
{
    if (search_)
        return search_on(values);
    scanner here = *under_way_; // a copy keeps its place in registers
    const auto progress = here.read(values);
    if (progress == scanner::progress::under_way) {
        under_way_ = std::make_unique<scanner>(here);
        return nullptr;
    }
    under_way_.reset();
    if (progress == scanner::progress::whole)
        return nodes_.get();
    search_ = std::make_unique<fault_search>(text_);
    return nullptr;
}

/// It is no JSON: where, another reader finds out, which takes as long again.
result<const json_node*> json_document::search_on(std::size_t values)
{
    constexpr std::size_t bytes_for_a_value = 16; // it reads so many in the same time
    const auto found = search_->look(values * bytes_for_a_value);
    if (!found)
        return nullptr;
    search_.reset();
    return parse_error(*found, text_);
}

std::size_t json_document::offset_of(const json_node& value) const noexcept
{
    if (!value.is_string())
        return static_cast<std::size_t>(value.text_ - start_);
    const auto first = value.integer_ != 0 // with escapes: what was read stands elsewhere
                           ? static_cast<std::size_t>(value.integer_)
                           : static_cast<std::size_t>(value.text_ - start_);
    return first - 1; // the quote
}

bool json_document::give_back_some()
{
    constexpr std::size_t at_once = 256 * 1024; // nodes: 8 MiB, less than a millisecond
    if (room_ <= kept_nodes + at_once) {
        give_back();
        return true;
    }
    resize(room_ - at_once);
    return false;
}

void json_document::give_back()
{
    under_way_.reset();
    search_.reset();
    if (room_ > kept_nodes) {
        nodes_.reset();
        room_ = 0;
    }
    if (unescaped_.capacity() > kept_nodes * sizeof(json_node))
        unescaped_ = std::string(); // `= {}` would keep the memory
    unescaped_.clear();
    if (with_nul_.capacity() > kept_nodes * sizeof(json_node))
        with_nul_ = std::string();
}

json_node* json_document::more_nodes()
{
    resize(std::max(first_nodes, 2 * room_));
    return nodes_.get();
}

void json_document::resize(std::size_t room)
{
    // realloc() moves what is large without copying it, and touches no memory that is not used yet.
    static_assert(std::is_trivially_copyable_v<json_node>);
    void* const resized = std::realloc(nodes_.get(), room * sizeof(json_node));
    if (!resized)
        throw std::bad_alloc();
    static_cast<void>(nodes_.release());
    nodes_.reset(static_cast<json_node*>(resized));
    room_ = room;
}

} // namespace warmd

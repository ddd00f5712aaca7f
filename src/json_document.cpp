#include <warmd/json_document.hpp>

#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>

#include <functional>
#include <utility>

namespace warmd {

namespace {

constexpr std::size_t kept_nodes = 2048; // 64 KiB; more is given back when the next text is read

} // namespace

/// What the parser calls: appends a node for each value.
class json_document::builder {
public:
    static constexpr std::size_t max_array_size = -1, max_object_size = -1, max_string_size = -1, max_key_size = -1;
    using error = boost::system::error_code;
    using text = json::string_view;
    using kind = json_node::kind;

    void begin(std::string_view whole)
    {
        if (nodes.capacity() > kept_nodes)
            nodes = {};
        nodes.clear();
        if (unescaped_.capacity() > kept_nodes * sizeof(json_node))
            unescaped_ = {};
        unescaped_.clear();
        whole_ = whole;
        open_ = 0;
        part_ = nullptr;
        number_ = nullptr;
    }

    bool on_document_begin(error&) { return true; }
    bool on_document_end(error&) { return true; }
    bool on_array_begin(error&) { return open(kind::array); }
    bool on_array_end(std::size_t size, error&) { return close(size); }
    bool on_object_begin(error&) { return open(kind::object); }
    bool on_object_end(std::size_t size, error&) { return close(size); }
    bool on_key_part(text part, std::size_t, error&) { return string_part(part); }
    bool on_key(text part, std::size_t, error&) { return string_end(part); }
    bool on_string_part(text part, std::size_t, error&) { return string_part(part); }
    bool on_string(text part, std::size_t, error&) { return string_end(part); }
    bool on_number_part(text part, error&)
    {
        if (!number_)
            number_ = part.data();
        return true;
    }
    bool on_int64(std::int64_t value, text part, error&)
    {
        number(kind::int64, part).integer_ = static_cast<std::uint64_t>(value);
        return true;
    }
    bool on_uint64(std::uint64_t value, text part, error&)
    {
        number(kind::uint64, part).integer_ = value;
        return true;
    }
    bool on_double(double value, text part, error&)
    {
        number(kind::real, part).real_ = value;
        return true;
    }
    bool on_bool(bool value, error&)
    {
        add(kind::boolean).integer_ = value;
        return true;
    }
    bool on_null(error&)
    {
        add(kind::null);
        return true;
    }
    bool on_comment_part(text, error&) { return true; }
    bool on_comment(text, error&) { return true; }

    std::vector<json_node> nodes;

private:
    json_node& add(kind what) { return nodes.emplace_back(json_node(what)); }

    bool open(kind what)
    {
        json_node& opened = add(what);
        opened.integer_ = std::exchange(open_, nodes.size()); // until it is closed: which one is open around it
        return true;
    }
    bool close(std::size_t size)
    {
        json_node& closed = nodes[open_ - 1];
        closed.size_ = size;
        const std::size_t outer = static_cast<std::size_t>(closed.integer_);
        closed.integer_ = nodes.size() - (open_ - 1);
        open_ = outer;
        return true;
    }
    /// A string with escapes stands in the parser's own memory, or comes in parts; all together are shorter than the text.
    bool string_part(text part)
    {
        if (unescaped_.capacity() < whole_.size())
            unescaped_.reserve(whole_.size());
        if (!part_)
            part_ = unescaped_.data() + unescaped_.size();
        unescaped_.append(part.data(), part.size());
        return true;
    }
    bool string_end(text part)
    {
        if (part_ || !in_place(part))
            string_part(part);
        json_node& made = add(kind::string);
        made.text_ = part_ ? part_ : part.data();
        made.size_ = part_ ? static_cast<std::size_t>(unescaped_.data() + unescaped_.size() - part_) : part.size();
        part_ = nullptr;
        return true;
    }
    bool in_place(text part) const
    {
        return !std::less<>()(part.data(), whole_.data()) && !std::less<>()(whole_.data() + whole_.size(), part.data());
    }
    json_node& number(kind what, text part)
    {
        json_node& made = add(what);
        made.text_ = number_ ? number_ : part.data();
        made.size_ = static_cast<std::size_t>(part.data() + part.size() - made.text_);
        number_ = nullptr;
        return made;
    }

    std::string unescaped_;
    std::string_view whole_;
    std::size_t open_ = 0;         // the innermost open structure's place, from 1; 0: none
    const char* part_ = nullptr;   // where the string under way begins in unescaped_
    const char* number_ = nullptr; // where the number under way begins
};

struct json_document::parser {
    static json::parse_options options()
    {
        json::parse_options chosen;
        chosen.max_depth = max_json_depth;
        return chosen;
    }
    json::basic_parser<builder> reader{options()};
};

json_document::json_document() : parser_(std::make_unique<parser>()) {}
json_document::json_document(json_document&&) noexcept = default;
json_document& json_document::operator=(json_document&&) noexcept = default;
json_document::~json_document() = default;

result<const json_node*> json_document::read(std::string_view text)
{
    auto& reader = parser_->reader;
    reader.reset();
    reader.handler().begin(text);
    boost::system::error_code ec;
    const std::size_t used = reader.write_some(false, text.data(), text.size(), ec);
    if (!ec && used != text.size() && text.find_first_not_of(" \t\r\n", used) != std::string_view::npos)
        ec = json::error::extra_data;
    if (ec)
        return failure{errc::parse_error, ec.message() + " at byte " + std::to_string(used) + " of " + std::to_string(text.size())};
    return reader.handler().nodes.data();
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
        all.reserve(size_);
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

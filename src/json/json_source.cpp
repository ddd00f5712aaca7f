#include "json/json_source.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <set>

namespace warmd {

namespace {

using places = std::unordered_map<const json::value*, std::size_t>;

/// Goes through a text that the parser has accepted, side by side with what it made of it.
class walker {
public:
    walker(std::string_view text, places& to) : text_(text), places_(to) {}

    struct repetition {
        std::size_t byte;
        std::string name;
    };

    /// `made`: the value that stands here; null within what a repeated member hides.
    void walk(const json::value* made)
    {
        skip_space();
        if (made)
            places_.try_emplace(made, at_); // a member has its place already
        switch (next()) {
        case '{': return walk_object(made ? made->if_object() : nullptr);
        case '[': return walk_array(made ? made->if_array() : nullptr);
        case '"': read_string(); return;
        default: at_ = std::min(text_.find_first_of(",]}/ \t\r\n", at_), text_.size());
        }
    }
    /// The first member that an object has twice.
    const std::optional<repetition>& repeated() const { return repeated_; }

private:
    char next() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    bool ends(char bracket)
    {
        skip_space();
        if (next() == ',')
            ++at_, skip_space();
        return at_ >= text_.size() || next() == bracket;
    }

    void walk_object(const json::object* made)
    {
        std::set<std::string> names;
        for (++at_; !ends('}');) {
            const std::size_t start = at_;
            const std::string name = read_string();
            if (!names.insert(name).second && !repeated_)
                repeated_ = {start, name};
            const json::value* member = made ? made->if_contains(name) : nullptr;
            if (member)
                places_.try_emplace(member, start);
            skip_space();
            ++at_; // the colon
            walk(member);
        }
        ++at_;
    }

    void walk_array(const json::array* made)
    {
        std::size_t index = 0;
        for (++at_; !ends(']'); ++index)
            walk(made && index < made->size() ? &(*made)[index] : nullptr);
        ++at_;
    }

    std::string read_string()
    {
        const std::size_t start = at_;
        for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_)
            at_ += text_[at_] == '\\';
        at_ = std::min(at_ + 1, text_.size());
        boost::system::error_code ec;
        const json::value meant = json::parse(text_.substr(start, at_ - start), ec);
        return meant.is_string() ? std::string(meant.get_string()) : std::string();
    }

    void skip_space()
    {
        while (at_ < text_.size()) {
            at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size());
            const std::string_view rest = text_.substr(at_, 2);
            if (rest != "//" && rest != "/*")
                return;
            const std::string_view end = rest == "//" ? "\n" : "*/";
            const std::size_t found = text_.find(end, at_ + 2);
            at_ = found == std::string_view::npos ? text_.size() : found + end.size();
        }
    }

    std::string_view text_;
    places& places_;
    std::size_t at_ = 0;
    std::optional<repetition> repeated_;
};

/// The character at which the parser gave up. Bytes beyond ASCII may be half of one.
std::string found_at(std::string_view text, std::size_t byte)
{
    if (byte >= text.size())
        return "the end of the file";
    const char c = text[byte];
    if (c > ' ' && c < 0x7f)
        return std::string("'") + c + '\'';
    return c == '\n' || c == '\r'  ? "the end of the line"
           : c == ' ' || c == '\t' ? "white space"
                                   : "a byte that cannot stand here";
}

} // namespace

json_source::json_source(std::string_view text, std::string name)
    : text_(text), name_(std::move(name))
{
    json::parse_options options;
    options.max_depth = max_json_depth;
    options.allow_comments = true;
    options.allow_trailing_commas = true;
    json::parser parser({}, options);
    boost::system::error_code ec;
    // To the parser, a comment at the end of the text is incomplete without its end of line.
    const std::string ended = std::string(text) + '\n';
    const std::size_t used = parser.write_some(ended.data(), ended.size(), ec);
    if (!ec && used != ended.size())
        ec = json::error::extra_data;
    if (ec) {
        fault_ = failure{errc::invalid_params,
                         place(used) + ": " + ec.message() + ", found " + found_at(text, used)};
        return;
    }
    root_ = parser.release();
    walker through(text, places_);
    through.walk(&root_);
    if (const auto& repeated = through.repeated()) {
        fault_ = failure{errc::invalid_params, place(repeated->byte) + ": '" +
                                                   shortened(repeated->name) + "' is there twice"};
        places_.clear();
        root_ = nullptr;
    }
}

failure json_source::wrong(const json::value& value, std::string_view what) const
{
    return failure{errc::invalid_params, place_of(value) + ": " + std::string(what)};
}

std::string json_source::place(std::size_t byte) const
{
    const std::string_view before = text_.substr(0, byte);
    const std::string_view line = before.substr(before.rfind('\n') + 1); // npos + 1 is 0
    const auto starts_character = [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }; // RFC 3629 §3
    return name_ + ':' + std::to_string(1 + std::count(before.begin(), before.end(), '\n')) + ':' +
           std::to_string(1 + std::count_if(line.begin(), line.end(), starts_character));
}

} // namespace warmd

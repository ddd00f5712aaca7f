#include "suite_file/yaml.hpp"

#include <boost/json.hpp>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <vector>

namespace warmd::suite_file {

namespace {

// -- scalars of the core schema
// --------------------------------------------------------------------

template <std::size_t n>
bool is_one_of(std::string_view text, const std::array<std::string_view, n>& words)
{
    return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_decimal(std::string_view text)
{
    const auto skip_sign = [&] {
        text.remove_prefix(!text.empty() && (text[0] == '-' || text[0] == '+'));
    };
    const auto skip_digits = [&] {
        const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
        const auto count = static_cast<std::size_t>(end - text.begin());
        text.remove_prefix(count);
        return count;
    };
    skip_sign();
    const std::size_t whole = skip_digits();
    std::size_t fraction = 0;
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        fraction = skip_digits();
    }
    if (whole + fraction == 0)
        return false;
    if (text.empty() || (text[0] != 'e' && text[0] != 'E'))
        return text.empty();
    text.remove_prefix(1);
    skip_sign();
    return skip_digits() != 0 && text.empty();
}

/// A number without sign in that base, if it is one that fits.
std::optional<json::value> unsigned_number(std::string_view digits, int base)
{
    std::uint64_t number = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size())
        return {};
    if (number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return static_cast<std::int64_t>(number);
    return number;
}

std::optional<json::value> decimal(std::string_view text)
{
    if (!is_decimal(text))
        return {};
    if (text.starts_with('+'))
        text.remove_prefix(1);
    std::int64_t whole = 0;
    const char* const end = text.data() + text.size();
    if (const auto [at, error] = std::from_chars(text.data(), end, whole);
        at == end && error == std::errc())
        return whole;
    if (auto number = unsigned_number(text, 10))
        return number;
    double real = 0; // to the nearest; beyond every double it is infinite, which no field allows
    if (std::from_chars(text.data(), end, real).ec == std::errc::result_out_of_range)
        real = std::numeric_limits<double>::infinity();
    return real;
}

json::value plain_scalar(std::string_view text)
{
    static constexpr std::array<std::string_view, 3> yes{"true", "True", "TRUE"};
    static constexpr std::array<std::string_view, 3> no{"false", "False", "FALSE"};
    static constexpr std::array<std::string_view, 6> infinite{".inf",  ".Inf",  ".INF",
                                                              "+.inf", "+.Inf", "+.INF"};
    static constexpr std::array<std::string_view, 3> below{"-.inf", "-.Inf", "-.INF"};
    static constexpr std::array<std::string_view, 3> none{".nan", ".NaN", ".NAN"};
    if (is_one_of(text, yes) || is_one_of(text, no))
        return is_one_of(text, yes);
    if (text.starts_with("0o"))
        if (auto number = unsigned_number(text.substr(2), 8))
            return *number;
    if (text.starts_with("0x"))
        if (auto number = unsigned_number(text.substr(2), 16))
            return *number;
    if (auto number = decimal(text))
        return *number;
    if (is_one_of(text, infinite))
        return std::numeric_limits<double>::infinity();
    if (is_one_of(text, below))
        return -std::numeric_limits<double>::infinity();
    if (is_one_of(text, none))
        return std::numeric_limits<double>::quiet_NaN();
    return json::string(text);
}

// -- the tree
// --------------------------------------------------------------------------------------

struct refused {
    YAML::Mark at;
    std::string why;
};

std::size_t nodes_of(const json::value& value)
{
    std::size_t nodes = 1;
    if (const json::array* const elements = value.if_array())
        for (const json::value& each : *elements)
            nodes += nodes_of(each);
    if (const json::object* const members = value.if_object())
        for (const auto& each : *members)
            nodes += nodes_of(each.value());
    return nodes;
}

/// RFC 6901 §3
std::string escaped(std::string_view name)
{
    std::string made;
    for (const char each : name)
        made += each == '~' ? "~0" : each == '/' ? "~1" : std::string(1, each);
    return made;
}

/// Makes the tree of what the parser tells, and remembers where its values began.
class builder : public YAML::EventHandler {
public:
    using places = std::map<std::string, YAML::Mark>;

    json::value& root() { return root_; }
    places& where() { return places_; }

    void OnDocumentStart(const YAML::Mark& mark) override
    {
        if (std::exchange(begun_, true))
            throw refused{mark, "a second document; a suite is one"};
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override
    {
        if (is_key())
            key(mark, "null");
        else
            put(mark, anchor, nullptr);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override
    {
        const auto known = anchors_.find(anchor);
        if (is_key() || known == anchors_.end())
            throw refused{mark, is_key() ? "an alias as a key"
                                         : "an alias of something that it is part of"};
        aliased_ += nodes_of(known->second);
        if (aliased_ > max_aliased_nodes)
            throw refused{mark, "aliases that stand for more than " +
                                    std::to_string(max_aliased_nodes) + " nodes"};
        put(mark, 0, known->second);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& text) override
    {
        refuse_tag(mark, tag);
        if (is_key())
            key(mark, text);
        else
            put(mark, anchor, tag == "?" ? plain_scalar(text) : json::value(json::string(text)));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override
    {
        open(mark, tag, anchor, json::array());
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override
    {
        open(mark, tag, anchor, json::object());
    }
    void OnMapEnd() override { close(); }

private:
    /// A collection that is being read.
    struct level {
        json::value made;
        YAML::anchor_t anchor;
        std::string pointer;
        std::optional<std::string> key{}; ///< of the value that comes next
    };

    bool is_key() const
    {
        return !levels_.empty() && levels_.back().made.is_object() && !levels_.back().key;
    }
    static void refuse_tag(const YAML::Mark& mark, const std::string& tag)
    {
        if (!tag.empty() && tag != "?" && tag != "!")
            throw refused{mark, "the tag '" + shortened(tag) + "'; a suite has none"};
    }
    void key(const YAML::Mark& mark, std::string text)
    {
        level& in = levels_.back();
        if (in.made.get_object().contains(text))
            throw refused{mark, "the key '" + shortened(text) + "' a second time"};
        places_.emplace(in.pointer + '/' + escaped(text), mark);
        in.key = std::move(text);
    }
    std::string next_pointer() const
    {
        if (levels_.empty())
            return {};
        const level& in = levels_.back();
        return in.pointer + '/' +
               (in.key ? escaped(*in.key) : std::to_string(in.made.get_array().size()));
    }
    void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
              json::value empty)
    {
        refuse_tag(mark, tag);
        if (is_key())
            throw refused{mark, "a key that is no scalar"};
        if (levels_.size() == max_json_depth)
            throw refused{mark, "more than " + std::to_string(max_json_depth) + " levels"};
        std::string pointer = next_pointer();
        places_.emplace(pointer, mark);
        levels_.push_back({std::move(empty), anchor, std::move(pointer)});
    }
    void close()
    {
        level done = std::move(levels_.back());
        levels_.pop_back();
        place(done.anchor, std::move(done.made));
    }
    void put(const YAML::Mark& mark, YAML::anchor_t anchor, json::value made)
    {
        places_.emplace(next_pointer(), mark);
        place(anchor, std::move(made));
    }
    void place(YAML::anchor_t anchor, json::value made)
    {
        if (anchor != 0)
            anchors_[anchor] = made;
        if (levels_.empty())
            root_ = std::move(made);
        else if (level& in = levels_.back(); in.made.is_array())
            in.made.get_array().push_back(std::move(made));
        else
            in.made.get_object().emplace(*std::exchange(in.key, {}), std::move(made));
    }

    json::value root_;
    places places_;
    std::vector<level> levels_;
    std::map<YAML::anchor_t, json::value> anchors_;
    std::size_t aliased_ = 0;
    bool begun_ = false;
};

/// yaml-cpp counts from 0, and columns in bytes.
std::string place_text(std::string_view text, const std::string& name, const YAML::Mark& at)
{
    std::size_t begin = 0;
    for (int line = 0; line < at.line; ++line)
        begin = std::min(text.find('\n', begin), text.size() - 1) + 1;
    const std::string_view before =
        text.substr(begin, static_cast<std::size_t>(std::max(at.column, 0)));
    const auto characters = std::count_if(before.begin(), before.end(), [](char each) {
        return (static_cast<unsigned char>(each) & 0xc0) != 0x80;
    });
    return name + ':' + std::to_string(at.line + 1) + ':' + std::to_string(characters + 1);
}

failure wrong(std::string_view text, const std::string& name, const YAML::Mark& at,
              const std::string& what)
{
    return {errc::invalid_params, place_text(text, name, at) + ": " + what};
}

} // namespace

result<written_form> parse_yaml(std::string_view text, const std::string& name)
{
    builder made;
    try {
        std::istringstream in{std::string(text)};
        YAML::Parser parser(in);
        while (parser.HandleNextDocument(made)) {
        }
    } catch (const refused& why) {
        return wrong(text, name, why.at, "found " + why.why);
    } catch (const YAML::Exception& why) {
        return wrong(text, name, why.mark, why.msg);
    }
    auto places = std::make_shared<const builder::places>(std::move(made.where()));
    return written_form{
        std::move(made.root()), [places, name, whole = std::string(text)](std::string pointer) {
            auto found = places->find(pointer);
            while (found == places->end() && !pointer.empty()) {
                pointer.resize(pointer.rfind('/'));
                found = places->find(pointer);
            }
            return found == places->end() ? name : place_text(whole, name, found->second);
        }};
}

} // namespace warmd::suite_file

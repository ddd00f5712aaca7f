#include <warmd/json.hpp>
#include <warmd/json_writer.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <vector>

namespace warmd {

result<json::value> parse_json(std::string_view text)
{
    json::parse_options options;
    options.max_depth = max_json_depth;
    json::parser parser({}, options);
    boost::system::error_code ec;
    const std::size_t used = parser.write_some(text.data(), text.size(), ec);
    if (!ec && text.find_first_not_of(" \t\r\n", used) != std::string_view::npos)
        ec = json::error::extra_data;
    if (ec)
        return failure{errc::parse_error, ec.message() + " at byte " + std::to_string(used) +
                                              " of " + std::to_string(text.size())};
    return parser.release();
}

namespace {

void append_canonical(std::string& out, const json::value& value)
{
    if (const json::object* object = value.if_object()) {
        std::vector<const json::key_value_pair*> members;
        for (const json::key_value_pair& member : *object)
            members.push_back(&member);
        std::sort(members.begin(), members.end(),
                  [](auto a, auto b) { return a->key() < b->key(); });
        out += '{';
        for (const json::key_value_pair* member : members) {
            if (out.back() != '{')
                out += ',';
            out += json::serialize(json::string_view(member->key()));
            out += ':';
            append_canonical(out, member->value());
        }
        out += '}';
    } else if (const json::array* array = value.if_array()) {
        out += '[';
        for (const json::value& element : *array) {
            if (&element != &array->front())
                out += ',';
            append_canonical(out, element);
        }
        out += ']';
    } else {
        out += json::serialize(value);
    }
}

} // namespace

std::string canonical_json(const json::value& value)
{
    std::string out;
    append_canonical(out, value);
    return out;
}

std::string shortened(std::string_view text)
{
    constexpr std::size_t longest = 80;
    if (text.size() <= longest)
        return std::string(text);
    std::size_t end = longest - 3;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) ==
                          0x80) // within a character (RFC 3629 §3)
        --end;
    return std::string(text.substr(0, end)) + "...";
}

std::string excerpt(const json::value& value)
{
    if (const double* number = value.if_double()) { // Boost.JSON 1.81 would write 1.5E0
        std::string text;
        json_writer(text).value(*number);
        return text;
    }
    char start[128];
    json::serializer writer;
    writer.reset(&value);
    return shortened(writer.read(start, sizeof start));
}

} // namespace warmd

#include "json/json_fault.hpp"

#include <warmd/json.hpp>

#include <boost/json/basic_parser_impl.hpp>

#include <limits>

namespace warmd {

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

json::parse_options options()
{
    json::parse_options all;
    all.max_depth = max_json_depth;
    return all;
}

} // namespace

struct fault_search::parser {
    json::basic_parser<no_handler> reader{options()};
};

fault_search::fault_search(std::string_view text) : parser_(std::make_unique<parser>()), left_(text)
{
}
fault_search::~fault_search() = default;

std::optional<json_fault> fault_search::look(std::size_t bytes)
{
    const std::string_view now = left_.substr(0, bytes);
    left_.remove_prefix(now.size());
    boost::system::error_code ec;
    const std::size_t used = parser_->reader.write_some(!left_.empty(), now.data(), now.size(), ec);
    seen_ += used;
    if (!ec && used == now.size() && !left_.empty())
        return {};
    if (!ec)
        ec = json::error::extra_data;
    return json_fault{ec.message(), seen_};
}

json_fault fault_of(std::string_view text) { return *fault_search(text).look(text.size()); }

} // namespace warmd

#pragma once
// The contract of the daemon's methods as data: what each takes and answers, of which types, within
// which bounds, with which defaults, and in words. It stands in contract.cpp, once, and is what
// reads parameters (reader.hpp), what rpc.discover answers (openrpc.hpp), the page
// warmd-protocol(7) (manual.hpp), and what the command line offers (tools/warmctl).

#include "json/json_document.hpp"
#include <warmd/error.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace warmd::schema {

class reading;
struct field;

// Bounds. A `count` is of the elements that an array has at least.
struct integers {
    std::uint64_t least = 0;
    std::uint64_t most = std::numeric_limits<std::int32_t>::max();
};
struct numbers {
    double least = -std::numeric_limits<double>::infinity();
    bool least_itself = true; ///< false: above it
    double most = std::numeric_limits<double>::infinity();
};
struct elements {
    std::size_t least = 0;
};

/// Which member of which request a parameter is kept in; made by to<>() of reader.hpp.
struct destination {
    const void* owner = nullptr; ///< tells the requests' types apart
    void (*read)(reading&, const field&, const json_node&, void* request) = nullptr;
};

/// A parameter, or a member of an object.
struct field {
    std::string_view name;
    /// boolean, integer, number, seconds, string, object, or the name of a type; with [] an array
    /// of them, with |null perhaps null instead.
    std::string_view type;
    std::string_view doc;            ///< half a sentence
    std::string_view otherwise = {}; ///< the default, JSON text; a field with one may be left out
    bool optional = false;           ///< may be left out, and has no default
    std::variant<std::monostate, integers, numbers, elements> within = {};
    destination into = {}; ///< parameters only

    bool required() const noexcept { return otherwise.empty() && !optional; }
};

/// A type with a name; one of `words`, `members`, `one_of`, `values` and `is` says what it is.
struct type {
    std::string_view name;
    std::string_view wanted;                   ///< completes "must be …"
    std::string_view plural = {};              ///< completes "an array of …"
    std::vector<std::string_view> words = {};  ///< one of these strings
    std::vector<field> members = {};           ///< an object of these and no others
    std::vector<std::string_view> one_of = {}; ///< of one of these types
    std::string_view values = {};              ///< an object whose members are all of this type
    std::string_view is = {};                  ///< another type, within bounds
    std::variant<std::monostate, integers, numbers, elements> within = {};
};

struct method {
    std::string_view name;
    std::string_view summary;
    std::vector<field> params = {};
    std::vector<field> result = {};
    std::string_view result_values = {}; ///< where the result's names are not fixed: their type
    std::vector<errc> errors = {};       ///< besides those that any method may end with
    bool null_is_absent = false;         ///< a parameter that is null was not given
};

/// What the daemon sends unasked, or takes without an answer.
struct notification {
    std::string_view name;
    std::string_view summary;
    std::vector<field> params = {};
};

struct contract {
    std::vector<method> methods;
    std::vector<notification> notifications;
    std::vector<type> types;
    std::vector<errc> errors; ///< that any method may end with

    /// Null: there is none.
    const method* find_method(std::string_view name) const noexcept;
    const type* find_type(std::string_view name) const noexcept;
};

/// The contract of this daemon.
contract daemon_contract();

/// A type's name taken apart.
struct type_name {
    std::string_view element; ///< without [] and |null
    bool array = false;
    bool nullable = false;
};
type_name parse_type(std::string_view name) noexcept;

/// What values of the field are, in words: completes "must be …".
std::string wanted(const contract& in, const field& of);
/// The bounds in words, as "at least 0", or "".
std::string bounds(const field& of);

} // namespace warmd::schema

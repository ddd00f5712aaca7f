#pragma once
// A JSON text read in place: one pass, no copies, and no allocation once the document has grown to
// the size of what it reads.

#include <warmd/error.hpp>
#include <warmd/json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

namespace warmd {

class fault_search;

/// One value of a json_document. The values below it follow it in memory, an object's names as
/// strings before their values. Of members of one name the last counts.
class json_node {
public:
    enum class kind : std::uint8_t { null, boolean, int64, uint64, real, string, array, object };

    kind what() const noexcept { return kind_; }
    bool is_null() const noexcept { return kind_ == kind::null; }
    bool is_bool() const noexcept { return kind_ == kind::boolean; }
    bool is_number() const noexcept
    {
        return kind_ == kind::int64 || kind_ == kind::uint64 || kind_ == kind::real;
    }
    bool is_string() const noexcept { return kind_ == kind::string; }
    bool is_array() const noexcept { return kind_ == kind::array; }
    bool is_object() const noexcept { return kind_ == kind::object; }

    // REQUIRES: a value of that kind.
    bool boolean() const noexcept { return integer_ != 0; }
    std::int64_t int64() const noexcept { return static_cast<std::int64_t>(integer_); }
    std::uint64_t uint64() const noexcept { return integer_; }
    double number() const noexcept; ///< any number
    std::string_view string() const noexcept { return {text_, size_}; }
    std::string_view literal() const noexcept
    {
        return {text_, size_};
    } ///< any number, array or object: as it was written
    /// Elements of an array, members of an object, bytes of a string.
    std::size_t size() const noexcept { return kind_ >= kind::array ? count_ : size_; }

    /// The object's member of that name, or null.
    const json_node* find(std::string_view name) const noexcept;
    /// The first value within an array, the first name within an object; end() if there is none.
    const json_node* begin() const noexcept { return this + 1; }
    const json_node* end() const noexcept { return this + span(); }
    /// What follows this value and all below it.
    const json_node* next() const noexcept { return this + span(); }

    /// The same as a tree that outlives the text.
    json::value value() const;

    /// {}
    static const json_node& empty_object() noexcept;

private:
    friend class json_document;
    explicit json_node(kind what) noexcept : kind_(what) {}
    std::size_t span() const noexcept
    {
        return kind_ >= kind::array ? static_cast<std::size_t>(integer_) : 1;
    }

    const char* text_ = nullptr; // string, number, structure
    std::size_t size_ = 0;       // bytes of text_
    union {
        std::uint64_t integer_ = 0; // a structure: itself and all below it, counted in nodes; a
                                    // string with escapes: where its first byte stands
        double real_;
    };
    std::uint32_t count_ = 0; // a structure: elements or members
    kind kind_;
};

/// The values of one JSON text. Reusable; keeps its memory, unless there is much of it.
class json_document {
public:
    json_document() noexcept;
    ~json_document();
    json_document(const json_document&) = delete; // nodes point into it
    json_document& operator=(const json_document&) = delete;

    /// Reads `text` by the rules of parse_json(), with numbers rounded to the nearest double. The
    /// root; it lives as long as `text` and until the next call.
    result<const json_node*> read(std::string_view text);
    /// The same in steps, for a text that takes long: begin(), then read_some() of about so many
    /// values, which returns null until all are read. `text` must live meanwhile.
    void begin(std::string_view text);
    result<const json_node*> read_some(std::size_t values);
    /// The byte at which a value of that text begins.
    std::size_t offset_of(const json_node& value) const noexcept;
    /// Gives back the memory that a large text needed; ends the life of its nodes.
    void give_back();
    /// The same in steps; false until all is given back.
    bool give_back_some();

private:
    class scanner;
    struct freed {
        void operator()(json_node* nodes) const noexcept { std::free(nodes); }
    };
    std::string_view stopped(std::string_view text);
    result<const json_node*> search_on(std::size_t values);
    json_node* more_nodes();
    void resize(std::size_t room);

    const char* start_ = nullptr; // of the text
    std::unique_ptr<json_node[], freed> nodes_;
    std::size_t room_ = 0;                 // for so many
    std::unique_ptr<scanner> under_way_;   // of a text that is read in steps
    std::unique_ptr<fault_search> search_; // in that text, once it is known to be no JSON
    std::string_view text_;                // that one
    std::string unescaped_;                // strings that were written with escapes
    std::string with_nul_;                 // a text that does not end in a bracket
};

} // namespace warmd

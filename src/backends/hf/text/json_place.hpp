#pragma once
// Reading the members of an untrusted JSON document without a test after every line: a complaint
// remembers the first thing that was wrong, and whoever reads on in spite of it gets harmless
// defaults.

#include <warmd/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warmd::hf {

/// The first thing wrong with a document, if any.
class complaint {
public:
    void add(errc code, std::string detail)
    {
        if (!first_)
            first_ = failure{code, std::move(detail)};
    }
    explicit operator bool() const noexcept { return first_.has_value(); }
    const failure& first() const { return *first_; }

private:
    std::optional<failure> first_;
};

/// A JSON object and its place in the document ("pre_tokenizer.pretokenizers[0]"). Complains of
/// what is missing or ill-typed by that place and the member's name. The document must outlive it.
class json_place {
public:
    /// Complains if `value` is not an object; then every member is missing.
    json_place(const json::value& value, std::string place, complaint& wrong);

    const std::string& path() const noexcept { return path_; }
    complaint& wrong() const noexcept { return *wrong_; }
    /// The place of a member, for messages.
    std::string place_of(std::string_view name) const;

    /// The member, or nullptr if it is absent or null.
    const json::value* find(std::string_view name) const;

    std::string_view text(std::string_view name) const; ///< "" after a complaint
    std::string_view text_or(std::string_view name, std::string_view otherwise) const;
    bool flag(std::string_view name, bool otherwise) const;
    std::int64_t integer(std::string_view name, std::int64_t low,
                         std::int64_t high) const; ///< `low` after a complaint
    json_place object(std::string_view name) const;
    /// The elements of an array, each as an object; complains if the member is not an array, or has
    /// more than `most` elements.
    std::vector<json_place> objects(std::string_view name, std::size_t most) const;

private:
    json_place(const json::object* members, std::string place, complaint& wrong);
    void ill_typed(std::string_view name, std::string_view wanted, const json::value* found) const;

    const json::object* members_; ///< nullptr after a complaint
    std::string path_;
    complaint* wrong_;
};

/// How a value that was not expected appears in messages: its JSON text, cut short.
std::string in_short(const json::value& value);

} // namespace warmd::hf

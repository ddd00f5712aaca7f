#pragma once
// Reading the members of an untrusted JSON document without a test after every line: a complaint
// remembers the first thing that was wrong, and whoever reads on in spite of it gets harmless
// defaults.

#include <warmd/error.hpp>
#include <warmd/file_rules.hpp>
#include <warmd/json.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warmd::hf {

/// Reads and parses a JSON file of a few megabytes; load_failed names the file.
result<json::value> read_json(const std::filesystem::path& file, const file_rules& rules = {});

/// The same, whose top level must be an object.
result<json::object> read_json_object(const std::filesystem::path& file,
                                      const file_rules& rules = {});

/// The first thing wrong with a document, if any.
class complaint {
public:
    complaint() = default;
    /// Of a file, which every detail then names.
    explicit complaint(const std::filesystem::path& file) : file_(file.native() + ": ") {}

    void add(errc code, std::string_view detail)
    {
        if (!first_)
            first_ = failure{code, file_ + std::string(detail)};
    }
    explicit operator bool() const noexcept { return first_.has_value(); }
    const failure& first() const { return *first_; }

private:
    std::string file_;
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

    /// Its members; none after a complaint.
    const json::object& members() const noexcept;

    // A member that must be there. After a complaint: "", `low`, 1.
    std::string_view text(std::string_view name) const;
    std::int64_t integer(std::string_view name, std::int64_t low, std::int64_t high) const;
    double positive(std::string_view name) const; ///< finite and above 0
    json_place object(std::string_view name) const;
    /// The elements of an array, each as an object; complains if the member is not an array, or has
    /// more than `most` elements.
    std::vector<json_place> objects(std::string_view name, std::size_t most) const;

    // A member that may be absent or null, and so after a complaint.
    std::string_view text_or(std::string_view name, std::string_view otherwise) const;
    std::int64_t integer_or(std::string_view name, std::int64_t otherwise, std::int64_t low,
                            std::int64_t high) const;
    double positive_or(std::string_view name, double otherwise) const;
    bool flag(std::string_view name, bool otherwise) const;
    std::optional<json_place> object_if(std::string_view name) const;

    /// Complains that a member is not as it must be: "a list of numbers".
    void ill_typed(std::string_view name, std::string_view wanted) const;
    /// Complains that what a member says is not implemented; `found` is its value, or what of it
    /// matters.
    void refuse(std::string_view name, std::string_view found) const;

private:
    json_place(const json::object* members, std::string place, complaint& wrong);

    const json::object* members_; ///< nullptr after a complaint
    std::string path_;
    complaint* wrong_;
};

/// How a value that was not expected appears in messages: its JSON text, cut short.
std::string in_short(const json::value& value);

} // namespace warmd::hf

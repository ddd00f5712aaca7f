#pragma once
// Typed access to the members of a JSON configuration file, with defaults. The first member that is
// not what it must be is remembered; the caller asks once, at the end.

#include <warmd/error.hpp>
#include <warmd/file_rules.hpp>
#include <warmd/json.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace warmd::hf {

/// Reads and parses a JSON file whose top level is an object; load_failed names the file.
result<json::object> read_json_object(const std::filesystem::path& file,
                                      const file_rules& rules = {});

class json_fields {
public:
    /// `where` is the file, and the member within it if `object` is nested; for messages.
    json_fields(const json::object& object, std::string where)
        : object_(&object), where_(std::move(where))
    {
    }

    /// The member, or null if it is absent or JSON null.
    const json::value* find(std::string_view name) const;
    /// An integer in [min, max], `otherwise` if absent.
    std::uint64_t integer(std::string_view name, std::uint64_t otherwise, std::uint64_t min,
                          std::uint64_t max);
    /// A finite number above zero.
    double positive(std::string_view name, double otherwise);
    bool boolean(std::string_view name, bool otherwise);
    std::string text(std::string_view name, std::string_view otherwise);
    /// A nested object, or null if absent.
    const json::object* object(std::string_view name);

    /// Records that `name` is not as it must be.
    void complain(std::string_view name, std::string_view must);
    /// Records that `name` has a value we do not implement.
    void not_implemented(std::string_view name, std::string_view found);
    /// Takes over the first trouble of a nested reader.
    void adopt(const json_fields& nested);

    const std::optional<failure>& trouble() const { return trouble_; }
    const std::string& where() const { return where_; }

private:
    const json::object* object_;
    std::string where_;
    std::optional<failure> trouble_;
};

} // namespace warmd::hf

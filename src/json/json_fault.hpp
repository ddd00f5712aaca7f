#pragma once
// What is wrong with a text that is no JSON.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace warmd {

struct json_fault {
    std::string what; ///< in the words of the parser that reads all other JSON here
    std::size_t byte; ///< where it stood
};

/// Looks for it from front to back, in steps. REQUIRES: `text`, which lives as long as this, could
/// not be read.
class fault_search {
public:
    explicit fault_search(std::string_view text);
    ~fault_search();

    /// Looks at so many bytes more; nothing until it is found.
    std::optional<json_fault> look(std::size_t bytes);

private:
    struct parser;
    std::unique_ptr<parser> parser_;
    std::string_view left_;
    std::size_t seen_ = 0; ///< bytes
};

/// The same at once.
json_fault fault_of(std::string_view text);

} // namespace warmd

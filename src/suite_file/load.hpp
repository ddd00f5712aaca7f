#pragma once
// A suite's file, with all that it names, as what the daemon is sent.

#include <warmd/error.hpp>
#include <warmd/json.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace warmd::suite_file {

inline constexpr std::size_t max_bytes = 16 << 20; ///< of any of these files

/// Reads the file at `path`: JSON if it is called *.json, else YAML.
/// Paths in it are relative to its folder, and "~" is the home directory: models.*.adapter, a
/// models.*.base that looks like a path or is a directory there, documents, and store_path of
/// training_drift. A document is cut at blank lines, and its pieces, joined until they have 600
/// characters, become prose sections tagged with its path as written; losses come from the lines of
/// type "step" of STORE/logs/train-*.jsonl. Models are left out for a `model` that beats them.
/// invalid_params: everything that is wrong, each on its line as "file:line:column: what";
/// not_found: a file that cannot be read.
result<json::value> load(const std::string& path, bool models = true);

/// The document's sections, as above.
json::array sections_of(std::string_view document, const std::string& tag);

/// The content of a file of at most max_bytes.
result<std::string> read_file(const std::string& path);

} // namespace warmd::suite_file

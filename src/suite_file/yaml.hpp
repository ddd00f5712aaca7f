#pragma once
// YAML as suites are written in it: one document of the core schema (YAML 1.2.2 §10.3), which is
// JSON with another face.

#include "suite_file/written_form.hpp"
#include <warmd/error.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace warmd::suite_file {

/// Nodes that all aliases together may stand for.
inline constexpr std::size_t max_aliased_nodes = 100'000;

/// Reads `text`, the content of the file that messages call `name`. invalid_params, with the place:
/// not YAML, tags, a key twice or one that is no scalar, a second document, more than
/// max_json_depth levels, aliases of what is not complete or of too much.
/// Keys are strings, however they look; plain yes, no, on and off are strings.
result<written_form> parse_yaml(std::string_view text, const std::string& name);

} // namespace warmd::suite_file

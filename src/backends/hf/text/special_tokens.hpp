#pragma once
// The texts of a tokenizer's special tokens, as chat templates see them.

#include <warmd/error.hpp>
#include <warmd/file_rules.hpp>

#include <boost/json/object.hpp>

#include <filesystem>

namespace warmd::hf {

/// By name ("bos_token"), of a directory: what tokenizer_config.json says of the usual seven, of
/// other members that end in _token and are strings, and of those of extra_special_tokens; where it
/// has no added_tokens_decoder, special_tokens_map.json goes before it. What is null or not there
/// is left out. load_failed: a file is there and cannot be read.
result<boost::json::object> read_special_tokens(const std::filesystem::path& directory,
                                                const file_rules& rules = {});

} // namespace warmd::hf

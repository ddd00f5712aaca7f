#pragma once
// What tokenizer_config.json says beside a tokenizer.json.

#include <warmd/error.hpp>
#include <warmd/file_rules.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace warmd::hf {

/// The text of `bos_token`, if the file of that name is there and says so. load_failed names file
/// and member. add_bos_token and add_eos_token are not looked at: where there is a tokenizer.json,
/// Transformers 5 drops them when it reads the file, for every class, and what goes around a text
/// is what the post-processor of tokenizer.json says (Transformers 4 made one of them for classes
/// like LlamaTokenizerFast).
result<std::optional<std::string>> read_bos_token(const std::filesystem::path& file,
                                                  const file_rules& rules);

} // namespace warmd::hf

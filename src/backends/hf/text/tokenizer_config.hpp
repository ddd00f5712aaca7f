#pragma once
// What tokenizer_config.json says beside a tokenizer.json.

#include <warmd/error.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace warmd::hf {

struct tokenizer_config {
    std::string class_name;         ///< tokenizer_class, "" if it is not said
    std::optional<std::string> bos; ///< the text of bos_token
    std::optional<std::string> eos; ///< and of eos_token
    std::optional<bool> add_bos;    ///< add_bos_token
    std::optional<bool> add_eos;    ///< add_eos_token
};

/// Reads the file of that name; nothing is said if there is none. load_failed names file and
/// member.
result<tokenizer_config> read_tokenizer_config(const std::filesystem::path& file);

} // namespace warmd::hf

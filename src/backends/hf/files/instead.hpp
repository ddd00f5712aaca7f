#pragma once
// What stands where a model's file was expected.

#include <warmd/error.hpp>
#include <warmd/file_rules.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace warmd::hf {

/// What to do about a file of a model that is not there, as far as its directory tells: "; …", or
/// "". Looks into no directory that `rules` do not admit.
std::string hint_about_missing(const std::filesystem::path& file, const file_rules& rules);

/// What a thing that is no directory is, where a model's directory was expected: "there is nothing
/// of that name", "it is a GGUF file: …".
std::string what_is_no_directory(const std::filesystem::path& place, const file_rules& rules);

/// The beginning of the text that git leaves in place of a large file which was not downloaded
/// (git-lfs, docs/spec.md).
inline constexpr std::string_view lfs_pointer = "version https://git-lfs.github.com/spec/";

} // namespace warmd::hf

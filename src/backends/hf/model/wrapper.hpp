#pragma once
// The language part of a model that has others as well, a vision tower for one. Its modules carry a
// prefix, before Transformers 4.52 another one than since; here they have the names that they would
// have alone.

#include <string>
#include <string_view>
#include <vector>

namespace warmd::hf {

/// The name that a tensor of such a model has here; empty if it is of another part.
std::string unwrapped(std::string_view tensor);
/// How the files of such a model may spell a module's path.
std::vector<std::string> wrapped_spellings(std::string_view path);

} // namespace warmd::hf

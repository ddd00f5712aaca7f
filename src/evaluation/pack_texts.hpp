#pragma once
// The files of packs/, each as it is.

#include <string_view>

namespace warmd::evaluation::pack_texts {

extern const std::string_view calibration;
extern const std::string_view check_suite;
extern const std::string_view knowledge;
extern const std::string_view prose;
extern const std::string_view synonyms;

} // namespace warmd::evaluation::pack_texts

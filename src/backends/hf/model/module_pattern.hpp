#pragma once
// The regular expressions of a PEFT configuration, matched against module paths. They come from an
// untrusted file: matching is bounded (PCRE2's match limit), so that no expression can hang a load.

#include <warmd/error.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace warmd::hf {

class module_pattern {
public:
    /// Compiles `expression`, which must match the whole of a module path. load_failed quotes it
    /// and says why not.
    static result<module_pattern> compile(const std::string& expression);

    /// Whether the whole of `path` matches. A match that takes too long counts as none.
    bool matches(std::string_view path) const;

private:
    std::shared_ptr<const void> code_; // pcre2_code
};

} // namespace warmd::hf

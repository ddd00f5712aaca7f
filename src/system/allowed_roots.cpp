#include "system/allowed_roots.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

namespace warmd {

namespace {

/// Where the open file is now, as the kernel has it.
bool is_beneath(const std::vector<std::string>& roots, int descriptor)
{
    std::error_code ec;
    const auto path =
        std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor), ec);
    return !ec && beneath(roots, path.native()); // " (deleted)" follows the path of one that is no
                                                 // more, which stays where it was
}

std::optional<failure> objection(const std::vector<std::string>& roots, const char* member,
                                 const std::string& path, const std::string& asked)
{
    // A name is looked up by its kind, and what it finds asked again.
    if (!path.starts_with('/') || beneath(roots, real_path(path)))
        return {};
    return failure{
        errc::permission_denied,
        "model." + std::string(member) + " '" + asked +
            "' is not beneath a directory that models may be loaded from (--allow-root)"};
}

} // namespace

bool beneath(const std::vector<std::string>& roots, const std::string& path)
{
    return std::any_of(roots.begin(), roots.end(), [&](const std::string& root) {
        return root == "/" || path == root || (path.starts_with(root) && path[root.size()] == '/');
    });
}

loader limited_to(std::vector<std::string> roots, loader how)
{
    if (roots.empty())
        return how;
    const file_rules rules{[roots](int descriptor) { return is_beneath(roots, descriptor); }};
    const auto resolve = [roots, rules, by = std::move(how.resolve)](
                             const model_spec& asked, const file_rules&) -> result<resolved_model> {
        const std::string adapter = asked.adapter.value_or("");
        if (auto why = objection(roots, "base", asked.base, asked.base))
            return *why;
        if (auto why = objection(roots, "adapter", adapter, adapter))
            return *why;
        auto model = by(asked, rules);
        if (!model)
            return model;
        if (auto why = objection(roots, "base", model->spec.base, asked.base))
            return *why;
        if (auto why = objection(roots, "adapter", model->spec.adapter.value_or(""), adapter))
            return *why;
        return model;
    };
    const auto load = [rules, by = std::move(how.load)](const resolved_model& model,
                                                        load_context& context) {
        context.rules = rules;
        return by(model, context);
    };
    return {resolve, load};
}

} // namespace warmd

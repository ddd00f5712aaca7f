#include "worker/local_files.hpp"

#include "base/text.hpp"
#include <warmd/json.hpp>

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace warmd::worker {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_files = 4096;

/// Adds the file at `path`, or the files in that directory.
result<void> add_files(const std::string& member, const std::string& path,
                       std::vector<fs::path>& to)
{
    std::error_code ec;
    const fs::file_status about = fs::status(path, ec);
    if (fs::is_regular_file(about)) {
        to.emplace_back(path);
        return {};
    }
    if (!fs::is_directory(about))
        return failure{errc::not_found,
                       "model." + member + ": there is no file or directory " + shortened(path)};
    const std::size_t before = to.size();
    for (fs::directory_iterator each(path, ec), end; !ec && each != end; each.increment(ec)) {
        std::error_code ignored;
        if (each->is_regular_file(ignored))
            to.push_back(each->path());
        if (to.size() - before > most_files)
            return failure{errc::invalid_params, "model." + member + ": " + shortened(path) +
                                                     " has more than " +
                                                     std::to_string(most_files) + " files"};
    }
    if (ec || to.size() == before)
        return failure{errc::not_found, "model." + member + ": there are no files in " +
                                            shortened(path) + (ec ? ": " + ec.message() : "")};
    std::sort(to.begin() + static_cast<std::ptrdiff_t>(before), to.end());
    return {};
}

result<std::string> absolute(const std::string& member, const std::string& path)
{
    if (!path.starts_with('/'))
        return failure{errc::invalid_params, "model." + member +
                                                 " must be an absolute path, found '" +
                                                 shortened(path) + "'"};
    return real_path(path);
}

} // namespace

result<resolved_model> resolve_local(const model_spec& asked)
{
    resolved_model made{.spec = asked, .key = {}, .files = {}};
    auto base = absolute("base", asked.base);
    if (!base)
        return base.error();
    made.spec.base = std::move(*base);
    if (auto found = add_files("base", made.spec.base, made.watched); !found)
        return found.error();
    if (asked.adapter) {
        auto adapter = absolute("adapter", *asked.adapter);
        if (!adapter)
            return adapter.error();
        made.spec.adapter = std::move(*adapter);
        if (auto found = add_files("adapter", *made.spec.adapter, made.watched); !found)
            return found.error();
    }
    for (const fs::path& each : made.watched) {
        std::error_code ec;
        const auto size = fs::file_size(each, ec);
        made.estimated_bytes += ec ? 0 : size;
    }
    made.key = key_of(made.spec);
    made.files = fingerprint(made.watched);
    return made;
}

resolved_model resolve_elsewhere(const model_spec& asked)
{
    return {.spec = asked, .key = key_of(asked), .files = {"elsewhere"}};
}

} // namespace warmd::worker

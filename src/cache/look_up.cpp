#include "cache/look_up.hpp"

#include "base/exception_text.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace warmd {

namespace {

using nanoseconds = std::chrono::nanoseconds;

result<std::shared_ptr<const resolved_model>> ask(const loader& how, const model_spec& spec)
{
    try {
        result<resolved_model> found = how.resolve(spec, {});
        if (!found)
            return found.error();
        return std::make_shared<const resolved_model>(std::move(*found));
    } catch (...) {
        return failure{errc::load_failed, "looking at " + spec.kind + " model " + spec.base + ": " +
                                              current_exception_text()};
    }
}

/// Watched before looked at, so that no change falls in between; what there is to watch, the
/// loader's answer tells.
void look(const loader& how, const model_spec& spec, std::vector<std::filesystem::path> watched,
          file_watcher* watcher, finding& into)
{
    for (int tries = 0; tries != 3; ++tries) {
        if (!watched.empty() && watcher) {
            auto made = watcher->watch(watched);
            into.unwatched = made ? "" : made.error().detail;
            into.watch = made ? std::move(*made) : nullptr;
        }
        into.found = ask(how, spec);
        if (!watcher || !into.found || (*into.found)->watched == watched)
            return;
        watched = (*into.found)->watched;
    }
    into.watch.reset(); // where the files are changes all the time
}

nanoseconds quiet_for(const std::vector<std::filesystem::path>& files)
{
    constexpr nanoseconds recent = std::chrono::seconds(10);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    nanoseconds least = nanoseconds::max();
    for (const std::filesystem::path& file : files) {
        struct stat facts {};
        if (::stat(file.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode))
            continue;
        const nanoseconds age =
            now - std::chrono::seconds(facts.st_mtim.tv_sec) - nanoseconds(facts.st_mtim.tv_nsec);
        if (age > -recent && age < recent)
            least = std::min(least, std::max(age, nanoseconds(0)));
    }
    return least;
}

/// `\040` for a space, and so on: proc(5).
std::string unescaped(const std::string& field)
{
    std::string text;
    for (std::size_t at = 0; at != field.size(); ++at)
        if (field[at] == '\\' && at + 3 < field.size()) {
            text += static_cast<char>(std::stoi(field.substr(at + 1, 3), nullptr, 8));
            at += 3;
        } else {
            text += field[at];
        }
    return text;
}

bool is_beneath(const std::string& path, const std::string& mount)
{
    return mount == "/" || path == mount || (path.starts_with(mount) && path[mount.size()] == '/');
}

} // namespace

finding look_up(const loader& how, const model_spec& spec,
                std::vector<std::filesystem::path> watched, file_watcher* watcher,
                time_point now) noexcept
{
    finding made{.asked = now, .found = failure{}, .watch = {}, .unwatched = {}};
    try {
        look(how, spec, std::move(watched), watcher, made);
        if (made.found)
            made.quiet = quiet_for((*made.found)->watched);
    } catch (...) {
        made.found = failure{errc::internal_error, current_exception_text()};
    }
    return made;
}

std::string mount_point_of(const std::string& path)
{
    if (!path.starts_with('/'))
        return "";
    std::string best = "/";
    std::ifstream mounts("/proc/self/mountinfo");
    for (std::string line; std::getline(mounts, line);) {
        std::istringstream fields(line);
        std::string id, parent, device, root, at;
        if (!(fields >> id >> parent >> device >> root >> at))
            continue;
        if (at = unescaped(at); at.size() > best.size() && is_beneath(path, at))
            best = at;
    }
    return best;
}

} // namespace warmd

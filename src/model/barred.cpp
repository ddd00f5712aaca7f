#include "model/barred.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

namespace warmd {

namespace {

std::string own_name()
{
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 4096> text{};
    ::getpwuid_r(::geteuid(), &entry, text.data(), text.size(), &found);
    return found ? entry.pw_name : std::to_string(::geteuid());
}

failure refusal(const std::string& directory, unsigned mode)
{
    std::array<char, 8> octal{};
    std::snprintf(octal.data(), octal.size(), "%04o", mode & 07777);
    const std::string who = own_name();
    return {errc::permission_denied, "permission denied at " + directory + " (" + octal.data() +
                                         "): user " + who + " may not enter it; 'chmod o+x " +
                                         directory + "' or 'setfacl -m u:" + who + ":x " +
                                         directory + "' lets it pass"};
}

/// Links may lead to links; the system itself follows 40 (path_resolution(7)).
std::optional<failure> barred(const std::filesystem::path& path, int links)
{
    std::filesystem::path reached = "/";
    for (const auto& name : path.relative_path()) {
        struct stat facts {};
        if (::stat(reached.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode))
            return {};
        if (::faccessat(AT_FDCWD, reached.c_str(), X_OK, AT_EACCESS) != 0 && errno == EACCES)
            return refusal(reached, facts.st_mode);
        const std::filesystem::path next = reached / name;
        std::error_code ec;
        const std::filesystem::path target = std::filesystem::read_symlink(next, ec);
        if (!ec && links != 0)
            if (auto why = barred((reached / target).lexically_normal(), links - 1))
                return why;
        reached = next;
    }
    return {};
}

} // namespace

std::optional<failure> barred(const std::string& path)
{
    return barred(std::filesystem::path(path), 40);
}

} // namespace warmd

#include "warmctl/doctor.hpp"

#include "warmctl/format.hpp"
#include "warmctl/starting.hpp"

#include "model/hub_cache.hpp"
#include <warmd/client.hpp>

#include <boost/json.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace warmd::ctl {

namespace {

namespace fs = std::filesystem;
using state = finding::state;

std::string contents_of(const char* file)
{
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// The value behind "NAME…: VALUE" in a file of /proc.
std::string value_of(const std::string& text, std::string_view name)
{
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (const std::size_t colon = line.find(':'); line.starts_with(name) && colon != line.npos)
            return line.substr(std::min(line.size(), line.find_first_not_of(" \t", colon + 1)));
    return {};
}

/// Whose the socket's directory is, and who may enter it.
finding look_at_directory(const std::string& socket)
{
    const fs::path directory = fs::path(socket).parent_path();
    struct stat facts {};
    if (::stat(directory.c_str(), &facts) != 0)
        return {state::note,
                "directory",
                visible(directory.native()) + " is not there; the daemon "
                                              "makes it",
                {}};
    const bool own = facts.st_uid == ::geteuid() || facts.st_uid == 0;
    const bool open = (facts.st_mode & S_IWOTH) != 0 && (facts.st_mode & S_ISVTX) == 0;
    if (!own || open)
        return {state::wrong, "directory",
                visible(directory.native()) +
                    (own ? " can be written to by everybody" : " belongs to another user"),
                own ? "chmod o-w " + visible(directory.native()) : "warmctl --socket PATH …"};
    if (::access(directory.c_str(), X_OK) != 0)
        return {state::wrong, "directory", visible(directory.native()) + " cannot be entered",
                "ask its owner, or join its group"};
    return {state::well, "directory", visible(directory.native()), {}};
}

/// Whether a daemon answers, is well, and is the same version.
std::vector<finding> look_at_daemon(const std::string& socket)
{
    using namespace std::chrono_literals;
    auto daemon = client::connect(socket, 5s);
    if (!daemon && daemon.error().code == errc::disconnected)
        return {{state::wrong, "daemon", "none at " + visible(socket), how_to_start(socket)}};
    auto health = daemon ? daemon->call("health") : result<json::value>(daemon.error());
    if (!health)
        return {{state::wrong, "daemon", visible(health.error().detail),
                 health.error().code == errc::timeout
                     ? "its log tells; kill -CONT PID if it is stopped"
                     : ""}};
    std::vector<finding> all;
    const json::object& told = health->as_object();
    const std::string version(told.at("version").as_string());
    const bool well = told.at("status") == "ok" && told.at("ready") == true;
    std::string text = "answers, pid " + json_text(told.at("pid")) + ", version " + version;
    for (const json::value& reason : told.at("reasons").as_array())
        text += "; " + json_text(reason);
    all.push_back(
        {well ? state::well : state::wrong, "daemon", text, well ? "" : "its log tells more"});
    if (version != WARMD_VERSION)
        all.push_back({state::note, "version", "this warmctl is " WARMD_VERSION,
                       "warmctl call shutdown, then start it again"});
    const double limit = told.at("limits").at("max_loaded_bytes").to_number<double>();
    all.push_back({state::well,
                   "models",
                   std::to_string(told.at("loaded_models").as_array().size()) +
                       " loaded, of at most " + json_text(told.at("max_loaded_models")) +
                       (limit > 0 ? " and " + human_bytes(limit) : ""),
                   {}});
    return all;
}

finding look_at_hub_cache()
{
    const fs::path cache = hub_cache_directory();
    std::error_code ec;
    std::size_t models = 0;
    for (fs::directory_iterator each(cache, ec), end; !ec && each != end; each.increment(ec))
        models += each->path().filename().native().starts_with("models--");
    if (ec)
        return {state::note, "hub cache", visible(cache.native()) + " is not there",
                "hf download ORG/NAME, or models by their directories"};
    return {state::well,
            "hub cache",
            visible(cache.native()) + ", " + std::to_string(models) + " models",
            {}};
}

finding look_at_units()
{
    std::error_code ec;
    if (!fs::exists("/run/systemd/system", ec))
        return {
            state::note, "units", "systemd does not run here; warmd can be started by hand", {}};
    if (!fs::exists("/usr/lib/systemd/user/warmd.socket", ec))
        return {state::note, "units", "warmd's are not installed",
                "tools/package, or cmake --install"};
    return {state::well, "units", "installed: systemctl --user status warmd.socket", {}};
}

local_answer examine(const arguments& typed, bool)
{
    if (!typed.words().empty())
        throw usage_error("doctor takes no words");
    const std::string socket = socket_path(typed);
    std::vector<finding> all = look_at_daemon(socket);
    all.push_back(look_at_directory(socket));
    all.push_back(look_at_memory(contents_of("/proc/meminfo")));
    all.push_back(look_at_processor(contents_of("/proc/cpuinfo")));
    all.push_back(look_at_hub_cache());
    all.push_back(look_at_units());
    return {.shown = show(all), .good = std::ranges::none_of(all, [](const finding& each) {
                                    return each.found == state::wrong;
                                })};
}

} // namespace

finding look_at_processor(const std::string& cpuinfo)
{
    const std::string model = value_of(cpuinfo, "model name"),
                      flags = ' ' + value_of(cpuinfo, "flags") + ' ';
    const auto has = [&](const std::string& flag) {
        return flags.find(' ' + flag + ' ') != flags.npos;
    };
    std::string text = model.empty() ? "unknown" : visible(model);
    if (has("amx_bf16"))
        text += ": AMX";
    else if (has("avx512_bf16"))
        text += ": AVX512-BF16";
    else if (has("avx512f"))
        text += ": AVX-512; bf16 is widened";
    else if (has("avx2"))
        text += ": AVX2; bf16 is widened";
    else
        text += "; bf16 is widened";
    return {state::well, "processor", text, {}};
}

finding look_at_memory(const std::string& meminfo)
{
    const auto bytes = [&](const char* name) {
        return 1024 * std::strtod(value_of(meminfo, name).c_str(), nullptr);
    };
    const double available = bytes("MemAvailable"), all = bytes("MemTotal");
    constexpr double little = 1e9;
    const bool scarce = available < little;
    return {scarce ? state::wrong : state::well, "memory",
            human_bytes(available) + " available of " + human_bytes(all),
            scarce ? "warmctl unload --all, or end something else" : ""};
}

std::string show(const std::vector<finding>& all)
{
    table lines({{"", table::align::left}, {"", table::align::left}, {"", table::align::left}});
    for (const finding& each : all) {
        lines.row({each.found == state::well   ? "ok"
                   : each.found == state::note ? "note"
                                               : "WRONG",
                   each.what, each.text});
        if (!each.remedy.empty())
            lines.row({"", "", "-> " + each.remedy});
    }
    return lines.text();
}

command that_examines()
{
    return {.name = "doctor",
            .summary = "what is wrong here, and what to type",
            .method = "",
            .usage = R"(doctor
Looks at the socket, the daemon, memory, the processor, the hub cache and the
service, and says what to type about what is wrong. exit status: 1 if anything is
)",
            .example = "doctor\n",
            .local = examine};
}

} // namespace warmd::ctl

#pragma once
// Kinds of option values: how the text of one is read, what it must be, how a default is shown.

#include "base/config.hpp"
#include "system/log_setup.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace warmd {

/// One kind of option value. `read`: nothing if the text is none.
template <class T>
struct kind {
    const char* symbol;
    const char* wanted;
    std::optional<T> (*read)(std::string_view);
    std::string (*show)(T);
};

extern const kind<std::size_t> count_kind;        ///< At least 1.
extern const kind<std::size_t> models_kind;       ///< At least 1.
extern const kind<std::size_t> threads_kind;      ///< From 1 to 1024.
extern const kind<std::size_t> load_threads_kind; ///< As threads; its default is derived.
/// Seconds, or with the unit ms, s, m or h; at most 31 years.
extern const kind<std::chrono::nanoseconds> duration_kind;
extern const kind<std::chrono::nanoseconds> positive_duration_kind; ///< Above 0.
extern const kind<std::chrono::nanoseconds> step_kind;              ///< From 5 ms to 1 s.
extern const kind<std::size_t> frame_kind; ///< Bytes, or with the unit K, M, G or T; at least 1K.
/// "off" (0), a size, or a share of share_of_memory(100) such as 50%.
extern const kind<std::uint64_t> budget_kind;
extern const kind<std::string> path_kind;   ///< Made absolute; need not exist.
extern const kind<std::string> config_kind; ///< As a path; none by default.
extern const kind<unsigned> mode_kind;      ///< Octal, at most 0777; its owner may read and write.
extern const kind<uid_t> user_kind;         ///< A number, or a name that the system knows.
extern const kind<gid_t> group_kind;        ///< Likewise.
extern const kind<tcp_address> tcp_kind;    ///< An address and a port, "[::1]:8080" for IPv6.
extern const kind<std::string> origin_kind; ///< As browsers write one: "http://localhost:3000".
/// A directory that exists; read: without symbolic links, as it is now.
extern const kind<std::string> root_kind;
extern const kind<log_level> level_kind;
extern const kind<log_format> format_kind;

/// Bytes: so many hundredths of the memory that this process may use (machine.hpp).
std::uint64_t share_of_memory(double percent);

} // namespace warmd

#pragma once
// A file that nobody can open for as long as the object lives: open(2) waits, as it does on a
// network's file system that does not answer.

#include <fcntl.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include <string>

namespace warmd::test {

/// fanotify(7) asks us whether the file may be opened, and we do not answer. Needs CAP_SYS_ADMIN.
class held_file {
public:
    explicit held_file(const std::string& path)
        : asked_(::fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY)),
          holds_(asked_ >= 0 &&
                 ::fanotify_mark(asked_, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, path.c_str()) == 0)
    {
    }
    ~held_file() ///< who waits may open it
    {
        if (asked_ >= 0)
            ::close(asked_);
    }
    held_file(const held_file&) = delete;
    held_file& operator=(const held_file&) = delete;

    /// False if the system does not let us.
    bool holds() const { return holds_; }

private:
    int asked_;
    bool holds_;
};

} // namespace warmd::test

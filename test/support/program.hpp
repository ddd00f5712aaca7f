#pragma once
// Runs a program as a user would, and tells what it said.

#include "support/scratch.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace warmd::test {

struct program_input {
    std::vector<std::string> words;       ///< the program's path first
    std::string in;                       ///< standard input
    std::vector<std::string> environment; ///< NAME=value, besides what this process has
    std::string directory = "/";          ///< where it runs
    bool terminal = false;                ///< standard error is a terminal
    bool screen = false; ///< with `terminal`: standard input and output are that terminal too
};

struct program_result {
    int status; ///< exit status; a signal's number is negative
    std::string out, err;
    bool restored = true; ///< the terminal's modes are as they were at first
};

/// A program that runs until result() is asked for.
class program {
public:
    explicit program(const program_input& input)
    {
        write_file(in(), input.in);
        if (input.terminal && ((terminal_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0 ||
                               ::grantpt(terminal_) != 0 || ::unlockpt(terminal_) != 0))
            throw std::runtime_error("cannot open a terminal");
        if (input.terminal)
            modes_ = modes();
        const std::string err_path = input.terminal ? ::ptsname(terminal_) : err();
        std::vector<char*> arguments, environment;
        for (const std::string& word : input.words)
            arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        for (const std::string& variable : input.environment)
            environment.push_back(const_cast<char*>(variable.c_str()));
        for (char** inherited = environ; *inherited; ++inherited)
            environment.push_back(*inherited);
        environment.push_back(nullptr);
        const std::string in_path = input.screen ? err_path : in(),
                          out_path = input.screen ? err_path : out();
        child_ = ::fork();
        if (child_ == 0) { // between fork and exec of a process with threads: system calls only
            const bool ready =
                ::chdir(input.directory.c_str()) == 0 &&
                move(::open(in_path.c_str(), O_RDONLY | O_NOCTTY), 0) &&
                move(::open(out_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY, 0600), 1) &&
                move(::open(err_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY, 0600), 2);
            if (ready)
                ::execve(arguments[0], arguments.data(), environment.data());
            ::_exit(126);
        }
    }
    ~program()
    {
        if (child_ > 0)
            (void)result();
    }
    program(const program&) = delete;
    program& operator=(const program&) = delete;

    pid_t id() const noexcept { return child_; }
    void type(std::string_view keys) const
    {
        if (::write(terminal_, keys.data(), keys.size()) != static_cast<ssize_t>(keys.size()))
            throw std::runtime_error("cannot type");
    }

    /// Waits for its end. Once.
    program_result result()
    {
        int status = 0;
        ::waitpid(child_, &status, 0);
        child_ = 0;
        const bool restored = terminal_ < 0 || modes() == modes_;
        return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), read(out()),
                terminal_ < 0 ? read(err()) : read_terminal(), restored};
    }

private:
    std::string in() const { return files_.path / "in"; }
    std::string out() const { return files_.path / "out"; }
    std::string err() const { return files_.path / "err"; }

    static bool move(int from, int to) { return from >= 0 && ::dup2(from, to) == to; }
    static std::string read(const std::string& path)
    {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    std::string modes() const
    {
        termios now;
        std::memset(&now, 0, sizeof now);
        ::tcgetattr(terminal_, &now);
        return {reinterpret_cast<const char*>(&now), sizeof now};
    }
    std::string read_terminal()
    {
        std::string text;
        char space[4096];
        for (ssize_t n; (n = ::read(terminal_, space, sizeof space)) >
                        0;) // EIO once the program's side is closed
            text.append(space, static_cast<std::size_t>(n));
        ::close(terminal_);
        return text;
    }

    scratch_directory files_;
    int terminal_ = -1;
    std::string modes_; // of the terminal, at first
    pid_t child_ = 0;
};

} // namespace warmd::test

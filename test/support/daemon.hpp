#pragma once
// The built warmd as a process. Nothing here waits but for a line, an answer or an end.

#include "support/scratch.hpp"

#include <warmd/client.hpp>

#include <boost/process/args.hpp>
#include <boost/process/child.hpp>
#include <boost/process/env.hpp>
#include <boost/process/exe.hpp>
#include <boost/process/io.hpp>
#include <boost/process/pipe.hpp>

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

namespace warmd::test {

using words = std::vector<std::string>;

/// A daemon with a socket of its own.
class running {
public:
    /// `by`: how a shell starts it.
    explicit running(const std::string& socket, words more = {}, const std::string& by = "exec")
        : socket_(socket),
          process_(boost::process::exe = "/bin/sh",
                   boost::process::args = with(socket, std::move(more), by),
                   boost::process::std_err > err_, boost::process::env["NO_COLOR"] = "1")
    {
    }

    std::string line()
    {
        std::string text;
        std::getline(err_, text);
        return text;
    }
    /// Reads on to the line with `part`; that line, or nothing if there is none.
    std::string line_with(const std::string& part)
    {
        for (std::string text; std::getline(err_, text);)
            if (text.find(part) != std::string::npos)
                return text;
        return {};
    }
    client connect() { return client::connect(socket_, std::chrono::minutes(1)).value(); }
    pid_t id() const { return process_.id(); }
    void signal(int number) { ::kill(process_.id(), number); }
    /// Waits for its end: the exit status; the number of a signal, negative. Shows what else it had
    /// to say if that is not 0.
    int status()
    {
        std::string rest;
        for (std::string text; std::getline(err_, text);)
            rest += text + '\n';
        process_.wait();
        if (process_.native_exit_code() != 0)
            std::cerr << rest;
        const int native = process_.native_exit_code();
        return WIFSIGNALED(native) ? -WTERMSIG(native) : WEXITSTATUS(native);
    }

private:
    static words with(const std::string& socket, words more, const std::string& by)
    {
        more.insert(more.begin(),
                    {"-c", by + " \"$0\" \"$@\"", WARMD, "--socket", socket, "--enable-dummy"});
        return more;
    }

    std::string socket_;
    boost::process::ipstream err_;
    boost::process::child process_;
};

struct place {
    scratch_directory directory;
    std::string socket = directory.path / "warmd" / "warmd.sock";
};

} // namespace warmd::test

#include "contestants.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace warmbench {

namespace {

constexpr std::size_t value_bytes = 200;
constexpr std::string_view model = R"({"kind":"dummy","base":"/models/bench"})";

/// The least an echo can do: one epoll, one read and one write per event.
void serve_echo(const std::string& path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener, 4096) != 0)
        std::_Exit(1);
    const int poll = ::epoll_create1(0);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = listener;
    ::epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    std::vector<char> bytes(1 << 20);
    epoll_event events[256];
    for (;;) {
        const int ready = ::epoll_wait(poll, events, 256, -1);
        for (int i = 0; i < ready; ++i) {
            const int fd = events[i].data.fd;
            if (fd == listener) {
                event.data.fd = ::accept(listener, nullptr, nullptr);
                ::epoll_ctl(poll, EPOLL_CTL_ADD, event.data.fd, &event);
                continue;
            }
            const ssize_t n = ::recv(fd, bytes.data(), bytes.size(), 0);
            if (n <= 0 || ::send(fd, bytes.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL) != n)
                ::close(fd);
        }
    }
}

} // namespace

child::child(const std::function<void()>& body, int core, const std::filesystem::path& log)
    : pid_(::fork())
{
    if (pid_ < 0)
        throw std::runtime_error("cannot fork");
    if (pid_ != 0)
        return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin_to(core);
    const int output = ::open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    body();
    std::_Exit(127);
}

child::~child()
{
    if (pid_ < 0)
        return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

bool child::runs() const
{
    siginfo_t ended{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           ended.si_pid == 0;
}

std::chrono::nanoseconds child::cpu_time() const
{
    std::uint64_t sum = 0;
    for (const auto& thread :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/task")) {
        std::uint64_t ran = 0;
        std::ifstream(thread.path() / "schedstat") >> ran;
        sum += ran;
    }
    return std::chrono::nanoseconds(static_cast<std::int64_t>(sum));
}

std::size_t child::rss() const
{
    std::size_t all = 0, resident = 0;
    std::ifstream("/proc/" + std::to_string(pid_) + "/statm") >> all >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void execute(const std::vector<std::string>& command)
{
    std::vector<char*> arguments;
    for (const std::string& each : command)
        arguments.push_back(const_cast<char*>(each.c_str()));
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
}

void pin_to(int core)
{
    if (core < 0)
        return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(core), &set);
    ::sched_setaffinity(0, sizeof set, &set);
}

scratch::scratch()
{
    char name[] = "/tmp/warmbench-XXXXXX";
    if (!::mkdtemp(name))
        throw std::runtime_error("cannot make a directory in /tmp");
    path = name;
}

scratch::~scratch()
{
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
}

void wait_for(const std::string& socket_path)
{
    for (int tries = 0;; ++tries) {
        try {
            ::close(connect_to(socket_path));
            return;
        } catch (const std::exception&) {
            if (tries == 10'000)
                throw;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
}

std::string ask(const std::string& socket_path, const std::string& request, const std::string& end)
{
    const int fd = connect_to(socket_path);
    std::string reply;
    char bytes[4096];
    ssize_t n = ::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    while (n > 0 && !reply.ends_with(end) && (n = ::recv(fd, bytes, sizeof bytes, 0)) > 0)
        reply.append(bytes, static_cast<std::size_t>(n));
    ::close(fd);
    return reply;
}

// -- the servers ------------------------------------------------------------

std::string warmd_socket(const scratch& in) { return in.path / "warmd.sock"; }

child start_warmd(const std::string& program, const scratch& in, int core)
{
    return child(
        [&] {
            execute({program, "--enable-dummy", "--log-level", "warning", "--max-loaded-models",
                     "1000000", "--socket", warmd_socket(in)});
        },
        core, in.path / "warmd.log");
}

exchange warmd_exchange(const std::string& method, bool content_length)
{
    std::string params = R"({"model":)" + std::string(model);
    if (method == "health")
        params = "{";
    else if (method == "tokenize")
        params += R"(,"text":"a warm request")";
    else if (method != "load")
        throw std::runtime_error("method " + method + " is none of load, health, tokenize");
    const std::string text =
        R"({"jsonrpc":"2.0","id":12345,"method":")" + method + R"(","params":)" + params + "}}";
    if (content_length)
        return {"Content-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text,
                reply_end::content_length};
    return {text + '\n', reply_end::line};
}

contestant start_redis(const scratch& in, int core)
{
    const std::string path = in.path / "redis.sock";
    child server(
        [&] {
            execute({"redis-server", "--port", "0", "--unixsocket", path, "--save", "",
                     "--appendonly", "no", "--dir", in.path});
        },
        core, in.path / "redis.log");
    wait_for(path);
    const std::string value(value_bytes, 'x');
    ask(path, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$200\r\n" + value + "\r\n", "\r\n");
    return {"redis",
            std::move(server),
            path,
            {"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", reply_end::fixed, value_bytes + 8}};
}

contestant start_memcached(const scratch& in, int core)
{
    const std::string path = in.path / "memcached.sock";
    child server(
        [&] {
            execute({"memcached", "-u", "root", "-t", "1", "-c", "20000", "-s", path});
        },
        core, in.path / "memcached.log");
    wait_for(path);
    ask(path, "set k 0 0 200\r\n" + std::string(value_bytes, 'x') + "\r\n", "\r\n");
    return {"memcached",
            std::move(server),
            path,
            {"get k\r\n", reply_end::fixed, value_bytes + 22}}; // "VALUE k 0 200" and "END"
}

contestant start_echo(const scratch& in, int core)
{
    const std::string path = in.path / "echo.sock";
    child server([&] { serve_echo(path); }, core, in.path / "echo.log");
    wait_for(path);
    return {"echo",
            std::move(server),
            path,
            {std::string(value_bytes, 'x'), reply_end::fixed, value_bytes}};
}

} // namespace warmbench

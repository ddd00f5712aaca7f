#include "chaos/abuse.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

namespace warmd::chaos {

namespace {

/// A connection without manners: nothing it does waits longer than a moment.
class raw_connection {
public:
    explicit raw_connection(const std::string& path)
        : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        const timeval moment{.tv_sec = 0, .tv_usec = 200'000};
        ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &moment, sizeof moment);
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        path.copy(to.sun_path, sizeof to.sun_path - 1);
        connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    }
    ~raw_connection()
    {
        if (socket_ >= 0)
            ::close(socket_);
    }
    raw_connection(raw_connection&& other) noexcept
        : socket_(std::exchange(other.socket_, -1)), connected_(other.connected_)
    {
    }
    raw_connection(const raw_connection&) = delete;
    raw_connection& operator=(const raw_connection&) = delete;

    bool connected() const { return connected_; }
    bool send(std::string_view bytes) const
    {
        while (connected_ && !bytes.empty()) {
            const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0)
                return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return connected_;
    }
    void read_some() const
    {
        char buffer[4096];
        (void)!::recv(socket_, buffer, sizeof buffer, 0);
    }

private:
    int socket_;
    bool connected_ = false;
};

std::size_t below(std::minstd_rand& random, std::size_t limit) { return random() % limit; }

std::string request(std::size_t id, std::string_view method, const std::string& params)
{
    return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":")" +
           std::string(method) + R"(","params":)" + params + "}\n";
}

/// A dummy that nobody else asks for.
std::string odd_model(std::size_t which, const std::string& options)
{
    return R"({"model":{"kind":"dummy","base":"odd-)" + std::to_string(which) + R"(","options":{)" +
           options + "}}";
}

void write_and_replace(const std::string& file, std::string_view content)
{
    std::ofstream(file + ".new") << content;
    std::error_code ec;
    std::filesystem::rename(file + ".new", file, ec);
}

} // namespace

std::vector<std::string> long_work(const std::string& base, const std::string& adapter)
{
    const std::string model = R"("model":{"base":")" + base + R"(","adapter":")" + adapter + "\"}",
                      generation = R"({"prompt":"The king","max_new_tokens":500,"temperature":2,)";
    std::string prompts;
    for (std::size_t i = 0; i != 400; ++i)
        prompts += (i == 0 ? "\"" : ",\"") + std::to_string(i) + " kings said unto them, Behold\"";
    return {
        request(0, "generate", generation + model + '}'),
        request(1, "generate", generation + R"("stream":true,)" + model + '}'),
        request(2, "next_token", R"({"prompts":[)" + prompts + "]," + model + '}'),
        request(3, "divergence",
                R"({"priority":"batch","prompts":[)" + prompts + "]," + model + '}'),
        request(4, "generate", generation + R"("priority":"batch","fresh":true,)" + model + '}')};
}

void send_half_a_conversation(const surroundings& at, std::minstd_rand& random)
{
    const raw_connection to(at.socket);
    to.send(std::string_view(at.conversation).substr(0, below(random, at.conversation.size())));
    if (below(random, 2) == 0)
        to.read_some();
}

void hang_up_at_once_after_asking(const surroundings& at, std::minstd_rand& random)
{
    const raw_connection to(at.socket);
    for (std::size_t left = 1 + below(random, 20), i = 0; i != left; ++i)
        to.send(request(i, "next_token",
                        R"({"prompts":["x"],)" +
                            odd_model(below(random, 3), R"("call_ms":5)").substr(1) + "}"));
}

void never_read(const surroundings& at, std::minstd_rand& random)
{
    const raw_connection to(at.socket);
    const std::string asked = request(1, "models", "{}");
    for (std::size_t i = 0; i != 20'000 && to.send(asked); ++i)
        ;
    (void)random;
}

void flood_with_nonsense(const surroundings& at, std::minstd_rand& random)
{
    const raw_connection to(at.socket);
    std::string all;
    for (int i = 0; i != 500; ++i)
        all += i % 3 == 0   ? "{\"jsonrpc\":\"2.0\",\"id\":[],\"method\":7}\n"
               : i % 3 == 1 ? "[1,2,{}]\n"
                            : request(1, "no_such_method", "{}");
    for (int i = 0; i != 64; ++i)
        all += static_cast<char>(below(random, 256));
    to.send(all);
    to.read_some();
}

void open_many_connections(const surroundings& at, std::minstd_rand&)
{
    constexpr std::size_t more_than_the_daemon_may_have = 700;
    std::vector<raw_connection> all;
    while (all.size() != more_than_the_daemon_may_have) {
        all.emplace_back(at.socket);
        if (!all.back().connected())
            return;
    }
}

void cancel_at_random(const surroundings& at, std::minstd_rand& random)
{
    const raw_connection to(at.socket);
    for (std::size_t id = 0; id != 50; ++id) {
        to.send(request(id, "next_token",
                        R"({"prompts":["x"],)" + odd_model(9, R"("call_ms":20)").substr(1) + "}"));
        to.send(R"({"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":)" +
                std::to_string(below(random, id + 1)) + "}}\n");
    }
    to.read_some();
}

/// Some of it begins; then it is taken back piece by piece.
void cancel_long_work(const surroundings& at, std::minstd_rand& random)
{
    const raw_connection to(at.socket);
    for (const std::string& each : at.long_work)
        to.send(each);
    for (std::size_t i = 0; i != at.long_work.size(); ++i) {
        to.read_some(); // a streamed token, or nothing for a moment
        to.send(R"({"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":)" +
                std::to_string(below(random, at.long_work.size())) + "}}\n");
    }
    to.read_some();
}

void leave_long_work(const surroundings& at, std::minstd_rand& random)
{
    const raw_connection to(at.socket);
    for (std::size_t left = 1 + below(random, 4); left != 0; --left)
        to.send(at.long_work[below(random, at.long_work.size())]);
    to.read_some();
}

void ask_for_models_that_fail(const surroundings& at, std::minstd_rand& random)
{
    const raw_connection to(at.socket);
    const std::vector<std::string> kinds{
        R"("load_error":"no luck")",   R"("load_ms":5000)",
        R"("close_ms":2000)",          R"("close_error":"no end")",
        R"("call_error":"no answer")", R"("load_ms":50,"load_error":"late","load_error_times":2)"};
    for (std::size_t id = 0; id != 5; ++id) {
        const std::size_t which = below(random, kinds.size());
        to.send(request(id, id % 2 ? "load" : "next_token",
                        (id % 2 ? "{" : R"({"prompts":["x"],)") +
                            odd_model(20 + which, kinds[which]).substr(1) + "}"));
    }
    to.read_some();
}

void move_the_adapter(const surroundings& at, std::minstd_rand& random)
{
    std::error_code ec;
    std::filesystem::create_symlink(below(random, 2) == 0 ? at.first_adapter : at.second_adapter,
                                    at.adapter + ".new", ec);
    std::filesystem::rename(at.adapter + ".new", at.adapter, ec);
    const raw_connection pause(at.socket);
    pause.read_some(); // nothing comes
}

void rewrite_the_configuration(const surroundings& at, std::minstd_rand& random)
{
    static constexpr std::string_view contents[] = {
        R"({"models": {"named": {"kind": "dummy", "base": "named"}}})",
        R"({"models": {"named": {"kind": "dummy", "base": "other"}}, "preload": ["named"]})",
        R"({"models": {"named")", ""};
    write_and_replace(at.config, contents[below(random, std::size(contents))]);
    ::kill(at.daemon, SIGHUP);
    const raw_connection pause(at.socket);
    pause.read_some();
}

} // namespace warmd::chaos

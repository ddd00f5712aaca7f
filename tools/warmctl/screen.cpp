#include "warmctl/screen.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <string>

namespace warmd::ctl {

namespace {

// What a signal handler needs is static: it gets no argument.
volatile std::sig_atomic_t taken = 0;    // the terminal is ours
volatile std::sig_atomic_t keyboard = 0; // standard input is a terminal: `cooked` holds what it was
termios cooked;

// The alternate screen, no cursor, no wrapping of long lines; and back (ECMA-48 and xterm's private
// modes).
constexpr std::string_view take_over = "\033[?1049h\033[?25l\033[?7l";
constexpr std::string_view give_back = "\033[?7h\033[?25h\033[?1049l";

/// Only what a signal handler may call (signal-safety(7)).
void restore()
{
    if (!taken)
        return;
    taken = 0;
    const auto written = ::write(STDOUT_FILENO, give_back.data(), give_back.size());
    if (keyboard)
        ::tcsetattr(STDIN_FILENO, TCSADRAIN, &cooked);
    static_cast<void>(written); // a terminal that is gone needs nothing back
}

void end(int signal)
{
    restore();
    ::_exit(128 + signal);
}

} // namespace

screen::screen()
{
    keyboard = ::isatty(STDIN_FILENO) && ::tcgetattr(STDIN_FILENO, &cooked) == 0;
    taken = 1;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP})
        if (std::signal(signal, SIG_IGN) != SIG_IGN) // stays ignored where it was
            std::signal(signal, end);
    if (keyboard) {
        termios raw = cooked;
        raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        raw.c_cc[VSUSP] = _POSIX_VDISABLE; // suspended, the terminal would stay as it is now
        ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    }
    std::cout << take_over << std::flush;
}

screen::~screen()
{
    std::cout << std::flush;
    restore();
}

void screen::draw(std::string_view text)
{
    winsize window{};
    const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_row > 0;
    std::string out = "\033[H";
    for (unsigned row = 0; !text.empty() && (!known || row != window.ws_row); ++row) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        out += row == 0 ? "" : "\r\n"; // before, not after: a break in the last row would scroll
        out += text.substr(0, end);
        out += "\033[K";
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    std::cout << out << "\033[J" << std::flush;
}

bool screen::wait(std::chrono::duration<double> time)
{
    using clock = std::chrono::steady_clock;
    const auto end = clock::now() + std::chrono::duration_cast<clock::duration>(time);
    for (auto now = clock::now(); now < end; now = clock::now()) {
        pollfd keys{.fd = keyboard ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0};
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - now);
        if (::poll(&keys, 1, static_cast<int>(left.count())) <= 0)
            continue;
        char key = 0;
        if (::read(STDIN_FILENO, &key, 1) != 1 || key == 'q' ||
            key == 'Q') // a terminal that hung up can say no more
            return false;
    }
    return true;
}

} // namespace warmd::ctl

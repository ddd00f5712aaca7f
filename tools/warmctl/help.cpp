#include "warmctl/help.hpp"

namespace warmd::ctl {

namespace {

constexpr std::size_t indent = 24, width = 80;

/// `words` from column `indent` on, in lines of at most `width`.
std::string wrapped(std::string_view words)
{
    std::string lines;
    while (words.size() > width - indent) {
        const std::size_t end = words.rfind(' ', width - indent);
        if (end == words.npos)
            break;
        lines += std::string(words.substr(0, end)) + '\n' + std::string(indent, ' ');
        words.remove_prefix(end + 1);
    }
    return lines + std::string(words) + '\n';
}

std::string line_of(const option_text& of)
{
    const std::string typed = "  " + of.typed;
    const std::size_t space = typed.size() + 2 > indent ? 2 : indent - typed.size();
    return typed + std::string(space, ' ') + wrapped(of.doc);
}

} // namespace

std::string overview()
{
    std::string text = "usage: warmctl [--socket PATH] [--json] [--timeout S] COMMAND …\n"
                       "Talks to warmd, the daemon that keeps language models warm.\n";
    for (const command& each : commands())
        text += "  " + std::string(each.name) + std::string(18 - each.name.size(), ' ') +
                std::string(each.summary) + '\n';
    return text +
           R"(  --socket PATH     the daemon's socket (else $WARMD_SOCKET, else the default)
  --start           start a daemon if there is none (so does WARMD_AUTOSTART=1)
  --json            print JSON;  --timeout S  give up then;  --repeat N  times more
exit status: 0 done, 1 the request failed, 2 usage, 3 no daemon, 130 interrupted
more: --version, -h, --help; warmctl COMMAND --help tells of one command
)";
}

std::string help_of(const command& asked, const schema::contract& by)
{
    std::string text = "usage: warmctl " + std::string(asked.usage);
    std::string others;
    for (const option& each : asked.options)
        if (each.seldom)
            others += (others.empty() ? "" : ", ") + text_of(by, asked.method, each).typed;
        else
            text += line_of(text_of(by, asked.method, each));
    if (!others.empty())
        text += line_of({"and, in warmctl(1)", others});
    return text + "\n  $ warmctl " + std::string(asked.example);
}

} // namespace warmd::ctl

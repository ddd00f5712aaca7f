// warmbench: measures warmd. One subcommand, one source file.

#include "subcommands.hpp"

#include <exception>
#include <iostream>
#include <string_view>

namespace {

struct subcommand {
    std::string_view name;
    int (*run)(int count, char** arguments);
    std::string_view what;
};

constexpr subcommand subcommands[] = {
    {"wire", warmbench::wire, "requests per second and latency over the Unix socket"},
    {"compare", warmbench::compare, "the same beside Redis, memcached and a raw echo, as a table"},
    {"scale", warmbench::scale, "many waiters, many entries, a large reply"},
    {"footprint", warmbench::footprint, "exec to first answer, idle memory, memory per connection"},
    {"make-model", warmbench::make_model, "a model directory with random weights, and an adapter"},
    {"score", warmbench::score, "tokens per second, beside oneDNN's own rate"},
    {"generate", warmbench::generate, "generated tokens per second, beside what the memory allows"},
    {"load", warmbench::load, "loading a model, beside reading its file"},
    {"divergence", warmbench::divergence, "base and fine-tuned together, beside the base alone"},
    {"flood", warmbench::flood, "what another client's hits feel of one that does its worst"},
    {"share", warmbench::share, "what clients feel of each other, a table of figures and bounds"},
    {"tokenize", warmbench::tokenize, "bytes of text per second"},
};

int usage(std::ostream& to, int status)
{
    to << "usage: warmbench SUBCOMMAND [options]; --help after a subcommand lists its options\n";
    for (const subcommand& each : subcommands)
        to << "  " << each.name << ": " << each.what << '\n';
    return status;
}

} // namespace

int main(int count, char** arguments)
{
    const std::string_view asked = count > 1 ? arguments[1] : "";
    if (asked == "--help" || asked == "-h")
        return usage(std::cout, 0);
    try {
        for (const subcommand& each : subcommands)
            if (asked == each.name)
                return each.run(count - 1, arguments + 1);
    } catch (const std::exception& trouble) {
        std::cerr << "warmbench " << asked << ": " << trouble.what() << '\n';
        return 1;
    }
    return usage(std::cerr, 2);
}

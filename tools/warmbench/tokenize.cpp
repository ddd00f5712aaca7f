// warmbench tokenize: bytes of text per second, from a sentence to a book.

#include "contestants.hpp"
#include "generated_model.hpp"
#include "models.hpp"
#include "options.hpp"
#include "subcommands.hpp"

#include "hf/text/tokenizer.hpp"

#include <algorithm>
#include <cstdio>
#include <random>

namespace warmbench {

namespace {

/// Words of a vocabulary of 5,000, short ones more often; numbers, punctuation, and other scripts
/// in between.
std::string mixed_text(std::size_t bytes)
{
    constexpr std::string_view rare[] = {", ",      ". ",      "\n",     "; ",
                                         " 1984 ",  " 3.14",   " naïve", " größer",
                                         " Привет", " 日本語", " 🙂",  "    "};
    std::minstd_rand random(1);
    std::vector<std::string> words(5000);
    for (std::size_t i = 0; i != words.size(); ++i)
        for (std::size_t length = 1 + i / 500 + random() % 4; length != 0; --length)
            words[i] += "etaoinshrdlucmfwypvbgkjqxz"[std::min(random() % 26, random() % 26)];
    std::string text;
    while (text.size() < bytes) {
        text += words[std::min(random() % words.size(), random() % words.size())];
        text += random() % 6 == 0 ? rare[random() % std::size(rare)] : " ";
    }
    return text;
}

} // namespace

int tokenize(int count, char** arguments)
{
    std::string file;
    int repeat = 3;
    option_reader known(arguments[0]);
    known
        .add("tokenizer", file,
             "tokenizer.json; default: generated, byte-level BPE of 49152 tokens")
        .add("repeat", repeat, "the best of so many counts");
    if (!known.read(count, arguments))
        return 0;
    const scratch in;
    if (file.empty()) {
        file = (in.path / "tokenizer.json").native();
        write_text(file, tokenizer_of(shape_named("smol135").vocabulary));
    }
    const auto words = warmd::hf::tokenizer::load(file);
    if (!words)
        throw std::runtime_error(words.error().detail);
    std::printf("%10s %10s %10s %8s\n", "bytes", "tokens", "ms", "MB/s");
    for (const std::size_t bytes : {1'000UL, 10'000UL, 100'000UL, 1'000'000UL, 10'000'000UL}) {
        const std::string text = mixed_text(bytes);
        std::size_t tokens = 0;
        const double seconds =
            least_seconds(repeat, [&] { tokens = words->encode(text, true).size(); });
        std::printf("%10zu %10zu %10.3f %8.1f\n", text.size(), tokens, seconds * 1e3,
                    static_cast<double>(text.size()) / seconds / 1e6);
    }
    return 0;
}

} // namespace warmbench

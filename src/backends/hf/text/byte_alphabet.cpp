#include "hf/text/byte_alphabet.hpp"

#include "hf/text/utf8.hpp"

namespace warmd::hf {

namespace {

struct alphabet {
    std::array<std::string, 256> character;
    std::array<std::int16_t, 0x144> byte; ///< by code point; -1 for none

    alphabet()
    {
        byte.fill(-1);
        char32_t next = 0x100;
        for (unsigned b = 0; b < 256; ++b) {
            const bool printable =
                (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xFF && b != 0xAD);
            const char32_t code_point = printable ? b : next++;
            append_code_point(character[b], code_point);
            byte[code_point] = static_cast<std::int16_t>(b);
        }
    }
};

const alphabet& the_alphabet()
{
    static const alphabet all;
    return all;
}

} // namespace

void append_byte_characters(std::string& out, std::string_view bytes)
{
    const alphabet& all = the_alphabet();
    for (char b : bytes)
        out += all.character[static_cast<unsigned char>(b)];
}

bool append_bytes(std::string& out, std::string_view characters)
{
    const alphabet& all = the_alphabet();
    const std::size_t before = out.size();
    for (std::size_t at = 0; at < characters.size(); at += utf8_length(characters[at])) {
        const char32_t code_point = first_code_point(characters.substr(at));
        if (code_point >= all.byte.size() || all.byte[code_point] < 0) {
            out.resize(before);
            return false;
        }
        out += static_cast<char>(all.byte[code_point]);
    }
    return true;
}

} // namespace warmd::hf

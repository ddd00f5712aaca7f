#include <warmd/json_writer.hpp>

#include "json/plain_text.hpp"

namespace warmd {

void append_quoted(std::string& out, std::string_view text)
{
    static constexpr char hex[] = "0123456789abcdef";
    out += '"';
    for (std::size_t i = 0;; ++i) {
        const std::size_t run = plain_run<false>(text.substr(i));
        out.append(text, i, run);
        if ((i += run) == text.size())
            break;
        const unsigned char c = static_cast<unsigned char>(text[i]);
        out += '\\';
        switch (c) {
        case '"': out += '"'; break;
        case '\\': out += '\\'; break;
        case '\n': out += 'n'; break;
        case '\r': out += 'r'; break;
        case '\t': out += 't'; break;
        default:
            out += "u00";
            out += hex[c >> 4];
            out += hex[c & 15];
        }
    }
    out += '"';
}

} // namespace warmd

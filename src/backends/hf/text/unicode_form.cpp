#include "hf/text/unicode_form.hpp"

#include "hf/text/characters.hpp"
#include "hf/text/utf8.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace warmd::hf {

namespace {

utf8proc_option_t options(unicode_form form)
{
    const bool composed = form == unicode_form::nfc || form == unicode_form::nfkc;
    const bool compatible = form == unicode_form::nfkc || form == unicode_form::nfkd;
    return static_cast<utf8proc_option_t>(UTF8PROC_STABLE |
                                          (composed ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
                                          (compatible ? UTF8PROC_COMPAT : 0));
}

void append_run(std::string& out, unicode_form form, std::string_view run)
{
    if (run.empty())
        return;
    utf8proc_uint8_t* made = nullptr;
    const utf8proc_ssize_t size =
        utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(run.data()),
                     static_cast<utf8proc_ssize_t>(run.size()), &made, options(form));
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(made, &std::free);
    if (size < 0)
        throw std::runtime_error(std::string("Unicode normalization fails: ") +
                                 utf8proc_errmsg(size));
    out.append(reinterpret_cast<const char*>(made), static_cast<std::size_t>(size));
}

} // namespace

// A decomposition, once published, never changes. So the library's tables, of whatever later
// version, are those of Unicode 9 for what that knows, and the rest are characters that neither
// decompose, nor compose, nor let others pass: they end a run.
std::string in_form(unicode_form form, std::string_view text)
{
    if (std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
        return std::string(text); // ASCII is in each form
    std::string out;
    std::size_t run = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length(text[at]);
        if (!is_in_unicode_9(first_code_point(text.substr(at)))) {
            append_run(out, form, text.substr(run, at - run));
            out += text.substr(at, length);
            run = at + length;
        }
        at += length;
    }
    append_run(out, form, text.substr(run));
    return out;
}

} // namespace warmd::hf

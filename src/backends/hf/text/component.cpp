#include "hf/text/component.hpp"

#include "hf/text/utf8.hpp"

namespace warmd::hf {

void limit_components(const json_place& fields, std::size_t count)
{
    if (count > max_components)
        fields.wrong().add(errc::unsupported, fields.path() + " makes a chain of more than " +
                                                  std::to_string(max_components) + " components");
}

void refuse_component(const json_place& fields, std::string_view kind, std::string_view type)
{
    fields.wrong().add(errc::unsupported, fields.path() + ": the " + std::string(kind) + " " +
                                              shortened(type) + " is not supported");
}

std::string read_replacement(const json_place& fields)
{
    const std::string content(fields.text("content"));
    const json::value* pattern = fields.find("pattern");
    if (pattern && pattern->is_object() && pattern->get_object().contains("Regex") &&
        content.find('$') != std::string::npos)
        fields.wrong().add(errc::unsupported, fields.place_of("content") +
                                                  " refers to groups of a regular expression ($)");
    return content;
}

std::string read_character(const json_place& fields, std::string_view name,
                           std::string_view otherwise)
{
    const std::string_view text =
        otherwise.empty() ? fields.text(name) : fields.text_or(name, otherwise);
    if (text.empty() || utf8_length(text[0]) != text.size())
        fields.wrong().add(errc::load_failed, fields.place_of(name) + " must be one character");
    return std::string(text);
}

metaspace metaspace::read(const json_place& fields)
{
    metaspace read{.replacement = read_character(fields, "replacement", ""),
                   .split = fields.flag("split", true)};
    const std::string_view scheme = fields.text_or("prepend_scheme", "always");
    if (scheme == "first")
        read.scheme = prepend::first;
    else if (scheme == "never")
        read.scheme = prepend::never;
    else if (scheme != "always")
        fields.wrong().add(errc::unsupported, fields.place_of("prepend_scheme") + " is " +
                                                  shortened(scheme) +
                                                  "; known are always, first and never");
    if (!fields.flag("add_prefix_space", true)) { // before there was prepend_scheme
        if (fields.find("prepend_scheme") && read.scheme != prepend::never)
            fields.wrong().add(errc::load_failed, fields.place_of("add_prefix_space") +
                                                      " does not match prepend_scheme");
        read.scheme = prepend::never;
    }
    return read;
}

} // namespace warmd::hf

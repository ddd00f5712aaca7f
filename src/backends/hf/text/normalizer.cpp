#include "hf/text/normalizer.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace warmd::hf {

normalizer::normalizer(const json_place& document)
{
    if (document.find("normalizer"))
        read(document.object("normalizer"));
}

void normalizer::read(const json_place& fields)
{
    const std::string_view type = fields.text("type");
    if (type == "Sequence") {
        for (const json_place& member : fields.objects("normalizers", max_components))
            read(member);
    } else if (type == "NFC") {
        steps_.emplace_back(unicode_form::nfc);
    } else if (type == "NFKC") {
        steps_.emplace_back(unicode_form::nfkc);
    } else if (type == "Prepend") {
        steps_.emplace_back(prepend{std::string(fields.text("prepend"))});
    } else if (type == "Replace") {
        steps_.emplace_back(
            replace{text_pattern::read(fields, "pattern"), read_replacement(fields)});
    } else {
        refuse_component(fields, "normalizer", type);
    }
    limit_components(fields, steps_.size());
}

std::string normalizer::operator()(std::string text, match_budget& budget) const
{
    for (const step& next : steps_) {
        text = std::visit([&](const auto& rule) { return apply(rule, std::move(text), budget); },
                          next);
        check_text_size(text.size());
    }
    return text;
}

std::string normalizer::apply(unicode_form form, std::string text, match_budget&)
{
    if (std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
        return text; // ASCII is in either form
    const int compatibility = form == unicode_form::nfkc ? UTF8PROC_COMPAT : 0;
    utf8proc_uint8_t* composed = nullptr;
    const auto* given = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
    const utf8proc_ssize_t size = utf8proc_map(
        given, static_cast<utf8proc_ssize_t>(text.size()), &composed,
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | compatibility));
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(composed, &std::free);
    if (size < 0)
        throw std::runtime_error(std::string("Unicode normalization fails: ") +
                                 utf8proc_errmsg(size));
    return std::string(reinterpret_cast<const char*>(composed), static_cast<std::size_t>(size));
}

std::string normalizer::apply(const prepend& rule, std::string text, match_budget&)
{
    return text.empty() ? text : rule.what + text;
}

std::string normalizer::apply(const replace& rule, std::string text, match_budget& budget)
{
    return text_search(rule.pattern, budget).replace_all(text, rule.by);
}

} // namespace warmd::hf

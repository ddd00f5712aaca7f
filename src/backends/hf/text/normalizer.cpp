#include "hf/text/normalizer.hpp"

#include "hf/text/byte_alphabet.hpp"
#include "hf/text/characters.hpp"
#include "hf/text/utf8.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace warmd::hf {

namespace {

constexpr std::array<std::pair<std::string_view, unicode_form>, 4> forms{
    {{"NFC", unicode_form::nfc},
     {"NFD", unicode_form::nfd},
     {"NFKC", unicode_form::nfkc},
     {"NFKD", unicode_form::nfkd}}};

// -- rules for one character --

void append_without_mark(std::string& out, char32_t c)
{
    if (!is_mark(c))
        append_code_point(out, c);
}

void append_without_nonspacing_mark(std::string& out, char32_t c)
{
    if (!is_nonspacing_mark(c))
        append_code_point(out, c);
}

/// BERT's: no control characters, and one kind of white space.
void append_clean(std::string& out, char32_t c)
{
    if (c == 0xFFFD || is_control(c))
        return;
    append_code_point(out, is_white_space(c) ? ' ' : c);
}

void append_ideograph_apart(std::string& out, char32_t c)
{
    const std::string_view around = is_ideograph(c) ? " " : "";
    out += around;
    append_code_point(out, c);
    out += around;
}

/// SentencePiece's rules "nmt": some control characters go, what separates is a space.
void append_nmt(std::string& out, char32_t c)
{
    if ((c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
        c == 0x8F || c == 0x9F)
        return;
    const bool separates = c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
                           (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 ||
                           c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
    append_code_point(out, separates ? ' ' : c);
}

} // namespace

normalizer::normalizer(const json_place& document)
{
    if (document.find("normalizer"))
        read(document.object("normalizer"));
}

void normalizer::read(const json_place& fields)
{
    const std::string_view type = fields.text("type");
    const auto form = std::ranges::find(forms, type, [](const auto& named) { return named.first; });
    if (form != forms.end()) {
        steps_.emplace_back(form->second);
    } else if (type == "Sequence") {
        for (const json_place& member : fields.objects("normalizers", max_components))
            read(member);
    } else if (type == "BertNormalizer") {
        read_bert(fields);
    } else if (type == "ByteLevel") {
        steps_.emplace_back(spell_bytes{});
    } else if (type == "Lowercase") {
        steps_.emplace_back(each_character{append_lower_case});
    } else if (type == "Nmt") {
        steps_.emplace_back(each_character{append_nmt});
    } else if (type == "Precompiled") {
        steps_.emplace_back(precompiled(fields));
    } else if (type == "Prepend") {
        steps_.emplace_back(prepend{std::string(fields.text("prepend"))});
    } else if (type == "Replace") {
        steps_.emplace_back(
            replace{text_pattern::read(fields, "pattern"), read_replacement(fields)});
    } else if (type == "Strip") {
        steps_.emplace_back(
            strip{fields.flag("strip_left", true), fields.flag("strip_right", true)});
    } else if (type == "StripAccents") {
        steps_.emplace_back(each_character{append_without_mark});
    } else {
        refuse_component(fields, "normalizer", type);
    }
    limit_components(fields, steps_.size());
}

void normalizer::read_bert(const json_place& fields)
{
    const bool lower = fields.flag("lowercase", true);
    if (fields.flag("clean_text", true))
        steps_.emplace_back(each_character{append_clean});
    if (fields.flag("handle_chinese_chars", true))
        steps_.emplace_back(each_character{append_ideograph_apart});
    if (fields.flag("strip_accents", lower)) {
        steps_.emplace_back(unicode_form::nfd);
        steps_.emplace_back(each_character{append_without_nonspacing_mark});
    }
    if (lower)
        steps_.emplace_back(each_character{append_lower_case});
}

normal_text normalizer::operator()(std::string text, match_budget& budget) const
{
    normal_text made{.text = std::move(text)};
    for (const step& next : steps_) {
        std::visit([&](const auto& rule) { apply(rule, made, budget); }, next);
        check_text_size(made.text.size());
    }
    return made;
}

void normalizer::apply(unicode_form form, normal_text& of, match_budget&)
{
    of.text = in_form(form, of.text);
}

void normalizer::apply(each_character rule, normal_text& of, match_budget&)
{
    std::string out;
    out.reserve(of.text.size());
    for (std::size_t at = 0; at < of.text.size();) {
        rule.append(out, first_code_point(std::string_view(of.text).substr(at)));
        of.from_start = of.from_start && !(at == 0 && out.empty());
        at += utf8_length(of.text[at]);
    }
    of.text = std::move(out);
}

void normalizer::apply(const prepend& rule, normal_text& of, match_budget&)
{
    if (!of.text.empty())
        of.text.insert(0, rule.what);
}

void normalizer::apply(const replace& rule, normal_text& of, match_budget& budget)
{
    text_search search(rule.pattern, budget);
    const std::vector<text_range>& matches = search.find_all(of.text);
    // What stands for several characters comes of the last of them.
    if (!matches.empty() && matches[0].begin == 0 && matches[0].end > 0)
        of.from_start =
            of.from_start && !rule.by.empty() && matches[0].end == utf8_length(of.text[0]);
    of.text = replaced(of.text, matches, rule.by);
}

void normalizer::apply(strip sides, normal_text& of, match_budget&)
{
    std::string_view rest = of.text;
    while (sides.left && !rest.empty() && is_white_space(first_code_point(rest)))
        rest.remove_prefix(utf8_length(rest[0]));
    of.from_start = of.from_start && rest.size() == of.text.size();
    while (sides.right && !rest.empty()) {
        const std::size_t last = previous_character(rest, rest.size());
        if (!is_white_space(first_code_point(rest.substr(last))))
            break;
        rest = rest.substr(0, last);
    }
    of.text = std::string(rest);
}

void normalizer::apply(spell_bytes, normal_text& of, match_budget&)
{
    std::string out;
    append_byte_characters(out, of.text);
    of.text = std::move(out);
}

void normalizer::apply(const precompiled& rules, normal_text& of, match_budget&)
{
    of.text = rules(of.text);
}

} // namespace warmd::hf

#include "hf/text/pretokenizer.hpp"

#include "hf/text/byte_alphabet.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace warmd::hf {

namespace {

/// Our own constant patterns compile.
text_pattern own_regex(std::string_view pattern)
{
    return text_pattern(regex::from_oniguruma(pattern).value());
}

// Radford et al. 2019: contractions, words, numbers, the rest, white space.
constexpr std::string_view gpt2_words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

} // namespace

void pieces::add(std::string_view piece)
{
    if (piece.empty())
        return;
    text += piece;
    check_text_size(text.size());
    ends.push_back(text.size());
}

pretokenizer::pretokenizer(const json_place& document)
{
    if (document.find("pre_tokenizer"))
        read(document.object("pre_tokenizer"));
}

void pretokenizer::read(const json_place& fields)
{
    const std::string_view type = fields.text("type");
    if (type == "Sequence") {
        for (const json_place& member : fields.objects("pretokenizers", max_components))
            read(member);
    } else if (type == "ByteLevel") {
        if (fields.flag("add_prefix_space", true))
            steps_.emplace_back(prepend_space{});
        if (fields.flag("use_regex", true))
            add_split(own_regex(gpt2_words), behavior::isolated);
        steps_.emplace_back(spell_bytes{});
    } else if (type == "Split") {
        read_split(fields);
    } else if (type == "Digits") {
        add_split(own_regex("\\p{N}"), fields.flag("individual_digits", false)
                                           ? behavior::isolated
                                           : behavior::contiguous);
    } else if (type == "Metaspace") {
        const metaspace rule = metaspace::read(fields);
        steps_.emplace_back(rule);
        if (rule.split)
            add_split(text_pattern(rule.replacement), behavior::merged_with_next);
    } else {
        refuse_component(fields, "pre-tokenizer", type);
    }
    limit_components(fields, steps_.size());
}

void pretokenizer::read_split(const json_place& fields)
{
    using named = std::pair<std::string_view, behavior>;
    static constexpr std::array<named, 5> known{
        {{"Removed", behavior::removed},
         {"Isolated", behavior::isolated},
         {"MergedWithPrevious", behavior::merged_with_previous},
         {"MergedWithNext", behavior::merged_with_next},
         {"Contiguous", behavior::contiguous}}};
    const std::string_view name = fields.text("behavior");
    const auto found = std::ranges::find(known, name, &named::first);
    if (found == known.end())
        return fields.wrong().add(errc::unsupported,
                                  fields.place_of("behavior") + " is " + shortened(name));
    steps_.emplace_back(
        split{text_pattern::read(fields, "pattern"), found->second, fields.flag("invert", false)});
}

pieces pretokenizer::operator()(std::string text, bool at_start, match_budget& budget) const
{
    pieces all{.text = std::move(text), .at_start = at_start};
    if (!all.text.empty())
        all.ends.push_back(all.text.size());
    for (const step& next : steps_)
        all = std::visit([&](const auto& rule) { return apply(rule, all, budget); }, next);
    return all;
}

/// A stretch of one piece: a match, or what lies between matches.
struct pretokenizer::part {
    text_range where;
    bool match;
};

/// What is left of the parts of one piece (end to end, in order) after its matches went where they
/// go.
std::vector<pretokenizer::part> pretokenizer::arrange(const std::vector<part>& parts,
                                                      behavior matches)
{
    std::vector<part> out;
    bool match_before = false; // the neighbour on the side that a match may join
    const auto place = [&](const part& next, bool join) {
        if (join && !out.empty()) {
            out.back().where.begin = std::min(out.back().where.begin, next.where.begin);
            out.back().where.end = std::max(out.back().where.end, next.where.end);
        } else {
            out.push_back(next);
        }
        match_before = next.match;
    };
    switch (matches) {
    case behavior::isolated: return parts;
    case behavior::removed:
        std::ranges::copy_if(parts, std::back_inserter(out),
                             [](const part& p) { return !p.match; });
        break;
    case behavior::contiguous:
        for (const part& next : parts)
            place(next, next.match == match_before);
        break;
    case behavior::merged_with_previous:
        for (const part& next : parts)
            place(next, next.match && !match_before);
        break;
    case behavior::merged_with_next:
        for (auto next = parts.rbegin(); next != parts.rend(); ++next)
            place(*next, next->match && !match_before);
        std::ranges::reverse(out);
        break;
    }
    return out;
}

pieces pretokenizer::apply(const split& rule, const pieces& in, match_budget& budget)
{
    pieces out{.at_start = in.at_start};
    out.text.reserve(in.text.size());
    text_search search(rule.pattern, budget);
    std::vector<part> parts;
    for (std::size_t i = 0; i < in.ends.size(); ++i) {
        const std::string_view piece = in.piece(i);
        parts.clear();
        std::size_t covered = 0;
        for (const text_range& match : search.find_all(piece)) {
            if (covered < match.begin)
                parts.push_back({{covered, match.begin}, rule.invert});
            parts.push_back({match, !rule.invert});
            covered = match.end;
        }
        if (covered < piece.size())
            parts.push_back({{covered, piece.size()}, rule.invert});
        for (const part& p : arrange(parts, rule.matches)) {
            if (out.ends.empty() && (i > 0 || p.where.begin > 0))
                out.at_start = false; // the start was removed
            out.add(piece.substr(p.where.begin, p.where.end - p.where.begin));
        }
    }
    return out;
}

pieces pretokenizer::apply(prepend_space, const pieces& in, match_budget&)
{
    pieces out{.at_start = in.at_start};
    for (std::size_t i = 0; i < in.ends.size(); ++i)
        out.add((in.piece(i).starts_with(' ') ? "" : " ") + std::string(in.piece(i)));
    return out;
}

pieces pretokenizer::apply(spell_bytes, const pieces& in, match_budget&)
{
    pieces out{.ends = in.ends, .at_start = in.at_start};
    out.text.reserve(in.text.size() + in.text.size() / 2);
    for (std::size_t i = 0; i < in.ends.size(); ++i) {
        append_byte_characters(out.text, in.piece(i));
        out.ends[i] = out.text.size();
    }
    check_text_size(out.text.size());
    return out;
}

pieces pretokenizer::apply(const metaspace& rule, const pieces& in, match_budget&)
{
    pieces out{.at_start = in.at_start};
    std::string changed;
    for (std::size_t i = 0; i < in.ends.size(); ++i) {
        changed.clear();
        for (char c : in.piece(i)) {
            if (c == ' ')
                changed += rule.replacement;
            else
                changed += c;
        }
        const bool wanted = rule.scheme == metaspace::prepend::always ||
                            (rule.scheme == metaspace::prepend::first && i == 0 && in.at_start);
        if (wanted && !changed.starts_with(rule.replacement))
            changed.insert(0, rule.replacement);
        out.add(changed);
    }
    return out;
}

} // namespace warmd::hf

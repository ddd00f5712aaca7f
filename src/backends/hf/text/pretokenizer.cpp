#include "hf/text/pretokenizer.hpp"

#include "hf/text/byte_alphabet.hpp"
#include "hf/text/characters.hpp"
#include "hf/text/utf8.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
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
    } else if (type == "BertPreTokenizer") {
        add_split(text_pattern(is_white_space), behavior::removed);
        add_split(text_pattern(is_punctuation), behavior::isolated);
    } else if (type == "ByteLevel") {
        read_byte_level(fields);
    } else if (type == "CharDelimiterSplit") {
        add_split(text_pattern(read_character(fields, "delimiter", "")), behavior::removed);
    } else if (type == "Digits") {
        add_split(text_pattern(is_numeric), fields.flag("individual_digits", false)
                                                ? behavior::isolated
                                                : behavior::contiguous);
    } else if (type == "FixedLength") {
        constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
        steps_.emplace_back(
            fixed_length{static_cast<std::size_t>(fields.integer_or("length", 5, 1, most))});
    } else if (type == "Metaspace") {
        const metaspace rule = metaspace::read(fields);
        steps_.emplace_back(rule);
        if (rule.split)
            add_split(text_pattern(rule.replacement), behavior::merged_with_next);
    } else if (type == "Punctuation") {
        add_split(text_pattern(is_punctuation),
                  read_behavior(fields, fields.text_or("behavior", "Isolated")));
    } else if (type == "Split") {
        steps_.emplace_back(split{text_pattern::read(fields, "pattern"),
                                  read_behavior(fields, fields.text("behavior")),
                                  fields.flag("invert", false)});
    } else if (type == "UnicodeScripts") {
        steps_.emplace_back(by_script{});
    } else if (type == "Whitespace") {
        steps_.emplace_back(runs{[](char32_t c) {
            return is_word(c) ? 1 : is_white_space(c) ? runs::none : 0;
        }});
    } else if (type == "WhitespaceSplit") {
        add_split(text_pattern(is_white_space), behavior::removed);
    } else {
        refuse_component(fields, "pre-tokenizer", type);
    }
    limit_components(fields, steps_.size());
}

void pretokenizer::read_byte_level(const json_place& fields)
{
    if (fields.flag("add_prefix_space", true))
        steps_.emplace_back(prepend_space{});
    if (fields.flag("use_regex", true))
        add_split(own_regex(gpt2_words), behavior::isolated);
    steps_.emplace_back(spell_bytes{});
}

pretokenizer::behavior pretokenizer::read_behavior(const json_place& fields, std::string_view name)
{
    using named = std::pair<std::string_view, behavior>;
    static constexpr std::array<named, 5> known{
        {{"Removed", behavior::removed},
         {"Isolated", behavior::isolated},
         {"MergedWithPrevious", behavior::merged_with_previous},
         {"MergedWithNext", behavior::merged_with_next},
         {"Contiguous", behavior::contiguous}}};
    const auto found = std::ranges::find(known, name, &named::first);
    if (found != known.end())
        return found->second;
    fields.wrong().add(errc::unsupported, fields.place_of("behavior") + " is " + shortened(name));
    return behavior::isolated;
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
        for (const part& p : arrange(parts, rule.matches))
            keep(out, in, i, p.where);
    }
    return out;
}

/// Adds a part of piece i to `out`.
void pretokenizer::keep(pieces& out, const pieces& in, std::size_t i, text_range where)
{
    if (out.ends.empty() && (i > 0 || where.begin > 0))
        out.at_start = false; // the start was removed
    out.add(in.piece(i).substr(where.begin, where.end - where.begin));
}

pieces pretokenizer::apply(fixed_length rule, const pieces& in, match_budget&)
{
    pieces out{.at_start = in.at_start};
    for (std::size_t i = 0; i < in.ends.size(); ++i) {
        const std::string_view piece = in.piece(i);
        std::size_t begin = 0;
        std::size_t characters = 0;
        for (std::size_t at = 0; at < piece.size();) {
            at += utf8_length(piece[at]);
            if (++characters < rule.characters && at < piece.size())
                continue;
            keep(out, in, i, {begin, at});
            begin = at;
            characters = 0;
        }
    }
    return out;
}

pieces pretokenizer::apply(runs rule, const pieces& in, match_budget&)
{
    pieces out{.at_start = in.at_start};
    for (std::size_t i = 0; i < in.ends.size(); ++i) {
        const std::string_view piece = in.piece(i);
        std::size_t begin = 0;
        int kind = runs::none;
        const auto end_run = [&](std::size_t end) {
            if (kind != runs::none)
                keep(out, in, i, {begin, end});
            begin = end;
        };
        for (std::size_t at = 0; at < piece.size(); at += utf8_length(piece[at])) {
            const int next = rule.kind(first_code_point(piece.substr(at)));
            if (next != kind)
                end_run(at);
            kind = next;
        }
        end_run(piece.size());
    }
    return out;
}

pieces pretokenizer::apply(by_script, const pieces& in, match_budget&)
{
    pieces out{.at_start = in.at_start};
    for (std::size_t i = 0; i < in.ends.size(); ++i) {
        const std::string_view piece = in.piece(i);
        std::size_t begin = 0;
        int script = no_script;
        for (std::size_t at = 0; at < piece.size(); at += utf8_length(piece[at])) {
            const int next = script_of(first_code_point(piece.substr(at)));
            if (next == no_script || next == script)
                continue;
            if (script != no_script) // what comes before the first script goes (as the reference)
                keep(out, in, i, {begin, at});
            begin = at;
            script = next;
        }
        if (script != no_script)
            keep(out, in, i, {begin, piece.size()});
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

#include "hf/text/decoder.hpp"

#include "hf/text/byte_alphabet.hpp"
#include "hf/text/utf8.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

namespace warmd::hf {

namespace {

std::string joined(const std::vector<std::string>& tokens, std::string_view separator)
{
    std::string all;
    for (const std::string& token : tokens) {
        if (&token != &tokens.front())
            all += separator;
        all += token;
    }
    return all;
}

/// The byte that a token like "<0x41>" stands for.
std::optional<char> fallback_byte(std::string_view token)
{
    if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with('>'))
        return {};
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, byte, 16);
    return error == std::errc() && end == token.data() + 5 ? std::optional(static_cast<char>(byte))
                                                           : std::nullopt;
}

/// `text` with each `what` replaced; an empty `what` stands before and after each character.
std::string with(std::string_view text, std::string_view what, std::string_view by)
{
    std::vector<text_range> found;
    for (std::size_t at = text.find(what); at != std::string_view::npos;) {
        found.push_back({at, at + what.size()});
        const std::size_t step = !what.empty()      ? what.size()
                                 : at < text.size() ? utf8_length(text[at])
                                                    : 1;
        at = at + step > text.size() ? std::string_view::npos : text.find(what, at + step);
    }
    return replaced(text, found, by);
}

/// Without the spaces that cutting English into words left.
std::string cleaned_up(std::string text)
{
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 11> rules{
        {{" .", "."},
         {" ?", "?"},
         {" !", "!"},
         {" ,", ","},
         {" ' ", "'"},
         {" n't", "n't"},
         {" 'm", "'m"},
         {" do not", " don't"},
         {" 's", "'s"},
         {" 've", "'ve"},
         {" 're", "'re"}}};
    for (const auto& [what, by] : rules)
        text = with(text, what, by);
    return text;
}

} // namespace

decoder::decoder(const json_place& document)
{
    present_ = document.find("decoder");
    if (present_)
        read(document.object("decoder"));
    goes_on_ = goes_on();
}

void decoder::read(const json_place& fields)
{
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    const std::string_view type = fields.text("type");
    if (type == "Sequence") {
        for (const json_place& member : fields.objects("decoders", max_components))
            read(member);
    } else if (type == "ByteLevel") {
        steps_.emplace_back(byte_level{});
    } else if (type == "ByteFallback") {
        steps_.emplace_back(byte_fallback{});
    } else if (type == "Fuse") {
        steps_.emplace_back(fuse{});
    } else if (type == "Replace") {
        steps_.emplace_back(
            replace{text_pattern::read(fields, "pattern"), read_replacement(fields)});
    } else if (type == "Strip") {
        steps_.emplace_back(strip{read_character(fields, "content", " "),
                                  static_cast<std::size_t>(fields.integer("start", 0, most)),
                                  static_cast<std::size_t>(fields.integer("stop", 0, most))});
    } else if (type == "Metaspace") {
        steps_.emplace_back(metaspace::read(fields));
    } else if (type == "WordPiece") {
        steps_.emplace_back(
            word_piece{std::string(fields.text("prefix")), fields.flag("cleanup", true)});
    } else if (type == "BPEDecoder") {
        steps_.emplace_back(word_ends{std::string(fields.text("suffix"))});
    } else if (type == "CTC") {
        steps_.emplace_back(ctc{std::string(fields.text("pad_token")),
                                std::string(fields.text("word_delimiter_token")),
                                fields.flag("cleanup", true)});
    } else {
        refuse_component(fields, "decoder", type);
    }
    limit_components(fields, steps_.size());
}

/// Whether each step looks at one token after the other, up to the one that makes a single text of
/// them; after that, only its beginning may be stripped. CTC looks back at the token before.
bool decoder::goes_on() const
{
    bool joined = false;
    for (const step& each : steps_) {
        if (std::holds_alternative<ctc>(each))
            return false;
        const auto* const stripping = std::get_if<strip>(&each);
        const bool joins =
            std::holds_alternative<fuse>(each) || std::holds_alternative<byte_level>(each);
        if (joined && !std::holds_alternative<fuse>(each) && !(stripping && stripping->stop == 0))
            return false;
        joined = joined || joins;
    }
    return true;
}

decoder::texts decoder::decoded(texts tokens, place& where, match_budget& budget) const
{
    bool joined = false;
    for (const step& each : steps_) {
        const bool goes_on_after_start = joined && !where.at_start; // a strip of the whole text
        if (goes_on_after_start && std::holds_alternative<strip>(each))
            continue;
        tokens = std::visit(
            [&](const auto& rule) { return apply(rule, std::move(tokens), where, budget); }, each);
        joined = joined || std::holds_alternative<fuse>(each) ||
                 std::holds_alternative<byte_level>(each);
    }
    return tokens;
}

std::string decoder::operator()(std::vector<std::string> tokens, match_budget& budget) const
{
    place where;
    return joined(decoded(std::move(tokens), where, budget), separator());
}

decoder::part decoder::next(std::vector<std::string> tokens, bool at_start,
                            match_budget& budget) const
{
    place where{.at_start = at_start};
    part made{.text = joined(decoded(std::move(tokens), where, budget), separator())};
    made.ends = goes_on_ ? where.ends : ending::open;
    if (at_start && made.text.empty())
        made.ends = ending::open; // what strips its beginning is not done with it
    if (!at_start)
        made.text.insert(0, separator());
    return made;
}

decoder::texts decoder::apply(byte_level, texts in, place& where, match_budget&)
{
    std::string bytes;
    for (const std::string& token : in)
        if (!append_bytes(bytes, token))
            bytes += token; // an added token: text as it is
    if (where.ends == ending::whole && ends_within_character(bytes))
        where.ends = ending::character;
    return {to_valid_utf8(bytes)};
}

decoder::texts decoder::apply(byte_fallback, texts in, place& where, match_budget&)
{
    texts out;
    std::string run;
    const auto end_run = [&] {
        if (is_valid_utf8(run))
            out.push_back(run);
        else
            out.insert(out.end(), run.size(), "\xEF\xBF\xBD");
        run.clear();
    };
    for (std::string& token : in) {
        if (const std::optional<char> byte = fallback_byte(token)) {
            run += *byte;
            continue;
        }
        if (!run.empty())
            end_run();
        out.push_back(std::move(token));
    }
    if (!run.empty()) {
        where.ends = ending::open;
        end_run();
    }
    return out;
}

decoder::texts decoder::apply(fuse, texts in, place&, match_budget&) { return {joined(in, "")}; }

decoder::texts decoder::apply(const replace& rule, texts in, place&, match_budget& budget)
{
    text_search search(rule.pattern, budget);
    std::size_t bytes = 0;
    for (std::string& token : in) {
        token = search.replace_all(token, rule.by);
        check_text_size(bytes += token.size());
    }
    return in;
}

decoder::texts decoder::apply(const strip& rule, texts in, place&, match_budget&)
{
    for (std::string& token : in) {
        std::string_view rest = token;
        for (std::size_t i = 0; i < rule.start && rest.starts_with(rule.what); ++i)
            rest.remove_prefix(rule.what.size());
        for (std::size_t i = 0; i < rule.stop && rest.ends_with(rule.what); ++i)
            rest.remove_suffix(rule.what.size());
        token = std::string(rest);
    }
    return in;
}

decoder::texts decoder::apply(const metaspace& rule, texts in, place& where, match_budget& budget)
{
    const text_pattern replacement{rule.replacement};
    text_search search(replacement, budget);
    for (std::string& token : in) {
        const bool prefix =
            where.at_start && &token == &in.front() && rule.scheme != metaspace::prepend::never;
        token = search.replace_all(token, prefix ? "" : " ");
    }
    return in;
}

decoder::texts decoder::apply(const word_piece& rule, texts in, place& where, match_budget&)
{
    std::size_t bytes = 0;
    for (std::string& token : in) {
        const bool first = where.at_start && &token == &in.front();
        if (!first && token.starts_with(rule.prefix))
            token.erase(0, rule.prefix.size());
        else if (!first)
            token.insert(0, 1, ' ');
        if (rule.cleanup)
            token = cleaned_up(std::move(token));
        check_text_size(bytes += token.size());
    }
    return in;
}

decoder::texts decoder::apply(const word_ends& rule, texts in, place& where, match_budget&)
{
    std::size_t bytes = 0;
    for (std::string& token : in) {
        const bool last = &token == &in.back();
        if (last && token.find(rule.suffix) != std::string::npos)
            where.ends = ending::open; // a token after it makes the suffix a space
        token = with(token, rule.suffix, last ? "" : " ");
        check_text_size(bytes += token.size());
    }
    return in;
}

decoder::texts decoder::apply(const ctc& rule, texts in, place&, match_budget&)
{
    in.erase(std::unique(in.begin(), in.end()), in.end());
    for (std::string& token : in) {
        token = with(token, rule.padding, "");
        if (rule.cleanup)
            token = with(cleaned_up(std::move(token)), rule.delimiter, " ");
    }
    std::erase_if(in, [](const std::string& token) { return token.empty(); });
    return in;
}

} // namespace warmd::hf

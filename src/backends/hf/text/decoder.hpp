#pragma once
// The decoder of a tokenizer.json: how tokens become text again.

#include "hf/text/component.hpp"
#include "hf/text/pattern.hpp"

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

namespace warmd::hf {

/// Every decoder of tokenizers 0.23: BPEDecoder, ByteFallback, ByteLevel, CTC, Fuse, Metaspace,
/// Replace, Strip, WordPiece, and Sequences of them, in order. Anything else is `unsupported`, by
/// name.
class decoder {
public:
    /// Reads the member `decoder` of the document. Absent or null, tokens are joined by spaces.
    explicit decoder(const json_place& document);

    /// The text of `tokens` (each valid UTF-8). Throws as text_search::replace_all.
    std::string operator()(std::vector<std::string> tokens, match_budget& budget) const;

    /// How sure the text of some tokens is when others may follow.
    enum class ending {
        whole,     ///< it is what it will be: what follows is decoded by itself, and appended
        character, ///< its last bytes are no character yet
        open,      ///< all of it may change
    };
    struct part {
        std::string text;
        ending ends = ending::whole;
    };
    /// The text of `tokens` that go on from others with a whole text, or begin (`at_start`).
    part next(std::vector<std::string> tokens, bool at_start, match_budget& budget) const;

private:
    struct byte_level {};    ///< byte_alphabet.hpp backwards; all tokens become one
    struct byte_fallback {}; ///< runs of "<0x41>" become what they spell
    struct fuse {};          ///< all tokens become one
    struct replace {
        text_pattern pattern;
        std::string by;
    };
    struct strip {
        std::string what;  ///< one character
        std::size_t start; ///< at most so many at the start of each token
        std::size_t stop;  ///< and at its end
    };
    /// A token without the prefix begins a word: a space goes before it, but at the start.
    struct word_piece {
        std::string prefix;
        bool cleanup; ///< whether spaces go that English text does not have
    };
    /// The suffix becomes a space, but in the last token.
    struct word_ends {
        std::string suffix;
    };
    /// Of equal tokens in a row one stays, without what marks padding.
    struct ctc {
        std::string padding;
        std::string delimiter; ///< with `cleanup`, a space
        bool cleanup;
    };
    using step = std::variant<byte_level, byte_fallback, fuse, replace, strip, metaspace,
                              word_piece, word_ends, ctc>;
    using texts = std::vector<std::string>;
    /// What a step needs to know of the tokens' place, and finds out about their end.
    struct place {
        bool at_start = true;
        ending ends = ending::whole;
    };

    void read(const json_place& fields);
    bool goes_on() const;
    texts decoded(texts tokens, place& where, match_budget& budget) const;
    static texts apply(byte_level, texts in, place& where, match_budget& budget);
    static texts apply(byte_fallback, texts in, place& where, match_budget& budget);
    static texts apply(fuse, texts in, place& where, match_budget& budget);
    static texts apply(const replace& rule, texts in, place& where, match_budget& budget);
    static texts apply(const strip& rule, texts in, place& where, match_budget& budget);
    static texts apply(const metaspace& rule, texts in, place& where, match_budget& budget);
    static texts apply(const word_piece& rule, texts in, place& where, match_budget& budget);
    static texts apply(const word_ends& rule, texts in, place& where, match_budget& budget);
    static texts apply(const ctc& rule, texts in, place& where, match_budget& budget);

    std::string_view separator() const { return present_ ? "" : " "; }

    std::vector<step> steps_;
    bool present_ = false;
    bool goes_on_ = true; ///< part by part, the text is that of all tokens at once
};

} // namespace warmd::hf

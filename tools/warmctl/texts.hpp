#pragma once
// Where the texts of a command come from: the command line, files, standard input.

#include "warmctl/arguments.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace warmd::ctl {

/// A text, and what it is called where results are shown.
struct text_input {
    std::string called; ///< the text itself, or @FILE
    std::string text;
};

/// The words in their order, then each --file. A word is a text; @FILE is the contents of a file,
/// @@… the text @…, and - standard input: one text each, less a final line break; with --lines a
/// text on each of its lines; with --jsonl the member FIELD of the JSON object on each line. A word
/// that is a file's name is a text, and a note on standard error says so. Throws usage_error when
/// there are none, calling them `what`, and on what cannot be read.
std::vector<text_input> read_texts(const arguments& typed, std::string_view what);
/// What they are called.
std::vector<std::string> names_of(const std::vector<text_input>& inputs);
/// The only text, likewise.
std::string read_text(const arguments& typed, std::string_view what);

/// Prompt, completion, prompt, completion, …: from words, or from lines (- or a file), PROMPT, a
/// tab and COMPLETION each, or with --jsonl PROMPT,COMPLETION two members of each.
std::vector<text_input> read_pairs(const arguments& typed);

} // namespace warmd::ctl

#include "warmctl/texts.hpp"

#include "warmctl/format.hpp"

#include <warmd/json.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <utility>

namespace warmd::ctl {

namespace {

constexpr std::uintmax_t largest_file = 64 << 20; // far more than a request may have

/// JSON can carry nothing else.
const std::string& checked(const std::string& text, const std::string& from)
{
    if (!is_utf8(text))
        throw usage_error((from.empty() ? quoted(text, 200) : from) + " is not UTF-8");
    return text;
}

std::string contents_of(const std::string& file)
{
    std::ifstream opened(file, std::ios::binary);
    std::error_code ec;
    if (!opened || std::filesystem::is_directory(file, ec))
        throw usage_error("cannot read the file '" + file + "' (@@" + file + " is the text @" +
                          file + ")");
    if (const auto size = std::filesystem::file_size(file, ec); !ec && size > largest_file)
        throw usage_error("'" + file + "' has " + std::to_string(size) + " bytes; at most " +
                          std::to_string(largest_file) + " are read");
    return checked(std::string(std::istreambuf_iterator<char>(opened), {}), "'" + file + "'");
}

std::vector<std::string> lines_of(const std::string& all)
{
    std::vector<std::string> lines;
    std::istringstream in(all);
    for (std::string line; std::getline(in, line);)
        lines.push_back(std::move(line));
    return lines;
}

bool is_blank(const std::string& line) { return line.find_first_not_of(" \t\r") == line.npos; }

/// The text in a member of a line of JSON.
std::string member_of(const std::string& line, const std::string& field, const std::string& where)
{
    const auto parsed = parse_json(line);
    const json::object* const object = parsed ? parsed->if_object() : nullptr;
    const json::value* const found = object ? object->if_contains(field) : nullptr;
    if (!parsed)
        throw usage_error(where + " is not JSON: " + parsed.error().detail);
    if (!found || !found->is_string())
        throw usage_error(where + " has no text \"" + field + "\", found " + excerpt(*parsed));
    return std::string(found->get_string());
}

/// How a file, or standard input, is taken apart.
struct taken_apart {
    bool lines = false;
    std::optional<std::string> field = {};

    /// Of `all`, which is called `called`.
    void add(std::vector<text_input>& to, std::string all, const std::string& called) const
    {
        if (!lines && !field) {
            if (all.ends_with('\n'))
                all.pop_back();
            to.push_back({called, std::move(all)});
            return;
        }
        std::size_t number = 0;
        for (const std::string& line : lines_of(all)) {
            ++number;
            if (field && is_blank(line))
                continue;
            const std::string text =
                field ? member_of(line, *field, called + ", line " + std::to_string(number)) : line;
            to.push_back({text, text});
        }
    }
};

std::string standard_input()
{
    return checked(std::string(std::istreambuf_iterator<char>(std::cin), {}), "standard input");
}

/// People who mean the file have a number that looks right otherwise.
void note_if_file(const std::string& word)
{
    std::error_code ec;
    if (std::filesystem::is_regular_file(word, ec))
        std::cerr << "warmctl: note: '" << visible(word) << "' is taken as a text; @"
                  << visible(word) << " is what the file has in it\n";
}

} // namespace

std::vector<text_input> read_texts(const arguments& typed, std::string_view what)
{
    const taken_apart by{typed.has("lines"), typed.text("jsonl")};
    std::vector<text_input> made;
    for (const std::string& word : typed.words()) {
        if (word == "-") {
            by.add(made, standard_input(), "-");
        } else if (word.starts_with("@@")) {
            made.push_back({word.substr(1), word.substr(1)});
        } else if (word.starts_with('@')) {
            by.add(made, contents_of(word.substr(1)), word);
        } else {
            note_if_file(word);
            made.push_back({word, word});
        }
    }
    for (const std::string& file : typed.texts("file"))
        by.add(made, contents_of(file), "@" + file);
    if (made.empty())
        throw usage_error("no " + std::string(what) +
                          ": give them as arguments, @FILE for a file, - for standard input");
    return made;
}

std::vector<std::string> names_of(const std::vector<text_input>& inputs)
{
    std::vector<std::string> names;
    for (const text_input& each : inputs)
        names.push_back(each.called);
    return names;
}

std::string read_text(const arguments& typed, std::string_view what)
{
    auto made = read_texts(typed, what);
    if (made.size() != 1)
        throw usage_error("exactly one " + std::string(what) +
                          " is wanted (@FILE for a file, - for standard input), found " +
                          std::to_string(made.size()));
    return std::move(made.front().text);
}

namespace {

/// Both halves of each line of standard input or a file.
void add_pairs(std::vector<text_input>& to, const std::string& all, const std::string& called,
               const std::optional<std::string>& fields)
{
    std::size_t number = 0;
    for (const std::string& line : lines_of(all)) {
        const std::string where = called + ", line " + std::to_string(++number);
        if (fields && is_blank(line))
            continue;
        std::string halves[2];
        if (fields) {
            const std::size_t comma = fields->find(',');
            if (comma == fields->npos)
                throw usage_error("--jsonl must be PROMPT,COMPLETION: two members of each line, "
                                  "found '" +
                                  *fields + "'");
            halves[0] = member_of(line, fields->substr(0, comma), where);
            halves[1] = member_of(line, fields->substr(comma + 1), where);
        } else {
            const std::size_t tab = line.find('\t');
            if (tab == line.npos)
                throw usage_error(where + " must be PROMPT, a tab, COMPLETION; found '" + line +
                                  "'");
            halves[0] = line.substr(0, tab);
            halves[1] = line.substr(tab + 1);
        }
        for (const std::string& each : halves)
            to.push_back({each, each});
    }
}

} // namespace

std::vector<text_input> read_pairs(const arguments& typed)
{
    const auto fields = typed.text("jsonl");
    const auto& words = typed.words();
    std::vector<text_input> made;
    const bool from_lines =
        words == std::vector<std::string>{"-"} || (words.empty() && !typed.texts("file").empty());
    if (!from_lines)
        made = read_texts(typed, "prompt and completion");
    else if (!words.empty())
        add_pairs(made, standard_input(), "-", fields);
    if (from_lines)
        for (const std::string& file : typed.texts("file"))
            add_pairs(made, contents_of(file), "@" + file, fields);
    if (made.size() % 2 != 0)
        throw usage_error("prompts and completions come in pairs, found " +
                          std::to_string(made.size()) + " texts");
    return made;
}

} // namespace warmd::ctl

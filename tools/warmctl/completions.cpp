#include "warmctl/completions.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace warmd::ctl {

namespace {

std::string replaced(std::string text, char what, std::string_view with)
{
    for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += with.size())
        text.replace(at, 1, with);
    return text;
}

std::vector<std::string> command_names()
{
    std::vector<std::string> names;
    for (const command& each : commands())
        names.emplace_back(each.name);
    return names;
}

/// What the words of the command may be, as far as there is a list.
std::vector<std::string> words_of(const schema::contract& by, const command& of)
{
    std::vector<std::string> words;
    if (of.words == "method")
        for (const schema::method& each : by.methods)
            words.emplace_back(each.name);
    else if (const schema::type* const type = by.find_type(of.words))
        words.assign(type->words.begin(), type->words.end());
    return words;
}

bool names_a_file(const option& of) { return of.type == "path" || of.type == "directory"; }

std::string typed_names(const std::vector<option>& options)
{
    std::vector<std::string> names;
    for (const option& each : options)
        names.push_back("--" + std::string(each.name));
    return joined(names, " ");
}

// bash: what stands before the cursor says what is offered ---------------

/// The options whose values are the same words, for each such list; those of files under "".
std::map<std::string, std::set<std::string>> options_by_words(const schema::contract& by)
{
    std::map<std::string, std::set<std::string>> found;
    const auto add = [&](std::string_view method, const option& each) {
        const std::string words = joined(words_of(by, method, each), " ");
        if (each.value.empty() || (words.empty() && !names_a_file(each)))
            return;
        found[words].insert("--" + std::string(each.name));
        if (each.letter)
            found[words].insert(std::string("-") + each.letter);
    };
    for (const option& each : common_options())
        add("", each);
    for (const command& of : commands())
        for (const option& each : of.options)
            add(of.method, each);
    return found;
}

std::string bash_values(const schema::contract& by)
{
    std::string text;
    for (const auto& [words, options] : options_by_words(by))
        text += "    " + joined(options, " | ") + ") mapfile -t COMPREPLY < <(compgen " +
                (words.empty() ? "-f" : "-W \"" + words + '"') + " -- \"$word\") && return ;;\n";
    return text;
}

std::string bash_commands(const schema::contract& by)
{
    std::string text;
    for (const command& each : commands()) {
        std::vector<std::string> own = words_of(by, each);
        if (!each.options.empty())
            own.push_back(typed_names(each.options));
        if (!own.empty())
            text += "    " + std::string(each.name) + ") own=\"" + joined(own, " ") + "\" ;;\n";
    }
    return text;
}

// zsh ------------------------------------------------------------

std::string zsh_quoted(std::string text) { return replaced(std::move(text), '\'', R"('\'')"); }

std::string zsh_option(const schema::contract& by, std::string_view method, const option& of)
{
    std::string doc = replaced(text_of(by, method, of).doc, ']', "\\]");
    std::string spec = (of.repeats ? "*--" : "--") + std::string(of.name) + '[' + doc + ']';
    std::vector<std::string> words = words_of(by, method, of);
    for (std::string& each : words)
        each = replaced(each, ':', "\\:");
    if (!of.value.empty())
        spec += ':' + std::string(of.value) + ':' +
                (of.type == "directory" ? "_directories"
                 : of.type == "path"    ? "_files"
                 : words.empty()        ? ""
                                        : '(' + joined(words, " ") + ')');
    return '\'' + zsh_quoted(std::move(spec)) + '\'';
}

std::string zsh_arguments(const schema::contract& by, const command& of)
{
    std::string text;
    for (const option& each : of.options)
        text += zsh_option(by, of.method, each) + " \\\n            ";
    const std::vector<std::string> words = words_of(by, of);
    return "        _arguments " + text +
           (words.empty() ? "'*:argument:_files'" : "'*:word:(" + joined(words, " ") + ")'") +
           " ;;\n";
}

// fish ------------------------------------------------------------

std::string fish_quoted(std::string text)
{
    return '\'' + replaced(replaced(std::move(text), '\\', "\\\\"), '\'', "\\'") + '\'';
}

std::string fish_option(const schema::contract& by, std::string_view method, const option& of)
{
    std::string text = " -l " + std::string(of.name);
    if (of.letter)
        text += std::string(" -s ") + of.letter;
    const std::vector<std::string> words = words_of(by, method, of);
    if (names_a_file(of))
        text += " -r -F";
    else if (!of.value.empty())
        text += " -x" + (words.empty() ? "" : " -a " + fish_quoted(joined(words, " ")));
    return text + " -d " + fish_quoted(text_of(by, method, of).doc) + '\n';
}

} // namespace

std::string bash_completion(const schema::contract& by)
{
    return R"(# bash completion of warmctl
_warmctl() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command= each own=
    local commands=")" +
           joined(command_names(), " ") + R"("
    for each in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case " $commands " in *" $each "*) command=$each && break ;; esac
    done
    case $before in
)" + bash_values(by) +
           R"(    esac
    case $command in
    "") own="$commands )" +
           typed_names(common_options()) + "\" ;;\n" + bash_commands(by) + R"(    esac
    mapfile -t COMPREPLY < <(compgen -W "$own --help" -- "$word")
}
complete -o filenames -F _warmctl warmctl
)";
}

std::string zsh_completion(const schema::contract& by)
{
    std::string text = "#compdef warmctl\nlocal -a commands\ncommands=(\n";
    for (const command& each : commands())
        text +=
            "    '" + zsh_quoted(std::string(each.name) + ':' + std::string(each.summary)) + "'\n";
    text += ")\n_arguments -C \\\n";
    for (const option& each : common_options())
        text += "    " + zsh_option(by, "", each) + " \\\n";
    text += R"(    '1:command:->command' '*::argument:->arguments'
case $state in
command) _describe command commands ;;
arguments)
    case $words[1] in
)";
    for (const command& each : commands())
        if (!each.options.empty() || !each.words.empty())
            text += "    " + std::string(each.name) + ")\n" + zsh_arguments(by, each);
    return text + "    esac ;;\nesac\n";
}

std::string fish_completion(const schema::contract& by)
{
    const std::string names = joined(command_names(), " ");
    std::string text = "# fish completion of warmctl\ncomplete -c warmctl -f\n";
    for (const command& each : commands())
        text += "complete -c warmctl -n 'not __fish_seen_subcommand_from " + names + "' -a " +
                std::string(each.name) + " -d " + fish_quoted(std::string(each.summary)) + '\n';
    for (const option& each : common_options())
        text += "complete -c warmctl" + fish_option(by, "", each);
    for (const command& of : commands()) {
        const std::string seen =
            "complete -c warmctl -n '__fish_seen_subcommand_from " + std::string(of.name) + "'";
        for (const option& each : of.options)
            text += seen + fish_option(by, of.method, each);
        if (const auto words = words_of(by, of); !words.empty())
            text += seen + " -a " + fish_quoted(joined(words, " ")) + '\n';
    }
    return text;
}

} // namespace warmd::ctl

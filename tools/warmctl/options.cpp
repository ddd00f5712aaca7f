#include "warmctl/options.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace warmd::ctl {

namespace {

const schema::field* field_of(const schema::contract& by, std::string_view method,
                              std::string_view name)
{
    const schema::method* const found = by.find_method(method);
    if (!found || name.empty())
        return nullptr;
    const auto field = std::find_if(found->params.begin(), found->params.end(),
                                    [&](const schema::field& each) { return each.name == name; });
    return field == found->params.end() ? nullptr : &*field;
}

std::string_view type_of(const schema::field* field, const option& of)
{
    return !of.type.empty() || !field ? of.type : field->type;
}

/// A default that is worth a word: a switch has none, and nothing is none.
std::string shown_default(const schema::field* field, const option& of)
{
    std::string_view text = !of.otherwise.empty() || !field ? of.otherwise : field->otherwise;
    if (of.value.empty() || text == "[]" || text == "null")
        return {};
    if (text.starts_with('"'))
        text = text.substr(1, text.size() - 2);
    return std::string(text);
}

template <class Number, class Bounds>
Number read_within(const option& of, std::string_view text, const Bounds* within)
{
    constexpr Number lowest = std::numeric_limits<Number>::lowest(),
                     highest = std::numeric_limits<Number>::max();
    const auto bounded = [&](auto bound) {
        return std::isinf(static_cast<double>(bound)) ? highest : static_cast<Number>(bound);
    };
    const Number least =
        within && !std::isinf(static_cast<double>(within->least)) ? bounded(within->least) : lowest;
    return read_number<Number>("--" + std::string(of.name), text, least,
                               within ? bounded(within->most) : highest);
}

/// One value of the type, as it was typed.
void write_value(json_writer& out, const schema::contract& by, const schema::field& to,
                 const option& of, const std::string& text)
{
    const std::string_view type = schema::parse_type(to.type).element;
    if (type == "View")
        return write_view(out, of.name, text);
    if (type == "integer" || type == "TokenId")
        out.value(read_within<std::uint64_t>(of, text, std::get_if<schema::integers>(&to.within)));
    else if (type == "number" || type == "seconds")
        out.value(read_within<double>(of, text, std::get_if<schema::numbers>(&to.within)));
    else if (const schema::type* const named = by.find_type(type);
             named && !named->words.empty() &&
             std::find(named->words.begin(), named->words.end(), text) == named->words.end())
        throw usage_error("--" + std::string(of.name) + " must be " + schema::wanted(by, to) +
                          ", found '" + text + "'");
    else
        out.value(text);
}

/// A switch says the opposite of the default, or its own name where the parameter is a word.
void write_switch(json_writer& out, const schema::field& to, const option& of)
{
    if (to.type == "boolean")
        out.value(to.otherwise != "true");
    else
        out.value(of.name);
}

void write_option(json_writer& out, const schema::contract& by, const schema::field& to,
                  const option& of, const arguments& typed)
{
    const std::string name(of.name);
    if (!typed.has(name)) {
        if (!of.otherwise.empty())
            out.key(to.name).raw(of.otherwise);
        return;
    }
    out.key(to.name);
    if (of.value.empty())
        return write_switch(out, to, of);
    if (!of.repeats)
        return write_value(out, by, to, of, *typed.text(name));
    out.begin_array();
    for (const std::string& each : typed.texts(name))
        write_value(out, by, to, of, each);
    out.end_array();
}

} // namespace

std::vector<option> model_options()
{
    return {
        {.name = "model",
         .letter = 'm',
         .value = "BASE",
         .doc = "a directory, a repository id, or a name (with view)",
         .type = "path"},
        {.name = "adapter",
         .letter = 'a',
         .value = "DIR",
         .doc = "a LoRA adapter; alone: on the base that it names",
         .type = "directory"},
        {.name = "revision",
         .value = "REV",
         .doc = "of a repository id: a branch, a tag or a commit",
         .seldom = true},
        {.name = "dtype",
         .value = "TYPE",
         .doc = "type to compute in",
         .type = "Dtype",
         .seldom = true},
        {.name = "kind", .value = "KIND", .doc = "which loader knows it", .seldom = true},
        {.name = "options",
         .value = "JSON",
         .doc = "what else its kind understands",
         .seldom = true},
        {.name = "entry-point", .value = "NAME", .doc = "for kinds that have any", .seldom = true},
        {.name = "keep-alive", .value = "S", .sets = "keep_alive", .seldom = true}};
}

option view_option()
{
    return {.name = "view", .value = "VIEW", .sets = "view", .doc = "how it is seen"};
}

option bos_option() { return {.name = "bos", .sets = "bos"}; }

std::vector<option> scoring_options(std::vector<option> own)
{
    return model_options() + std::move(own) +
           std::vector<option>{{.name = "file",
                                .value = "FILE",
                                .doc = "a text from a file, as @FILE; may be repeated",
                                .type = "path",
                                .repeats = true},
                               {.name = "lines", .doc = "each line of - and of files is a text"},
                               {.name = "jsonl",
                                .value = "FIELD",
                                .doc = "each line of them is JSON: that member of it"},
                               {.name = "priority",
                                .value = "WHAT",
                                .sets = "priority",
                                .doc = "batch: let others go first"},
                               {.name = "fresh", .sets = "fresh"}};
}

std::vector<option> viewing_options(std::vector<option> own)
{
    return scoring_options(std::vector<option>{view_option()} + std::move(own));
}

std::vector<option> common_options()
{
    return {{.name = "socket",
             .value = "PATH",
             .doc = "the daemon's socket (else $WARMD_SOCKET, else the daemon's default)",
             .type = "path"},
            {.name = "start", .doc = "start a daemon if there is none (so does WARMD_AUTOSTART=1)"},
            {.name = "json", .doc = "print the result as JSON"},
            {.name = "timeout", .value = "S", .doc = "give up after S seconds"},
            {.name = "repeat",
             .value = "N",
             .doc = "ask N times more, and tell on standard error how long that took"},
            {.name = "version", .doc = "print the version"},
            {.name = "help", .letter = 'h', .doc = "print help; of one command after its name"}};
}

std::vector<option> operator+(std::vector<option> some, std::vector<option> more)
{
    some.insert(some.end(), more.begin(), more.end());
    return some;
}

option_text text_of(const schema::contract& by, std::string_view method, const option& of)
{
    const schema::field* const field = field_of(by, method, of.sets);
    option_text text;
    if (of.letter)
        text.typed = std::string("-") + of.letter + ", ";
    text.typed += "--" + std::string(of.name);
    if (!of.value.empty())
        text.typed += ' ' + std::string(of.value);
    text.doc = of.doc.empty() && field ? field->doc : of.doc;
    if (type_of(field, of) == "View")
        text.doc += ": base, ft, scaled:0.5, null[:SEED]";
    if (const std::string otherwise = shown_default(field, of); !otherwise.empty())
        text.doc += " (" + otherwise + ')';
    return text;
}

std::vector<std::string> words_of(const schema::contract& by, std::string_view method,
                                  const option& of)
{
    const std::string_view type = type_of(field_of(by, method, of.sets), of);
    std::vector<std::string> words;
    const schema::type* const found = by.find_type(type == "View" ? "NamedView" : type);
    if (found)
        words.assign(found->words.begin(), found->words.end());
    if (type == "View")
        words.insert(words.end(), {"scaled:", "null"});
    return words;
}

void declare(po::options_description& to, const std::vector<option>& all)
{
    for (const option& each : all) {
        std::string name(each.name);
        if (each.letter)
            (name += ',') += each.letter;
        if (each.value.empty())
            to.add_options()(name.c_str(), "");
        else if (each.repeats)
            to.add_options()(name.c_str(), po::value<std::vector<std::string>>());
        else
            to.add_options()(name.c_str(), po::value<std::string>());
    }
}

void write_options(json_writer& out, const schema::contract& by, std::string_view method,
                   const std::vector<option>& all, const arguments& typed)
{
    for (const option& each : all)
        if (const schema::field* const field = field_of(by, method, each.sets))
            write_option(out, by, *field, each, typed);
}

} // namespace warmd::ctl

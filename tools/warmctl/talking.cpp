#include "warmctl/talking.hpp"

#include "warmctl/format.hpp"
#include "warmctl/progress_line.hpp"
#include "warmctl/requests.hpp"
#include "warmctl/texts.hpp"

#include <warmd/client.hpp>

#include <boost/json.hpp>
#include <editline/readline.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>

namespace warmd::ctl {

namespace {

request ask_chat(const question& from);
request ask_compare(const question& from);
result<bool> chat(client& daemon, const arguments& typed, const request& how);
result<bool> compare(client& daemon, const arguments& typed, const request& what);

std::vector<option> of_generation(std::vector<option> more)
{
    return std::vector<option>{{.name = "max-new-tokens",
                                .value = "N",
                                .sets = "max_new_tokens",
                                .otherwise = "64"},
                               {.name = "temperature", .value = "T", .sets = "temperature"},
                               {.name = "top-p", .value = "P", .sets = "top_p"},
                               {.name = "top-k", .value = "K", .sets = "top_k"},
                               {.name = "seed", .value = "N", .sets = "seed"},
                               {.name = "stop",
                                .value = "TEXT",
                                .sets = "stop",
                                .doc = "end before TEXT; may be repeated",
                                .repeats = true},
                               {.name = "stop-token",
                                .value = "ID",
                                .sets = "stop_token_ids",
                                .doc = "end at this token; may be repeated",
                                .repeats = true}} +
           std::move(more);
}

} // namespace

std::vector<command> that_write()
{
    return {{.name = "generate",
             .summary = "continue a prompt",
             .method = "generate",
             .usage = R"(generate -m BASE [-a DIR] [--view VIEW] [OPTION…] PROMPT
Continues PROMPT (@FILE is a file, - standard input), token by token on a
terminal.
)",
             .example = "generate -m ./model -a ./adapter --temperature 0.8 'In the beginning'\n",
             .options = viewing_options(of_generation(
                 {bos_option(),
                  {.name = "stream", .sets = "stream", .doc = "token by token, terminal or not"}})),
             .scores = true,
             .ask = ask_generate,
             .show = show_text},
            {.name = "chat",
             .summary = "talk with a model at the terminal",
             .method = "generate",
             .usage = R"(chat -m BASE [-a DIR] [--view VIEW] [--system TEXT] [OPTION…]
A conversation in the model's own chat template: each line that is typed is
answered. /view base and /view ft change who answers, /clear begins again, ^D ends
it. In a pipe each line of standard input is a turn, and each answer a line.
)",
             .example = "chat -a ./adapter\n",
             .options = model_options() +
                        std::vector<option>{view_option(),
                                            {.name = "system",
                                             .value = "TEXT",
                                             .doc = "what stands above the conversation"}} +
                        of_generation({}),
             .scores = true,
             .ask = ask_chat,
             .follow = chat},
            {.name = "compare-generate",
             .summary = "a prompt continued by the base and by the adapter",
             .method = "generate",
             .usage = R"(compare-generate [-m BASE] -a DIR [OPTION…] PROMPT
Continues PROMPT (@FILE is a file, - standard input) through the base and through
the fine-tuned model, beside each other on a terminal.
)",
             .example = "compare-generate -a ./adapter 'In the beginning'\n",
             .options = scoring_options(of_generation({bos_option()})),
             .scores = true,
             .ask = ask_compare,
             .follow = compare}};
}

namespace {

/// The parameters of a request as members that others can be added to.
json::object members_of(const request& of) { return parse_json(of.params).value().as_object(); }

/// A line that somebody types, with a history; else of standard input.
std::optional<std::string> next_line(bool typed_by_hand)
{
    if (!typed_by_hand) {
        std::string line;
        return std::getline(std::cin, line) ? std::optional(line) : std::nullopt;
    }
    const std::unique_ptr<char, decltype(&std::free)> line(::readline("> "), &std::free);
    if (!line)
        return {};
    if (*line)
        ::add_history(line.get());
    return std::string(line.get());
}

/// What is said in a conversation, and by whom.
class conversation {
public:
    conversation(client& daemon, json::object how) : daemon_(daemon), how_(std::move(how)) {}

    void clear() { said_.clear(); }
    void say(std::string_view role, std::string_view text)
    {
        said_.push_back(json::object{{"role", role}, {"content", text}});
    }
    void take_back() { said_.pop_back(); }
    /// Through which view answers are given from now on.
    void look_through(std::string_view view)
    {
        std::string text;
        json_writer out(text);
        write_view(out, "view", view);
        how_["view"] = parse_json(text).value();
    }
    /// What the model answers; each token is told of as it comes.
    result<std::string> answer(const client::on_notification& told)
    {
        json::object asked{{"model", how_["model"]}, {"messages", said_}};
        const auto prompt = daemon_.call("render", json_text(asked));
        if (!prompt)
            return prompt.error();
        json::object how = how_;
        how["prompt"] = prompt->at("ids");
        how["stream"] = true;
        const auto written = daemon_.call("generate", json_text(how), told);
        if (!written)
            return written.error();
        return std::string(written->at("text").as_string());
    }

private:
    client& daemon_;
    json::object how_;
    json::array said_;
};

constexpr const char* commands_in_a_chat =
    "/view base|ft|scaled:0.5|null[:SEED]: answers through that view; /clear: begin again; "
    "/quit: end (or ^D)\n";

/// A line that begins with /: false if it ends the conversation.
bool obey(const std::string& line, conversation& with)
try {
    if (line == "/quit" || line == "/exit")
        return false;
    if (line == "/clear")
        with.clear();
    else if (line.starts_with("/view "))
        with.look_through(line.substr(6));
    else
        std::cerr << commands_in_a_chat;
    return true;
} catch (const usage_error& why) {
    std::cerr << "warmctl: " << visible(why.what()) << '\n';
    return true;
}

/// Loads the model first, so that there is something to look at meanwhile.
result<void> load(client& daemon, const json::value& model)
{
    progress_line progress(::isatty(STDERR_FILENO));
    const auto loaded =
        daemon.call("load", json_text(json::object{{"model", model}, {"progress", true}}),
                    [&](std::string_view method, const json::value& params) {
                        if (method == "$/progress")
                            progress.draw(params.at("value"));
                    });
    if (!loaded)
        return loaded.error();
    return {};
}

/// What the options say of a generation.
request generation(const question& from, const std::optional<std::string>& prompt)
{
    request made{"generate", "", {}};
    json_writer out(made.params);
    out.begin_object();
    write_model(out, from.typed, false);
    if (prompt)
        out.member("prompt", *prompt);
    write_options(out, from.by, made.method, from.asked.options, from.typed);
    out.end_object();
    return made;
}

request ask_chat(const question& from)
{
    if (!from.typed.words().empty())
        throw usage_error("chat takes no words: what is said comes from standard input");
    return generation(from, {});
}

result<bool> chat(client& daemon, const arguments& typed, const request& how)
{
    json::object members = members_of(how);
    if (auto loaded = load(daemon, members["model"]); !loaded)
        return loaded.error();
    const bool by_hand = ::isatty(STDIN_FILENO) && ::isatty(STDOUT_FILENO);
    if (by_hand)
        std::cerr << commands_in_a_chat;
    conversation with(daemon, std::move(members));
    if (const auto system = typed.text("system"))
        with.say("system", *system);
    const auto told = [](std::string_view method, const json::value& params) {
        if (method == "$/token")
            std::cout << std::string_view(params.at("text").as_string()) << std::flush;
    };
    while (const auto line = next_line(by_hand)) {
        if (line->starts_with('/')) {
            if (!obey(*line, with))
                break;
            continue;
        }
        if (line->empty())
            continue;
        with.say("user", *line);
        const auto said = with.answer(told);
        std::cout << std::endl;
        if (!said && (!by_hand || said.error().code == errc::disconnected))
            return said.error();
        if (said)
            with.say("assistant", *said);
        else
            with.take_back();
        if (!said)
            std::cerr << "warmctl: " << visible(said.error().detail) << '\n';
    }
    return true;
}

request ask_compare(const question& from)
{
    return generation(from, read_text(from.typed, "prompt"));
}

} // namespace

std::string side_by_side(const std::string (&names)[2], const std::string (&texts)[2],
                         std::size_t width)
{
    if (width < 60)
        return names[0] + ":\n" + texts[0] + "\n\n" + names[1] + ":\n" + texts[1] + '\n';
    const std::size_t half = (width - 3) / 2;
    const auto left = wrapped(texts[0], half), right = wrapped(texts[1], half);
    table lines({{names[0], table::align::left}, {names[1], table::align::left}});
    for (std::size_t i = 0; i != std::max(left.size(), right.size()); ++i)
        lines.row({i < left.size() ? left[i] : "", i < right.size() ? right[i] : ""});
    return lines.text();
}

namespace {

result<bool> compare(client& daemon, const arguments& typed, const request& what)
{
    json::object members = members_of(what);
    if (auto loaded = load(daemon, members["model"]); !loaded)
        return loaded.error();
    const std::string names[2] = {"base", "ft"};
    std::map<std::uint64_t, std::size_t> place;
    for (std::size_t i = 0; i != 2; ++i) {
        members["view"] = names[i];
        const auto sent = daemon.send("generate", json_text(members));
        if (!sent)
            return sent.error();
        place.emplace(*sent, i);
    }
    std::string texts[2];
    json::object all;
    for (std::size_t i = 0; i != 2; ++i) {
        auto reply = daemon.receive();
        if (!reply)
            return reply.error();
        if (!reply->outcome)
            return reply->outcome.error();
        const std::size_t at = place.at(reply->id);
        texts[at] = reply->outcome->at("text").as_string();
        all[names[at]] = std::move(*reply->outcome);
    }
    winsize window{};
    const bool shown = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0;
    std::cout << (typed.has("json") ? json_text(all) + '\n'
                                    : side_by_side(names, texts, shown ? window.ws_col : 0));
    return true;
}

} // namespace

} // namespace warmd::ctl

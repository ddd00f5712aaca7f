#pragma once
// The options of the commands. What an option means, its bounds and its default are those of the
// parameter that it sets, by the methods' contract (methods/schema.hpp).

#include "methods/schema.hpp"
#include "warmctl/arguments.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace warmd::ctl {

struct option {
    std::string_view name;           ///< as typed behind --
    char letter = 0;                 ///< as typed behind -
    std::string_view value = {};     ///< what help calls its value; empty: a switch
    std::string_view sets = {};      ///< the method's parameter; empty: the command sees to it
    std::string_view doc = {};       ///< in place of the parameter's
    std::string_view otherwise = {}; ///< sent in place of the parameter's default: JSON text
    std::string_view type = {};      ///< in place of the parameter's; path, directory: for shells
    bool repeats = false;
    bool seldom = false; ///< help only names it
};

/// Those that name a model, that name a view, and of every command.
std::vector<option> model_options();
option view_option();
std::vector<option> common_options();
/// Those of commands on texts: of a model, where texts are from (texts.hpp), how they are scored;
/// `own` between. The second: with a view as well.
std::vector<option> scoring_options(std::vector<option> own);
std::vector<option> viewing_options(std::vector<option> own);
option bos_option();

/// `more` behind `some`.
std::vector<option> operator+(std::vector<option> some, std::vector<option> more);

/// An option as people are told of it.
struct option_text {
    std::string typed; ///< "-m, --model BASE"
    std::string doc;   ///< with its default
};
/// `method`: what it is asked with; may be empty.
option_text text_of(const schema::contract& by, std::string_view method, const option& of);
/// What may stand for its value, as far as there is a list: "scaled:" is the beginning of one.
std::vector<std::string> words_of(const schema::contract& by, std::string_view method,
                                  const option& of);

/// Makes them known to the reader of the command line.
void declare(po::options_description& to, const std::vector<option>& all);
/// Writes the parameters that the options set. Throws usage_error on a value that cannot be one.
void write_options(json_writer& out, const schema::contract& by, std::string_view method,
                   const std::vector<option>& all, const arguments& typed);

} // namespace warmd::ctl

#pragma once
// The command line as values, and the parameters that several commands share.

#include <warmd/json_writer.hpp>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>

#include <charconv>
#include <concepts>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace warmd::ctl {

namespace po = boost::program_options;

/// The command line cannot be understood; what() says what was found and what was wanted.
struct usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// `number` in its shortest form.
std::string to_text(std::integral auto number) { return std::to_string(number); }
std::string to_text(double number);

/// `text` as a number within [least, most], or a usage_error that calls it `name`.
template <class Number>
Number read_number(std::string_view name, std::string_view text, Number least, Number most)
{
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size() && number >= least &&
        number <= most) // NaN fails too
        return number;
    std::string bounds;
    if (least != std::numeric_limits<Number>::lowest())
        bounds += " of at least " + to_text(least);
    if (most != std::numeric_limits<Number>::max())
        bounds += (bounds.empty() ? " of at most " : " and at most ") + to_text(most);
    throw usage_error(std::string(name) + " must be " +
                      (std::is_integral_v<Number> ? "a whole number" : "a finite number") + bounds +
                      ", found '" + std::string(text) + "'");
}

/// What was typed after `warmctl`, without the command: options by name, and words.
class arguments {
public:
    /// Throws usage_error on what `known` does not allow, and on what is not UTF-8.
    arguments(const po::options_description& known, const std::vector<std::string>& typed);

    bool has(const std::string& option) const { return options_.count(option) != 0; }
    std::optional<std::string> text(const std::string& option) const;
    std::vector<std::string> texts(const std::string& option) const;
    template <class Number>
    std::optional<Number> number(const std::string& option, Number least,
                                 Number most = std::numeric_limits<Number>::max()) const
    {
        const auto typed = text(option);
        return typed ? std::optional(read_number("--" + option, *typed, least, most))
                     : std::nullopt;
    }
    /// `--timeout`, in seconds.
    std::optional<double> timeout() const;
    const std::vector<std::string>& words() const noexcept { return words_; }

private:
    po::variables_map options_;
    std::vector<std::string> words_;
};

/// The daemon's socket: --socket, else $WARMD_SOCKET, else the default.
std::string socket_path(const arguments& typed);

/// `typed` as a path that means the same to the daemon: `~`, `.` and relative paths made absolute.
std::string absolute_path(const std::string& typed);

/// JSON text of the ModelSpec that the options name, or of a name, perhaps with a view
/// (model/model_name.hpp). An adapter without a base stands in the base's place: the daemon takes
/// the base that its file names.
std::string model_text(const arguments& typed);
/// Member `model` and what goes with it: timeout; progress when `progress`.
void write_model(json_writer& out, const arguments& typed, bool progress);
/// `base`, `ft`, `scaled:0.5`, `null` or `null:7`, given to the option `name`, as a View.
void write_view(json_writer& out, std::string_view name, std::string_view view);

} // namespace warmd::ctl

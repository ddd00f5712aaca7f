#include "model/model_name.hpp"

#include "base/text.hpp"
#include <warmd/json.hpp>

#include <charconv>
#include <cmath>
#include <string>
#include <vector>

namespace warmd {

namespace {

/// All of `text` as a number; nothing if it is none, or out of range.
template <class Number>
std::optional<Number> whole_number(std::string_view text) noexcept
{
    Number number{};
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    return fault == std::errc() && end == text.data() + text.size() ? std::optional(number)
                                                                    : std::nullopt;
}

/// The view that is written as `text` behind `mark`.
std::optional<view> read_view(char mark, std::string_view text) noexcept
{
    constexpr std::string_view null = "null-";
    if (mark == '@') {
        const auto scale = whole_number<double>(text);
        return scale && std::isfinite(*scale)
                   ? std::optional(view{.what = view::mode::scaled, .scale = *scale})
                   : std::nullopt;
    }
    if (text == "base")
        return view{.what = view::mode::base};
    if (!text.starts_with(null))
        return {};
    const auto seed = whole_number<std::uint64_t>(text.substr(null.size()));
    return seed ? std::optional(view{.what = view::mode::null, .seed = *seed}) : std::nullopt;
}

/// The first few names, for a message.
std::string some_of(const named_models& configured)
{
    constexpr std::size_t few = 10;
    std::vector<std::string> first;
    for (auto each = configured.begin(); each != configured.end() && first.size() != few; ++each)
        first.push_back(shortened(each->first));
    std::string text = joined(first);
    if (configured.size() > few)
        text += " and " + std::to_string(configured.size() - few) + " more";
    return text.empty() ? "none" : text;
}

} // namespace

model_name parse_model_name(std::string_view text) noexcept
{
    const std::size_t mark = text.find_last_of(":@");
    if (mark == std::string_view::npos)
        return {text, {}};
    const auto through = read_view(text[mark], text.substr(mark + 1));
    return {through ? text.substr(0, mark) : text, through};
}

result<named_model> find_model(std::string_view text, const named_models& configured)
{
    if (const auto found = configured.find(text); found != configured.end())
        return named_model{found->second, {}};
    const model_name name = parse_model_name(text);
    if (const auto found = configured.find(name.model); found != configured.end())
        return named_model{found->second, name.through};
    if (!name.model.starts_with('/'))
        return failure{errc::not_found, "no model is named '" + shortened(text) +
                                            "'; the daemon's configuration names " +
                                            some_of(configured) +
                                            "; else give an absolute path, or a ModelSpec object, "
                                            "{\"base\": …}"};
    if (name.model.find('\0') != std::string_view::npos)
        return failure{errc::invalid_params,
                       "model must be a string without NUL, found '" + shortened(text) + '\''};
    named_model made{.spec = {}, .through = name.through};
    made.spec.base = name.model;
    return made;
}

} // namespace warmd

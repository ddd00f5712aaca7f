#pragma once
// The JSON form of a suite taken apart, member by member. What is wrong is noted and reading goes
// on, so that all of it is told at once.
//
// A reader is anything callable as reader(value, T& to): `text`, `number(0, 1)`, `list(text)`. A
// faulty value leaves `to` as it was.

#include "evaluation/suite.hpp"

#include <cmath>
#include <concepts>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace warmd::evaluation::form {

/// One value and where it stands.
class value {
public:
    value(const json::value& found, std::vector<fault>& faults) : found_(&found), faults_(&faults)
    {
    }

    const json::value& found() const { return *found_; }
    value member(std::string_view name, const json::value& found) const;
    value element(std::size_t place, const json::value& found) const;
    /// What is within is told as `head`: its path: …
    value headed(std::string head) const;

    /// Notes that this is not what is allowed.
    void refuse(std::string_view allowed) const;
    /// Notes something else about it, in a whole sentence.
    void complain(std::string_view what, errc code = errc::invalid_params) const;

private:
    const json::value* found_;
    std::vector<fault>* faults_;
    std::string pointer_, head_, path_;
};

/// The members of one object. Ends with note_unknown().
class members {
public:
    /// Not an object: noted, and all members are as if absent.
    explicit members(const value& of);

    template <class T, class Reader>
    void take(std::string_view name, T& to, const Reader& as)
    {
        if (const json::value* const found = find(name))
            as(of_.member(name, *found), to);
    }
    /// The same; its absence is noted.
    template <class T, class Reader>
    void need(std::string_view name, T& to, const Reader& as)
    {
        const json::value* const found = find(name);
        if (found)
            as(of_.member(name, *found), to);
        else
            missing(name);
    }
    /// The same of a field that this mode does not use; its name goes to `idle` if it is given.
    template <class T, class Reader>
    void take_idle(std::string_view name, T& to, const Reader& as, std::vector<std::string>& idle)
    {
        take(name, to, as);
        if (of_.found().is_object() && of_.found().get_object().contains(name))
            idle.emplace_back(name);
    }
    const value& of() const { return of_; }
    /// Notes each member that was not asked for; `what`: what takes others.
    void note_unknown(std::string_view what) const;

private:
    const json::value* find(std::string_view name);
    void missing(std::string_view name) const;

    value of_;
    std::vector<std::string_view> known_;
};

// -- readers
// ---------------------------------------------------------------------------------------

inline constexpr auto text = [](const value& from, std::string& to) {
    if (!from.found().is_string())
        return from.refuse("a string");
    to = from.found().get_string();
};

/// true and false, and as YAML 1.1 has them: yes, no, on, off.
std::optional<bool> boolean_of(const json::value& found);
inline constexpr auto boolean = [](const value& from, bool& to) {
    if (const auto found = boolean_of(from.found()))
        to = *found;
    else
        from.refuse("true or false");
};

/// "a whole number from 1 to 10"
std::string range_text(std::string_view what, double least, double most);

/// A finite number within bounds, both included.
inline auto number(double least = -std::numeric_limits<double>::max(),
                   double most = std::numeric_limits<double>::max())
{
    return [=](const value& from, double& to) {
        const json::value& found = from.found();
        const double given = found.is_number() ? found.to_number<double>() : std::nan("");
        if (!(given >= least && given <= most))
            return from.refuse(range_text("a number", least, most));
        to = given;
    };
}
inline constexpr auto rate = [](const value& from, double& to) { number(0, 1)(from, to); };

/// A whole number within bounds, both included; 1.0 is none.
inline auto whole(std::uint64_t least, std::uint64_t most)
{
    return [=]<std::unsigned_integral T>(const value& from, T& to) {
        const json::value& found = from.found();
        boost::system::error_code ec;
        const std::uint64_t given = found.is_double() ? 0 : found.to_number<std::uint64_t>(ec);
        if (found.is_double() || ec || given < least || given > most)
            return from.refuse(range_text("a whole number", static_cast<double>(least),
                                          static_cast<double>(most)));
        to = static_cast<T>(given);
    };
}
inline constexpr auto any_whole = [](const value& from, std::int64_t& to) {
    boost::system::error_code ec;
    const auto given = from.found().is_double() ? 0 : from.found().to_number<std::int64_t>(ec);
    if (from.found().is_double() || ec)
        return from.refuse("a whole number");
    to = given;
};

/// null is nothing.
template <class Reader>
auto maybe(Reader as)
{
    return [as]<class T>(const value& from, std::optional<T>& to) {
        if (from.found().is_null())
            to.reset();
        else
            as(from, to.emplace());
    };
}

/// One of the enumerators' names.
std::optional<std::size_t> word_place(const value& from, std::span<const std::string_view> words);
template <std::size_t n>
auto word(const std::array<std::string_view, n>& words)
{
    return [&words]<class Enum>(const value& from, Enum& to) {
        if (const auto which = word_place(from, words))
            to = static_cast<Enum>(*which);
    };
}

inline constexpr std::size_t most_listed = 4096;

std::string count_text(std::size_t least, std::size_t most);

template <class Reader>
auto list(Reader as, std::size_t least = 0, std::size_t most = most_listed)
{
    return [=]<class T>(const value& from, std::vector<T>& to) {
        if (!from.found().is_array())
            return from.refuse("a list");
        const json::array& given = from.found().get_array();
        if (given.size() < least || given.size() > most)
            return from.complain("has " + std::to_string(given.size()) + " elements, allowed " +
                                 count_text(least, most));
        to.assign(given.size(), T{});
        for (std::size_t i = 0; i != given.size(); ++i)
            as(from.element(i, given[i]), to[i]);
    };
}

} // namespace warmd::evaluation::form

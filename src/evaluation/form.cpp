#include "evaluation/form.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace warmd::evaluation::form {

namespace {

/// RFC 6901 §3
std::string escaped(std::string_view name)
{
    std::string made;
    for (const char each : name)
        made += each == '~' ? "~0" : each == '/' ? "~1" : std::string(1, each);
    return made;
}

std::string plain(double number) { return excerpt(static_cast<std::int64_t>(number)); }

} // namespace

value value::member(std::string_view name, const json::value& found) const
{
    value made = *this;
    made.found_ = &found;
    made.pointer_ += '/' + escaped(name);
    made.path_ += (path_.empty() ? "" : ".") + shortened(name);
    return made;
}

value value::element(std::size_t place, const json::value& found) const
{
    value made = *this;
    made.found_ = &found;
    made.pointer_ += '/' + std::to_string(place);
    made.path_ += '[' + std::to_string(place) + ']';
    return made;
}

value value::headed(std::string head) const
{
    value made = *this;
    made.head_ = std::move(head);
    made.path_.clear();
    return made;
}

void value::refuse(std::string_view allowed) const
{
    complain("found " + excerpt(*found_) + ", allowed " + std::string(allowed));
}

void value::complain(std::string_view what, errc code) const
{
    if (faults_->size() == max_faults)
        return;
    std::string subject = head_;
    subject += (head_.empty() || path_.empty() ? "" : ": ") + path_;
    faults_->push_back(
        {pointer_, (subject.empty() ? "the suite" : subject) + ": " + std::string(what), code});
}

members::members(const value& of) : of_(of)
{
    if (!of.found().is_object())
        of.refuse("an object");
}

const json::value* members::find(std::string_view name)
{
    known_.push_back(name);
    const json::object* const all = of_.found().if_object();
    return all ? all->if_contains(name) : nullptr;
}

void members::missing(std::string_view name) const
{
    if (of_.found().is_object())
        of_.complain(std::string(name) + " is missing");
}

void members::note_unknown(std::string_view what) const
{
    if (!of_.found().is_object())
        return;
    for (const auto& [name, given] : of_.found().get_object())
        if (std::find(known_.begin(), known_.end(), std::string_view(name)) == known_.end())
            of_.member(name, given)
                .complain("unknown key; " + std::string(what) + " takes " + joined(known_));
}

std::optional<bool> boolean_of(const json::value& found)
{
    if (found.is_bool())
        return found.get_bool();
    if (!found.is_string())
        return {};
    const std::string_view given = found.get_string();
    for (const std::string_view yes : {"yes", "Yes", "YES", "on", "On", "ON"})
        if (given == yes)
            return true;
    for (const std::string_view no : {"no", "No", "NO", "off", "Off", "OFF"})
        if (given == no)
            return false;
    return {};
}

std::string range_text(std::string_view what, double least, double most)
{
    const auto bounded = [](double bound) { return std::abs(bound) < 1e15; };
    const auto bound = [](double number) {
        return number == std::floor(number) ? plain(number) : excerpt(number);
    };
    std::string made(what);
    if (bounded(least))
        made += " from " + bound(least);
    if (bounded(most))
        made += " to " + bound(most);
    return made;
}

std::optional<std::size_t> word_place(const value& from, std::span<const std::string_view> words)
{
    if (from.found().is_string()) {
        const std::string_view given = from.found().get_string();
        const auto found = std::find(words.begin(), words.end(), given);
        if (found != words.end())
            return static_cast<std::size_t>(found - words.begin());
    }
    from.refuse(joined(words, " or "));
    return {};
}

std::string count_text(std::size_t least, std::size_t most)
{
    return std::to_string(least) + " to " + std::to_string(most);
}

} // namespace warmd::evaluation::form

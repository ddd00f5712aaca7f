#include "chat/comparison.hpp"

#include "chat/iteration.hpp"

#include <bit>
#include <cmath>
#include <functional>

namespace warmd::chat {

namespace {

// Exact: a long double holds every 64-bit integer.
long double exact(const value& number)
{
    return number.is_integral() ? static_cast<long double>(number.integer())
                                : static_cast<long double>(number.real());
}

bool equal_items(workspace& in, const values& left, const values& right, std::size_t depth)
{
    if (left.size() != right.size())
        return false;
    for (std::size_t i = 0; i < left.size(); ++i)
        if (!equal(in, left[i], right[i], depth + 1))
            return false;
    return true;
}

bool equal_dicts(workspace& in, const dict& left, const dict& right, std::size_t depth)
{
    if (left.members.size() != right.members.size())
        return false;
    for (const auto& [key, value] : left.members) {
        const auto* other = right.find(in, key);
        if (other == nullptr || !equal(in, value, *other, depth + 1))
            return false;
    }
    return true;
}

bool equal_ranges(const range& left, const range& right)
{
    return left.length == right.length &&
           (left.length == 0 ||
            (left.start == right.start && (left.length == 1 || left.step == right.step)));
}

[[noreturn]] void no_order(const value& left, const value& right, const char* symbol)
{
    require_defined(left);
    require_defined(right);
    type_error(std::string("'") + symbol + "' not supported between instances of '" +
               std::string(type_name(left)) + "' and '" + std::string(type_name(right)) + "'");
}

/// Negative, zero or positive; 2 if they have no order (a NaN).
int order(workspace& in, const value& left, const value& right, const char* symbol,
          std::size_t depth)
{
    in.charge();
    in.check_depth(depth);
    if (left.is_number() && right.is_number()) {
        const long double a = exact(left), b = exact(right);
        return a < b ? -1 : a > b ? 1 : a == b ? 0 : 2;
    }
    if (left.is_text() && right.is_text()) {
        in.charge_bytes(std::min(left.view().size(), right.view().size()));
        const int by = left.view().compare(right.view());
        return by < 0 ? -1 : by > 0;
    }
    if (left.is_sequence() && left.type() == right.type()) {
        const values &a = left.items(), &b = right.items();
        for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
            if (!equal(in, a[i], b[i], depth + 1))
                return order(in, a[i], b[i], symbol, depth + 1);
        return a.size() < b.size() ? -1 : a.size() > b.size();
    }
    no_order(left, right, symbol);
}

} // namespace

bool equal(workspace& in, const value& left, const value& right, std::size_t depth)
{
    in.charge();
    in.check_depth(depth);
    if (left.is_number() && right.is_number())
        return exact(left) == exact(right);
    if (left.type() != right.type())
        return false;
    if (left.same(right))
        return true;
    switch (left.type()) {
    case kind::undefined:
    case kind::none: return true;
    case kind::text:
        in.charge_bytes(std::min(left.view().size(), right.view().size()));
        return left.view() == right.view();
    case kind::list:
    case kind::tuple: return equal_items(in, left.items(), right.items(), depth);
    case kind::dict: return equal_dicts(in, left.as<dict>(), right.as<dict>(), depth);
    case kind::range: return equal_ranges(left.as<range>(), right.as<range>());
    case kind::view: type_error("comparing keys() or items() of dicts is not supported");
    default: return false;
    }
}

bool less(workspace& in, const value& left, const value& right, std::size_t depth)
{
    return order(in, left, right, "<", depth) == -1;
}

bool less_or_equal(workspace& in, const value& left, const value& right)
{
    const int by = order(in, left, right, "<=", 0);
    return by == -1 || by == 0;
}

bool contains(workspace& in, const value& container, const value& item)
{
    switch (container.type()) {
    case kind::text: {
        if (!item.is_text())
            type_error("'in <string>' requires string as left operand, not " +
                       std::string(type_name(item)));
        in.charge_bytes(container.view().size());
        return container.view().find(item.view()) != std::string_view::npos;
    }
    case kind::dict: return container.as<dict>().find(in, item) != nullptr;
    case kind::range: {
        const range& of = container.as<range>();
        if (!item.is_number())
            return false;
        const long double place = (exact(item) - of.start) / of.step;
        return place >= 0 && place < of.length && place == std::floor(place) &&
               exact(item) == of.at(static_cast<std::int64_t>(place));
    }
    case kind::view:
        if (container.as<view>().part == view_of::each_key)
            return container.as<view>().of.as<dict>().find(in, item) != nullptr;
        break;
    case kind::undefined:
    case kind::list:
    case kind::tuple:
    case kind::iterator:
    case kind::loop: break;
    default:
        type_error("argument of type '" + std::string(type_name(container)) +
                   "' is not a container or iterable");
    }
    cursor all(in, container);
    for (value each; all.next(each);)
        if (each.same(item) || equal(in, each, item))
            return true;
    return false;
}

bool is_hashable(workspace& in, const value& of)
{
    if (of.is(kind::list) || of.is_dict() || of.is(kind::view))
        return false;
    if (of.is(kind::tuple)) {
        const workspace::level nested(in);
        for (const value& each : of.items())
            if (!is_hashable(in, each))
                return false;
    }
    return true;
}

std::uint64_t hash(workspace& in, std::string_view text)
{
    in.charge_bytes(text.size());
    return std::hash<std::string_view>()(text);
}

std::uint64_t hash(workspace& in, const value& of, std::size_t depth)
{
    const auto spread = [](std::uint64_t bits) { return bits * 0x9E3779B97F4A7C15u; };
    in.check_depth(depth);
    switch (of.type()) {
    case kind::text: return hash(in, of.view());
    case kind::boolean:
    case kind::integer: return spread(static_cast<std::uint64_t>(of.integer()));
    case kind::real: {
        const double number = of.real();
        if (number == std::floor(number) && std::abs(number) < 9.2e18)
            return spread(static_cast<std::uint64_t>(static_cast<std::int64_t>(number)));
        return spread(std::bit_cast<std::uint64_t>(number));
    }
    case kind::tuple: {
        std::uint64_t all = 1;
        for (const value& each : of.items())
            all = spread(all) + hash(in, each, depth + 1);
        return all;
    }
    case kind::range: return static_cast<std::uint64_t>(of.as<range>().length);
    case kind::none:
    case kind::undefined:
    case kind::missing:
    case kind::self_reference: return static_cast<std::uint64_t>(of.type());
    case kind::list:
    case kind::dict:
    case kind::view: type_error("unhashable type: '" + std::string(type_name(of)) + "'");
    default: return spread(std::bit_cast<std::uintptr_t>(of.held()));
    }
}

// -- dict: open addressing over the places of its members

std::size_t dict::place(workspace& in, const value& key, std::uint64_t hash) const
{
    const std::size_t mask = places_.size() - 1;
    for (std::size_t at = (hash ^ hash >> 32) & mask;; at = (at + 1) & mask) {
        in.charge();
        if (places_[at] == 0)
            return at;
        const value& there = members[places_[at] - 1].first;
        if (there.same(key) || equal(in, there, key))
            return at;
    }
}

const value* dict::find(workspace& in, const value& key) const
{
    if (places_.empty()) {
        hash(in, key); // refuses what cannot be a key
        return nullptr;
    }
    const std::size_t at = place(in, key, hash(in, key));
    return places_[at] == 0 ? nullptr : &members[places_[at] - 1].second;
}

const value* dict::find(workspace& in, std::string_view key) const
{
    if (places_.empty())
        return nullptr;
    const std::uint64_t by = hash(in, key);
    const std::size_t mask = places_.size() - 1;
    for (std::size_t at = (by ^ by >> 32) & mask;; at = (at + 1) & mask) {
        in.charge();
        if (places_[at] == 0)
            return nullptr;
        const auto& [name, found] = members[places_[at] - 1];
        if (name.is_text() && name.view() == key)
            return &found;
    }
}

void dict::grow(workspace& in)
{
    std::pmr::vector<std::uint32_t> places(std::max<std::size_t>(8, places_.size() * 2), 0,
                                           places_.get_allocator());
    in.charge_elements(places.size());
    places_.swap(places);
    for (std::size_t i = 0; i < members.size(); ++i)
        places_[place(in, members[i].first, hash(in, members[i].first))] =
            static_cast<std::uint32_t>(i + 1);
}

void dict::set(workspace& in, value key, value to)
{
    if ((members.size() + 1) * 3 > places_.size() * 2)
        grow(in);
    const std::size_t at = place(in, key, hash(in, key));
    if (places_[at] != 0) {
        members[places_[at] - 1].second = std::move(to);
        return;
    }
    members.emplace_back(std::move(key), std::move(to));
    places_[at] = static_cast<std::uint32_t>(members.size());
}

} // namespace warmd::chat

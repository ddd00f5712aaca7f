#include "evaluation/entry_reader.hpp"

#include "base/text.hpp"
#include "evaluation/entry_fields.hpp"

#include <algorithm>
#include <numeric>

namespace warmd::evaluation {

namespace {

using namespace form;

template <class What>
inline constexpr bool is_named = !std::is_same_v<What, spec::unsupported>;

/// Calls `each` with one of every kind that is measured.
template <class... Kinds, class Each>
void for_each_kind(const std::variant<Kinds...>*, Each each)
{
    const auto call = [&]<class Kind>(std::type_identity<Kind>) {
        if constexpr (is_named<Kind>)
            each(Kind{});
    };
    (call(std::type_identity<Kinds>{}), ...);
}
constexpr const probe_spec* any_kind = nullptr;

std::vector<std::string_view> all_kinds()
{
    std::vector<std::string_view> all;
    for_each_kind(any_kind, [&](const auto& each) { all.push_back(each.kind); });
    all.insert(all.end(), spec::unsupported_kinds.begin(), spec::unsupported_kinds.end());
    return all;
}

/// Levenshtein (1966): characters put in, left out or changed.
std::size_t distance(std::string_view from, std::string_view to)
{
    std::vector<std::size_t> row(to.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i != from.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j != to.size(); ++j)
            diagonal = std::exchange(
                row[j + 1], std::min({row[j + 1] + 1, row[j] + 1, diagonal + (from[i] != to[j])}));
    }
    return row.back();
}

void refuse_kind(const value& from)
{
    const std::vector<std::string_view> all = all_kinds();
    std::string nearest;
    if (const json::string* const given = from.found().if_string(); given && given->size() < 80)
        nearest = " (nearest: " +
                  std::string(*std::min_element(
                      all.begin(), all.end(),
                      [&](auto a, auto b) { return distance(*given, a) < distance(*given, b); })) +
                  ')';
    from.refuse(joined(all) + nearest);
}

/// Against null adapters, which default mode asks for a rank instead.
void take_assert_z(members& in, entry& to, const setting& by)
{
    if (by.ours())
        in.take_idle("assert_z_gte", to.assert_z_gte, number(), by.idle);
    else
        in.take("assert_z_gte", to.assert_z_gte, number());
}

void read_fields(members& in, const value& kind, mode judged_by, entry& to)
{
    const json::string* const given = kind.found().if_string();
    bool found = false;
    for_each_kind(any_kind, [&]<class Kind>(Kind what) {
        if (!given || *given != Kind::kind)
            return;
        found = true;
        const setting by{judged_by, to.idle};
        if constexpr (!std::is_same_v<Kind, spec::null_adapter>)
            take_assert_z(in, to, by);
        read(in, what, by);
        in.note_unknown(Kind::kind);
        to.what = std::move(what);
    });
    for (const std::string_view each : spec::unsupported_kinds)
        if (given && *given == each) {
            to.what = spec::unsupported{each};
            found = true;
        }
    if (!found)
        refuse_kind(kind);
}

std::string head_of(const value& from, std::size_t place)
{
    std::string head = "suite[" + std::to_string(place) + ']';
    const json::object* const fields = from.found().if_object();
    const json::value* const name = fields ? fields->if_contains("name") : nullptr;
    if (name && name->is_string())
        head += " \"" + shortened(name->get_string()) + '"';
    return head;
}

} // namespace

void read_entry(const form::value& given, std::size_t place, mode judged_by, entry& to)
{
    const value from = given.headed(head_of(given, place));
    members in(from);
    in.need("name", to.name, [](const value& name, std::string& into) {
        text(name, into);
        const auto characters = std::count_if(into.begin(), into.end(), [](char each) {
            return (static_cast<unsigned char>(each) & 0xc0) != 0x80;
        });
        if (name.found().is_string() && (characters < 1 || characters > 200))
            name.refuse("1 to 200 characters");
    });
    in.take("enabled", to.enabled, boolean);
    in.take("weight", to.weight, number(0));
    in.take("optional", to.optional, boolean);
    in.need("kind", to,
            [&](const value& kind, entry& into) { read_fields(in, kind, judged_by, into); });
}

} // namespace warmd::evaluation

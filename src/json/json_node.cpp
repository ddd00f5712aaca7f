// What a value that was read can be asked.

#include "json/json_document.hpp"

#include <boost/json.hpp>

namespace warmd {

double json_node::number() const noexcept
{
    switch (kind_) {
    case kind::int64: return static_cast<double>(int64());
    case kind::uint64: return static_cast<double>(uint64());
    default: return real_;
    }
}

const json_node* json_node::find(std::string_view name) const noexcept
{
    const json_node* found = nullptr;
    for (const json_node* key = begin(); key != end(); key = (key + 1)->next())
        if (key->string() == name)
            found = key + 1;
    return found;
}

json::value json_node::value() const
{
    switch (kind_) {
    case kind::null: return nullptr;
    case kind::boolean: return boolean();
    case kind::int64: return int64();
    case kind::uint64: return uint64();
    case kind::real: return real_;
    case kind::string: return json::value(json::string_view(text_, size_));
    case kind::array: {
        json::array all;
        all.reserve(count_);
        for (const json_node* each = begin(); each != end(); each = each->next())
            all.push_back(each->value());
        return all;
    }
    default: {
        json::object all;
        for (const json_node* key = begin(); key != end(); key = (key + 1)->next())
            all.insert_or_assign(json::string_view(key->text_, key->size_), (key + 1)->value());
        return all;
    }
    }
}

const json_node& json_node::empty_object() noexcept
{
    static const json_node empty = [] {
        json_node made(kind::object);
        made.integer_ = 1;
        return made;
    }();
    return empty;
}

} // namespace warmd

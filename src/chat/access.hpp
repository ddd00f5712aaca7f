#pragma once
// x.name, x[key] and x[a:b:c], as Jinja's sandbox has them: attributes are a closed table per type.

#include "chat/arguments.hpp"
#include "chat/value.hpp"

namespace warmd::chat {

/// A function of a type's values.
struct method {
    std::string_view name;
    value (*call)(interpreter&, const value& self, arguments&);
};
/// Null if the type has none of that name.
const method* find_method(kind of, std::string_view name);
const method* find_text_method(std::string_view name);

class bound_method final : public object {
public:
    bound_method(value of, const method& function) : self(std::move(of)), what(&function) {}
    void clear() override { self = {}; }
    value self;
    const method* what;
};

/// The attribute, else the item, else undefined.
value get_attribute(workspace& in, const value& of, std::string_view name);
/// The item, else the attribute, else undefined.
value get_item(workspace& in, const value& of, const value& key);
/// The attribute alone, or `missing`; one that the sandbox withholds is undefined.
value own_attribute(workspace& in, const value& of, std::string_view name);
/// `missing` where a part was not given. `lenient`: undefined instead of a type fault.
value get_slice(workspace& in, const value& of, const value& first, const value& end,
                const value& step, bool lenient);

} // namespace warmd::chat

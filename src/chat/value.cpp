#include "chat/value.hpp"

#include "chat/unicode.hpp"

namespace warmd::chat {

std::size_t text::length(workspace& in) const
{
    if (length_ == std::string_view::npos) {
        in.charge_bytes(view_.size());
        length_ = unicode::count(view_);
    }
    return length_;
}

bool iterator::next(workspace& in, value& into)
{
    if (running_)
        type_error("generator already executing");
    struct finish {
        bool& running;
        ~finish() { running = false; }
    } const finishing{running_};
    running_ = true;
    return advance(in, into);
}

value make_text(workspace& in, text_buffer&& made, bool markup)
{
    in.check_text(made.size());
    return value::own(kind::text, in.make<text>(std::move(made), markup));
}

value make_text(workspace& in, std::string_view copied, bool markup)
{
    in.check_text(copied.size());
    return value::own(kind::text, in.make<text>(text_buffer(copied, in.memory()), markup));
}

value borrow_text(workspace& in, std::string_view elsewhere)
{
    return value::own(kind::text, in.make<text>(elsewhere, in.memory()));
}

value make_list(workspace& in, values&& items)
{
    in.charge_elements(items.size());
    return value::own(kind::list, in.make<sequence>(std::move(items)));
}

value make_tuple(workspace& in, values&& items)
{
    in.charge_elements(items.size());
    return value::own(kind::tuple, in.make<sequence>(std::move(items)));
}

value make_pair(workspace& in, value first, value second)
{
    values both(in.memory());
    both.reserve(2);
    both.push_back(std::move(first));
    both.push_back(std::move(second));
    return make_tuple(in, std::move(both));
}

value make_dict(workspace& in) { return value::own(kind::dict, in.make<dict>(in.memory())); }

value make_undefined(workspace& in, std::string_view message, template_fault cause)
{
    return value::own(kind::undefined,
                      in.make<undefined>(cause, text_buffer(message, in.memory())));
}

std::string_view type_name(const value& of)
{
    switch (of.type()) {
    case kind::missing: return "missing";
    case kind::undefined: return "Undefined";
    case kind::none: return "NoneType";
    case kind::boolean: return "bool";
    case kind::integer: return "int";
    case kind::real: return "float";
    case kind::text: return of.is_markup() ? "Markup" : "str";
    case kind::list: return "list";
    case kind::tuple: return "tuple";
    case kind::dict: return "dict";
    case kind::range: return "range";
    case kind::view:
        return of.as<view>().part == view_of::each_key     ? "dict_keys"
               : of.as<view>().part == view_of::each_value ? "dict_values"
                                                           : "dict_items";
    case kind::iterator: return of.as<iterator>().type;
    case kind::name_space: return "Namespace";
    case kind::function: return of.function().is_type ? "type" : "function";
    case kind::method: return "builtin_function_or_method";
    case kind::macro: return "Macro";
    case kind::loop: return "LoopContext";
    case kind::cycler: return "Cycler";
    case kind::joiner: return "Joiner";
    case kind::self_reference: return "TemplateReference";
    case kind::variables: return "frame";
    }
    return {};
}

void use_of_undefined(const value& of)
{
    const undefined& what = of.as<undefined>();
    fail(what.cause, std::string(what.message));
}

bool has_length(const value& of)
{
    switch (of.type()) {
    case kind::undefined:
    case kind::text:
    case kind::list:
    case kind::tuple:
    case kind::dict:
    case kind::range:
    case kind::view: return true;
    default: return false;
    }
}

std::size_t length(workspace& in, const value& of)
{
    switch (of.type()) {
    case kind::undefined: return 0;
    case kind::text: return of.as<text>().length(in);
    case kind::list:
    case kind::tuple: return of.items().size();
    case kind::dict: return of.as<dict>().members.size();
    case kind::range: return static_cast<std::size_t>(of.as<range>().length);
    case kind::view: return of.as<view>().of.as<dict>().members.size();
    default: type_error("object of type '" + std::string(type_name(of)) + "' has no len()");
    }
}

bool is_true(workspace& in, const value& of)
{
    switch (of.type()) {
    case kind::none: return false;
    case kind::boolean:
    case kind::integer: return of.integer() != 0;
    case kind::real: return of.real() != 0;
    case kind::text: return !of.view().empty();
    default: return !has_length(of) || length(in, of) != 0;
    }
}

} // namespace warmd::chat

#pragma once
// What expressions evaluate to: Python's types, as far as a template can meet them. Values are
// shared and do not change; only namespaces, cyclers, joiners and iterators have state.

#include "chat/workspace.hpp"

#include <bit>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace warmd::chat {

class interpreter;
class value;
struct arguments;

enum class kind : std::uint8_t {
    missing, ///< no value at all: an argument not given, a variable not assigned
    undefined,
    none,
    boolean,
    integer,
    real,
    text,
    list,
    tuple,
    dict,
    range,
    view,     ///< keys(), values() or items() of a dict
    iterator, ///< gives its elements once
    name_space,
    function, ///< a global of Jinja's
    method,   ///< of a value
    macro,
    loop,
    cycler,
    joiner,
    self_reference,
    variables, ///< of a function that runs, or of which something is left; no template meets it
};

/// A global function or a type.
struct builtin {
    std::string_view name;
    value (*call)(interpreter&, arguments&);
    bool is_type;
};

class text;
class sequence;
class dict;
class range;
class view;
class iterator;
class undefined;

class value {
public:
    value() noexcept : kind_(kind::missing) { data_.integer = 0; }
    value(const value& other) noexcept : kind_(other.kind_), data_(other.data_)
    {
        if (is_object())
            data_.held->retain();
    }
    value(value&& other) noexcept
        : kind_(std::exchange(other.kind_, kind::missing)), data_(other.data_)
    {
    }
    value& operator=(value other) noexcept
    {
        std::swap(kind_, other.kind_);
        std::swap(data_, other.data_);
        return *this;
    }
    ~value()
    {
        if (is_object())
            data_.held->release();
    }

    static value none() { return plain(kind::none); }
    static value self_reference() { return plain(kind::self_reference); }
    static value of(bool truth)
    {
        value made = plain(kind::boolean);
        made.data_.integer = truth;
        return made;
    }
    static value of(std::int64_t number)
    {
        value made = plain(kind::integer);
        made.data_.integer = number;
        return made;
    }
    static value of(double number)
    {
        value made = plain(kind::real);
        made.data_.real = number;
        return made;
    }
    static value of(const builtin& function)
    {
        value made = plain(kind::function);
        made.data_.function = &function;
        return made;
    }
    static value length_of(std::size_t count) { return of(static_cast<std::int64_t>(count)); }
    /// Takes over the reference that workspace::make() gave.
    static value own(kind of, object* made)
    {
        value owner = plain(of);
        owner.data_.held = made;
        return owner;
    }

    kind type() const { return kind_; }
    bool is(kind one) const { return kind_ == one; }
    bool is_missing() const { return kind_ == kind::missing; }
    bool is_undefined() const { return kind_ == kind::undefined; }
    bool is_none() const { return kind_ == kind::none; }
    bool is_text() const { return kind_ == kind::text; }
    /// A list or a tuple.
    bool is_sequence() const { return kind_ == kind::list || kind_ == kind::tuple; }
    bool is_dict() const { return kind_ == kind::dict; }
    /// An integer, or True or False, which count as 1 and 0.
    bool is_integral() const { return kind_ == kind::integer || kind_ == kind::boolean; }
    bool is_number() const { return is_integral() || kind_ == kind::real; }

    std::int64_t integer() const { return data_.integer; } ///< REQUIRES: is_integral()
    bool truth() const { return data_.integer != 0; }      ///< REQUIRES: a boolean
    double real() const { return data_.real; }             ///< REQUIRES: a real
    /// REQUIRES: is_number()
    double as_real() const { return is_integral() ? static_cast<double>(integer()) : real(); }
    const builtin& function() const { return *data_.function; } ///< REQUIRES: a function
    object* held() const { return data_.held; }                 ///< REQUIRES: an object

    template <class T>
    T& as() const ///< REQUIRES: the kind is T's
    {
        return *static_cast<T*>(data_.held);
    }
    std::string_view view() const;          ///< REQUIRES: is_text()
    bool is_markup() const;                 ///< a text that counts as escaped
    std::pmr::vector<value>& items() const; ///< REQUIRES: is_sequence()
    /// The very same: as Python's `is` tells.
    bool same(const value& other) const
    {
        return kind_ == other.kind_ &&
               (kind_ == kind::real ? std::bit_cast<std::uint64_t>(data_.real) ==
                                          std::bit_cast<std::uint64_t>(other.data_.real)
                                    : data_.integer == other.data_.integer);
    }

private:
    static value plain(kind of)
    {
        value made;
        made.kind_ = of;
        return made;
    }
    bool is_object() const
    {
        return kind_ == kind::undefined ||
               (kind_ >= kind::text && kind_ != kind::function && kind_ != kind::self_reference);
    }

    kind kind_;
    union {
        std::int64_t integer;
        double real;
        const builtin* function;
        object* held;
    } data_;
};

using values = std::pmr::vector<value>;

class text final : public object {
public:
    text(text_buffer own, bool markup) : own_(std::move(own)), view_(own_), markup_(markup) {}
    /// REQUIRES: `elsewhere` outlives the rendering.
    text(std::string_view elsewhere, std::pmr::memory_resource* memory)
        : own_(memory), view_(elsewhere)
    {
    }
    std::string_view view() const { return view_; }
    bool markup() const { return markup_; }
    std::size_t length(workspace& in) const; ///< in code points
    void clear() override {}

private:
    text_buffer own_;
    std::string_view view_;
    mutable std::size_t length_ = std::string_view::npos;
    bool markup_ = false;
};

/// A list or a tuple.
class sequence final : public object {
public:
    explicit sequence(values all) : items(std::move(all)) {}
    void clear() override { items.clear(); }
    values items;
    bool group = false; ///< a pair of groupby: has the attributes grouper and list
};

/// Members in the order of their first insertion.
class dict final : public object {
public:
    using member = std::pair<value, value>;
    explicit dict(std::pmr::memory_resource* memory) : members(memory), places_(memory) {}
    /// Null if there is none. A key that cannot be one is a type fault.
    const value* find(workspace& in, const value& key) const;
    const value* find(workspace& in, std::string_view key) const;
    void set(workspace& in, value key, value to);
    void clear() override
    {
        members.clear();
        places_.clear();
    }
    std::pmr::vector<member> members;

private:
    std::size_t place(workspace& in, const value& key, std::uint64_t hash) const;
    void grow(workspace& in);
    std::pmr::vector<std::uint32_t> places_; // open addressing: 0, or 1 + the member's index
};

class range final : public object {
public:
    range(std::int64_t first, std::int64_t end, std::int64_t every, std::int64_t count)
        : start(first), stop(end), step(every), length(count)
    {
    }
    void clear() override {}
    std::int64_t at(std::int64_t index) const { return start + index * step; }
    const std::int64_t start, stop, step, length;
};

enum class view_of : std::uint8_t { each_key, each_value, each_item };

class view final : public object {
public:
    view(value dict, view_of shown) : of(std::move(dict)), part(shown) {}
    void clear() override { of = {}; }
    value of; ///< a dict
    const view_of part;
};

/// Something that gives elements, once.
class iterator : public object {
public:
    explicit iterator(std::string_view name) : type(name) {}
    /// The next element, or false. A type fault where it is asked for while it is being found.
    bool next(workspace& in, value& into);
    const std::string_view type; ///< Python's name for it

private:
    virtual bool advance(workspace& in, value& into) = 0;
    bool running_ = false;
};

class undefined final : public object {
public:
    undefined(template_fault why, text_buffer words) : cause(why), message(std::move(words)) {}
    void clear() override {}
    const template_fault cause;
    const text_buffer message; ///< what a use of it is refused with
};

class name_space final : public object {
public:
    explicit name_space(value dict) : members(std::move(dict)) {}
    void clear() override { members = {}; }
    value members; ///< a dict, no other's
};

class cycler final : public object {
public:
    explicit cycler(values all) : items(std::move(all)) {}
    void clear() override { items.clear(); }
    values items;
    std::size_t position = 0;
};

class joiner final : public object {
public:
    explicit joiner(value between) : separator(std::move(between)) {}
    void clear() override { separator = {}; }
    value separator;
    bool used = false;
};

inline std::string_view value::view() const { return as<text>().view(); }
inline bool value::is_markup() const { return is_text() && as<text>().markup(); }
inline values& value::items() const { return as<sequence>().items; }

// -- making values
value make_text(workspace& in, text_buffer&& made, bool markup = false);
value make_text(workspace& in, std::string_view copied, bool markup = false);
inline value make_text(workspace& in, const char* copied)
{
    return make_text(in, std::string_view(copied));
}
/// Without a copy. REQUIRES: `elsewhere` outlives the rendering.
value borrow_text(workspace& in, std::string_view elsewhere);
value make_list(workspace& in, values&& items);
value make_tuple(workspace& in, values&& items);
value make_pair(workspace& in, value first, value second); ///< a tuple
value make_dict(workspace& in);                            ///< an empty one
value make_undefined(workspace& in, std::string_view message,
                     template_fault cause = template_fault::undefined);

// -- what they are
std::string_view type_name(const value& of);
[[noreturn]] void use_of_undefined(const value& of);
/// Refuses an undefined one.
inline void require_defined(const value& of)
{
    if (of.is_undefined())
        use_of_undefined(of);
}
bool is_true(workspace& in, const value& of);
/// In elements or code points; nothing for what has no length.
bool has_length(const value& of);
std::size_t length(workspace& in, const value& of); ///< a type fault for what has none

} // namespace warmd::chat

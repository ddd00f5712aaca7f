#include "chat/iteration.hpp"

#include "chat/loops.hpp"
#include "chat/unicode.hpp"

namespace warmd::chat {

namespace {

class forward final : public iterator {
public:
    forward(workspace& in, value over, std::string_view called)
        : iterator(called), over_(in, std::move(over))
    {
    }
    bool advance(workspace&, value& into) override { return over_.next(into); }
    void clear() override { over_ = {}; }

private:
    struct optional_cursor {
        optional_cursor() = default;
        optional_cursor(workspace& space, value all) : in(&space), over(std::move(all)) {}
        bool next(value& into)
        {
            if (in == nullptr || over.is_missing())
                return false;
            const std::size_t count = length(*in, over);
            if (at >= count) {
                over = {};
                return false;
            }
            into = element(*in, over, at++);
            return true;
        }
        workspace* in = nullptr;
        value over;
        std::size_t at = 0;
    } over_;
};

class backward final : public iterator {
public:
    backward(value over, std::size_t left, std::string_view called)
        : iterator(called), over_(std::move(over)), left_(left)
    {
    }
    bool advance(workspace& in, value& into) override
    {
        if (left_ == 0)
            return false;
        into = element(in, over_, --left_);
        return true;
    }
    void clear() override
    {
        over_ = {};
        left_ = 0;
    }

private:
    value over_;
    std::size_t left_;
};

value view_element(workspace& in, const view& of, std::size_t index)
{
    const auto& [key, held] = of.of.as<dict>().members[index];
    switch (of.part) {
    case view_of::each_key: return key;
    case view_of::each_value: return held;
    case view_of::each_item: return make_pair(in, key, held);
    }
    return {};
}

} // namespace

bool is_iterable(const value& of)
{
    return has_length(of) || of.is(kind::iterator) || of.is(kind::loop);
}

bool is_reversible(const value& of) { return has_length(of); }

value element(workspace& in, const value& of, std::size_t index)
{
    switch (of.type()) {
    case kind::list:
    case kind::tuple: return of.items()[index];
    case kind::dict: return of.as<dict>().members[index].first;
    case kind::range: return value::of(of.as<range>().at(static_cast<std::int64_t>(index)));
    case kind::view: return view_element(in, of.as<view>(), index);
    case kind::text: {
        const std::string_view text = of.view();
        const bool ascii = of.as<chat::text>().length(in) == text.size();
        if (!ascii)
            in.charge_bytes(index);
        const std::size_t at = ascii ? index : unicode::offset(text, index);
        return make_text(in, text.substr(at, unicode::size_from(text[at])), of.is_markup());
    }
    default: return {};
    }
}

cursor::cursor(workspace& in, value over) : in_(in), over_(std::move(over))
{
    if (!is_iterable(over_))
        type_error("'" + std::string(type_name(over_)) + "' object is not iterable");
}

bool cursor::next(value& into)
{
    in_.charge();
    if (over_.is(kind::iterator)) {
        const workspace::level nested(in_);
        return over_.as<iterator>().next(in_, into);
    }
    if (over_.is(kind::loop))
        return next_of_loop(in_, over_, into);
    if (over_.is_text()) {
        const std::string_view text = over_.view();
        if (at_ >= text.size())
            return false;
        const std::size_t size = unicode::size_from(text[at_]);
        into = make_text(in_, text.substr(at_, size), over_.is_markup());
        at_ += size;
        return true;
    }
    if (at_ >= length(in_, over_))
        return false;
    into = element(in_, over_, at_++);
    return true;
}

value make_iterator(workspace& in, const value& over, std::string_view type)
{
    if (over.is(kind::iterator))
        return over;
    if (over.is_text()) { // by code points: once, not from the start each time
        values items = all_of(in, over);
        return value::own(kind::iterator,
                          in.make<forward>(in, make_list(in, std::move(items)), type));
    }
    if (!is_iterable(over) || over.is(kind::loop))
        type_error("'" + std::string(type_name(over)) + "' object is not iterable");
    return value::own(kind::iterator, in.make<forward>(in, over, type));
}

values all_of(workspace& in, const value& over)
{
    values all(in.memory());
    if (over.is_sequence()) {
        in.charge_elements(over.items().size());
        all = over.items();
        return all;
    }
    cursor each(in, over);
    for (value next; each.next(next);)
        all.push_back(std::move(next));
    return all;
}

value make_reversed(workspace& in, const value& over)
{
    if (!is_reversible(over))
        type_error("'" + std::string(type_name(over)) + "' object is not reversible");
    value items = over.is_text() ? make_list(in, all_of(in, over)) : over;
    const std::size_t count = length(in, items);
    return value::own(kind::iterator,
                      in.make<backward>(std::move(items), count,
                                        over.is(kind::list) ? "list_reverseiterator" : "reversed"));
}

value make_range(workspace& in, std::int64_t start, std::int64_t stop, std::int64_t step)
{
    if (step == 0)
        type_error("range() arg 3 must not be zero");
    const auto width =
        step > 0 ? static_cast<__int128>(stop) - start : static_cast<__int128>(start) - stop;
    const auto stride = step > 0 ? static_cast<__int128>(step) : -static_cast<__int128>(step);
    const __int128 count = width <= 0 ? 0 : (width + stride - 1) / stride;
    if (count > static_cast<__int128>(in.bounds().range))
        fail(template_fault::bound,
             "a range of more than " + std::to_string(in.bounds().range) + " elements");
    return value::own(kind::range,
                      in.make<range>(start, stop, step, static_cast<std::int64_t>(count)));
}

} // namespace warmd::chat

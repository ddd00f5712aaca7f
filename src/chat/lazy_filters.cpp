// Filters that give generators: they begin when the first element is asked for.

#include "chat/comparison.hpp"
#include "chat/filters.hpp"
#include "chat/interpreter.hpp"
#include "chat/iteration.hpp"

#include <algorithm>
#include <optional>

namespace warmd::chat {

namespace {

/// What goes through something and gives some of its elements, or makes others of them.
class generator : public iterator {
public:
    generator(interpreter& by, value over, arguments&& with)
        : iterator("generator"), by_(by), over_(std::move(over)), with_(std::move(with))
    {
    }
    void clear() override
    {
        finished_ = true;
        over_ = {};
        each_.reset();
        with_.positional.clear();
        with_.named.clear();
    }

protected:
    /// Looks at the arguments; false: there are no elements.
    virtual bool begin(workspace& in) = 0;
    virtual bool step(workspace& in, value& into) = 0;
    bool take(value& into) { return each_->next(into); }
    interpreter& by_;
    value over_;
    arguments with_;

private:
    bool advance(workspace& in, value& into) final
    {
        if (finished_)
            return false;
        if (!each_) {
            finished_ = !begin(in);
            if (finished_)
                return false;
            each_.emplace(in, over_);
        }
        finished_ = !step(in, into);
        return !finished_;
    }
    std::optional<cursor> each_;
    bool finished_ = false;
};

/// map: of each element an attribute, or what a filter makes of it.
class mapped final : public generator {
    using generator::generator;
    void clear() override
    {
        generator::clear();
        path_.reset();
        otherwise_ = {};
    }
    bool begin(workspace& in) override
    {
        if (!is_true(in, over_))
            return false;
        if (with_.positional.empty() && !with_.named.empty()) {
            const auto [attribute, otherwise] = bound<2>(with_, "map", {"attribute", "default"}, 1);
            path_.emplace(in, attribute);
            otherwise_ = otherwise;
            return true;
        }
        if (with_.positional.empty())
            type_error("map requires a filter argument");
        name_ = with_.positional.front();
        as_text(name_, "the name of a filter");
        with_.positional.erase(with_.positional.begin());
        return true;
    }
    bool step(workspace& in, value& into) override
    {
        value item;
        if (!take(item))
            return false;
        if (path_) {
            into = path_->of(in, item, otherwise_);
        } else {
            arguments with = with_;
            into = by_.apply_filter(name_.view(), item, with);
        }
        return true;
    }
    std::optional<attribute_path> path_;
    value otherwise_, name_;
};

/// select, reject, selectattr, rejectattr.
template <bool Wanted, bool OfAttribute>
class selected final : public generator {
    using generator::generator;
    void clear() override
    {
        generator::clear();
        path_.reset();
        name_ = {};
    }
    bool begin(workspace& in) override
    {
        if (!is_true(in, over_))
            return false;
        const std::size_t before = OfAttribute ? 1 : 0;
        if (with_.positional.size() < before)
            type_error("Missing parameter for attribute name");
        if (OfAttribute)
            path_.emplace(in, with_.positional.front());
        if (with_.positional.size() > before) {
            name_ = with_.positional[before];
            as_text(name_, "the name of a test");
        }
        const std::size_t used = std::min(before + 1, with_.positional.size());
        with_.positional.erase(with_.positional.begin(),
                               with_.positional.begin() + static_cast<std::ptrdiff_t>(used));
        return true;
    }
    bool step(workspace& in, value& into) override
    {
        while (take(into)) {
            const value looked_at = path_ ? path_->of(in, into) : into;
            bool holds = false;
            if (name_.is_missing()) {
                holds = is_true(in, looked_at);
            } else {
                arguments with = with_;
                holds = by_.apply_test(name_.view(), looked_at, with);
            }
            if (holds == Wanted)
                return true;
        }
        return false;
    }
    std::optional<attribute_path> path_;
    value name_;
};

class item_pairs final : public generator {
    using generator::generator;
    bool begin(workspace& in) override
    {
        no_arguments(with_, "items");
        if (over_.is_undefined())
            return false;
        if (!over_.is_dict())
            type_error("Can only get item pairs from a mapping.");
        over_ = value::own(kind::view, in.make<view>(over_, view_of::each_item));
        return true;
    }
    bool step(workspace&, value& into) override { return take(into); }
};

class unique_items final : public generator {
    using generator::generator;
    void clear() override
    {
        generator::clear();
        path_.reset();
        seen_ = {};
    }
    bool begin(workspace& in) override
    {
        const auto [sensitive, attribute] =
            bound<2>(with_, "unique", {"case_sensitive", "attribute"});
        case_matters_ = !sensitive.is_missing() && is_true(in, sensitive);
        path_.emplace(in, attribute);
        seen_ = make_dict(in);
        return true;
    }
    bool step(workspace& in, value& into) override
    {
        while (take(into)) {
            value key = path_->of(in, into);
            if (!case_matters_)
                key = without_case(in, key);
            if (seen_.as<dict>().find(in, key) != nullptr)
                continue;
            seen_.as<dict>().set(in, key, value::none());
            return true;
        }
        return false;
    }
    std::optional<attribute_path> path_;
    value seen_;
    bool case_matters_ = false;
};

class batches final : public generator {
    using generator::generator;
    bool begin(workspace&) override
    {
        const auto [count, fill] = bound<2>(with_, "batch", {"linecount", "fill_with"}, 1);
        count_ = as_integer(count);
        fill_ = fill;
        return true;
    }
    void clear() override
    {
        generator::clear();
        fill_ = ahead_ = {};
    }
    bool step(workspace& in, value& into) override
    {
        values line(in.memory());
        if (!ahead_.is_missing())
            line.push_back(std::exchange(ahead_, {}));
        for (value next; take(next);) {
            // Python looks whether a line is full before it adds to it, so the first may be empty.
            if (static_cast<std::int64_t>(line.size()) == count_) {
                ahead_ = std::move(next);
                into = make_list(in, std::move(line));
                return true;
            }
            line.push_back(std::move(next));
        }
        if (line.empty())
            return false;
        if (!fill_.is_missing() && !fill_.is_none() && count_ > 0) {
            const auto count = static_cast<std::size_t>(count_);
            in.charge_elements(count > line.size() ? count - line.size() : 0);
            while (line.size() < count)
                line.push_back(fill_);
        }
        into = make_list(in, std::move(line));
        return true;
    }
    std::int64_t count_ = 0;
    value fill_, ahead_;
};

class slices final : public generator {
    using generator::generator;
    bool begin(workspace& in) override
    {
        const auto [count, fill] = bound<2>(with_, "slice", {"slices", "fill_with"}, 1);
        count_ = as_integer(count);
        fill_ = fill;
        items_ = make_list(in, all_of(in, over_));
        if (count_ == 0)
            type_error("division by zero");
        return count_ > 0;
    }
    void clear() override
    {
        generator::clear();
        fill_ = items_ = {};
    }
    bool step(workspace& in, value& into) override
    {
        if (number_ == count_)
            return false;
        const auto size = static_cast<std::int64_t>(items_.items().size());
        const std::int64_t each = size / count_, longer = size % count_;
        const std::int64_t start = std::min(number_, longer) + number_ * each;
        const std::int64_t end = start + each + (number_ < longer);
        values part(in.memory());
        for (std::int64_t i = start; i < end; ++i)
            part.push_back(items_.items()[static_cast<std::size_t>(i)]);
        if (!fill_.is_missing() && !fill_.is_none() && number_ >= longer)
            part.push_back(fill_);
        ++number_;
        into = make_list(in, std::move(part));
        return true;
    }
    std::int64_t count_ = 0, number_ = 0;
    value fill_, items_;
};

template <class Generator>
value generate(interpreter& by, const value& to, arguments& with)
{
    return value::own(kind::iterator, by.space().make<Generator>(by, to, std::move(with)));
}

constexpr filter filters[] = {
    {"batch", generate<batches>},
    {"items", generate<item_pairs>},
    {"map", generate<mapped>},
    {"reject", generate<selected<false, false>>},
    {"rejectattr", generate<selected<false, true>>},
    {"select", generate<selected<true, false>>},
    {"selectattr", generate<selected<true, true>>},
    {"slice", generate<slices>},
    {"unique", generate<unique_items>},
};

} // namespace

std::span<const filter> lazy_filters() { return filters; }

} // namespace warmd::chat

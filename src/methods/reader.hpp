#pragma once
// Reads one method's parameters by its contract, and says in words for people what is wrong with
// them.

#include "cache/cache_event.hpp"
#include "methods/schema.hpp"
#include "model/model_name.hpp"
#include "json/json_document.hpp"
#include <warmd/backend.hpp>

#include <chrono>
#include <concepts>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace warmd::schema {

/// The parameters of one request as they are being read. The first fault is kept.
class reading {
public:
    reading(const contract& by, const named_models& names, const json_node& given)
        : by_(by), names_(names), given_(given)
    {
    }

    const contract& by() const noexcept { return by_; }
    /// What a string in place of a ModelSpec stands for.
    const named_models& names() const noexcept { return names_; }
    /// Whether the request itself gives the parameter.
    bool is_given(std::string_view name) const
    {
        const json_node* const found = given_.find(name);
        return found && !found->is_null();
    }

    /// The view that the model's name ends in, if it does.
    std::optional<view> through;

    /// What is refused now is in this parameter.
    void read_next(std::string_view parameter) noexcept { parameter_ = parameter; }
    void refuse(failure why)
    {
        if (fault_)
            return;
        fault_ = std::move(why);
        fault_->param = parameter_;
    }
    /// `name` must be `wanted`, and is something else.
    void wrong(std::string_view name, std::string_view wanted, const json_node& found);
    const std::optional<failure>& fault() const noexcept { return fault_; }

private:
    const contract& by_;
    const named_models& names_;
    const json_node& given_;
    std::string_view parameter_;
    std::optional<failure> fault_;
};

// How a field is read into a member of each type. A faulty one leaves `to` as it happens to be.
void take(reading&, const field&, const json_node&, bool& to);
void take(reading&, const field&, const json_node&, std::uint64_t& to);
void take(reading&, const field&, const json_node&, double& to);
void take(reading&, const field&, const json_node&, std::chrono::nanoseconds& to);
void take(reading&, const field&, const json_node&, std::string& to);
void take(reading&, const field&, const json_node&, std::vector<std::string>& to);
void take(reading&, const field&, const json_node&, std::vector<token_id>& to);
void take(reading&, const field&, const json_node&, text_or_ids& to);
void take(reading&, const field&, const json_node&, std::vector<text_or_ids>& to);
void take(reading&, const field&, const json_node&, std::vector<logprob::item>& to);
void take(reading&, const field&, const json_node&, view& to);
/// The view that the model's name ends in, if it does and the request gives none; else as any view.
void take_view_of_model(reading&, const field&, const json_node&, view& to);
void take(reading&, const field&, const json_node&, model_spec& to);
void take(reading&, const field&, const json_node&, event_filter& to);
/// The place of `found` among the words of the field's type, if it is there.
std::optional<std::size_t> take_word(reading&, const field&, const json_node& found);

template <class Enum>
requires std::is_enum_v<Enum>
void take(reading& by, const field& of, const json_node& from, Enum& to)
{
    if (const auto which = take_word(by, of, from))
        to = static_cast<Enum>(*which);
}

template <class T>
void take(reading& by, const field& of, const json_node& from, std::optional<T>& to)
{
    take(by, of, from, to.emplace());
}

template <class Request>
inline constexpr char owner_of = 0;

template <class Member>
struct member_of;
template <class Request, class T>
struct member_of<T Request::*> {
    using request = Request;
};

/// A field that is kept in `member`.
template <auto member>
constexpr destination to()
{
    using request = typename member_of<decltype(member)>::request;
    return {&owner_of<request>,
            [](reading& by, const field& of, const json_node& from, void* into) {
                take(by, of, from, static_cast<request*>(into)->*member);
            }};
}

/// The same of a view that the model's name may end in. The field goes after the model's.
template <auto member>
constexpr destination to_view_of_model()
{
    using request = typename member_of<decltype(member)>::request;
    return {&owner_of<request>,
            [](reading& by, const field& of, const json_node& from, void* into) {
                take_view_of_model(by, of, from, static_cast<request*>(into)->*member);
            }};
}

/// A request, or a part of one, that fields are read into.
struct target {
    template <class Request>
    target(Request& request) : owner(&owner_of<Request>), place(&request)
    {
    }
    const void* owner;
    void* place;
};

/// Reads the parameters of one method, any number of times. What it is made from must outlive it.
class reader {
public:
    reader(const contract& by, const method& of);

    /// Fills `into`, with defaults where nothing is given; each field goes to the one that has it.
    /// What is wrong, if anything: first a parameter that the method does not take, then the first
    /// faulty one. `given`: an object. REQUIRES: every field of the method has its target.
    std::optional<failure> read(const json_node& given, const named_models& names,
                                std::initializer_list<target> into) const;

private:
    std::optional<failure> unknown(const json_node& given) const;

    const contract& by_;
    const method& of_;
    std::string defaults_text_; // one object
    std::unique_ptr<json_document> document_;
    std::vector<const json_node*> defaults_; // by the places of params; null: has none
};

} // namespace warmd::schema

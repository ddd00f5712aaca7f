#pragma once
// Reads one request's parameters by name, and says in words for people what is wrong with them.

#include "model/config_file.hpp"
#include "json/json_document.hpp"
#include <warmd/backend.hpp>
#include <warmd/model_spec.hpp>

#include <boost/container/small_vector.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warmd {

/// The parameters of one request to the method `of`. Each read names one parameter the method
/// takes. The first fault is kept and a faulty read gives a default, so a method reads all it takes
/// and then asks once for the fault().
class params {
public:
    /// `given`: an object, which must live as long as this; so must the names that are asked for.
    params(std::string_view of, const json_node& given) : method_(of), given_(&given) {}

    bool has(std::string_view name) { return find(name) != nullptr; }
    bool flag(std::string_view name, bool otherwise);
    std::string string(std::string_view name);               ///< required
    std::vector<std::string> strings(std::string_view name); ///< none of them empty; default: none
    std::vector<token_id> ids(std::string_view name);        ///< required
    text_or_ids text(std::string_view name);                 ///< required
    std::vector<text_or_ids> texts(std::string_view name);   ///< required
    std::vector<logprob::item> items(std::string_view name); ///< required: [{prompt, completion}]
    /// An integer in [least, most].
    std::uint64_t count(std::string_view name, std::optional<std::uint64_t> otherwise,
                        std::uint64_t least,
                        std::uint64_t most = std::numeric_limits<std::int32_t>::max());
    /// A finite number for which `allowed` holds; `wanted` says in words which those are.
    double number(std::string_view name, double otherwise, std::string_view wanted,
                  bool (*allowed)(double));
    /// Seconds, above 0 unless `zero_too`.
    std::optional<std::chrono::nanoseconds> seconds(std::string_view name, bool zero_too);
    /// One of `words`; its index. Default: the first.
    std::size_t choice(std::string_view name, std::initializer_list<std::string_view> words);
    view through(std::string_view name, view::mode otherwise);
    model_spec model(
        std::string_view name,
        const named_models& named); ///< required: a ModelSpec object, or one of these names
    void model(std::string_view name, const named_models& named,
               model_spec& into); ///< the same, in memory that is there already

    /// For what concerns several parameters at once.
    void refuse(std::string detail);
    /// What is wrong, if anything: first a parameter that no read named, then the first faulty
    /// read.
    std::optional<failure> fault() const;

private:
    const json_node* find(std::string_view name);
    const json_node* need(std::string_view name, std::string_view wanted);
    void wrong(std::string name, std::string_view wanted, const json_node& found);
    void take(view& to, const std::string& name, const json_node& from);

    std::string_view method_;
    const json_node* given_;
    boost::container::small_vector<std::string_view, 16> taken_;
    std::optional<failure> fault_;
};

} // namespace warmd

#include "hf/files/safetensors.hpp"

#include "hf/compute/kernels.hpp"
#include "json/json_document.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

namespace warmd::hf {

namespace {

constexpr std::uint64_t largest_header = 100'000'000;

using tensor_map = std::map<std::string, tensor_info, std::less<>>;

failure broken(const std::filesystem::path& file, std::string_view what)
{
    return failure{errc::load_failed, file.native() + ": " + std::string(what)};
}

failure broken(const std::filesystem::path& file, std::string_view tensor, std::string_view what)
{
    return broken(file, "tensor " + shortened(tensor) + ": " + std::string(what));
}

/// Bytes of one element, 0 if the dtype is unknown.
std::uint64_t element_size(std::string_view dtype)
{
    static constexpr std::array<std::pair<std::string_view, std::uint64_t>, 16> sizes{
        {{"F32", 4},
         {"BF16", 2},
         {"F16", 2},
         {"F64", 8},
         {"I64", 8},
         {"I32", 4},
         {"I16", 2},
         {"I8", 1},
         {"U64", 8},
         {"U32", 4},
         {"U16", 2},
         {"U8", 1},
         {"BOOL", 1},
         {"F8_E4M3", 1},
         {"F8_E5M2", 1},
         {"C64", 8}}};
    const auto found = std::find_if(sizes.begin(), sizes.end(),
                                    [&](const auto& entry) { return entry.first == dtype; });
    return found == sizes.end() ? 0 : found->second;
}

std::optional<std::uint64_t> natural(const json_node& value)
{
    using kind = json_node::kind;
    const bool fits =
        value.what() == kind::uint64 || (value.what() == kind::int64 && value.int64() >= 0);
    return fits ? std::optional(value.uint64()) : std::nullopt;
}

/// A name that an object within `value` has twice, if there is one.
std::optional<std::string_view> name_twice(const json_node& value)
{
    if (!value.is_array() && !value.is_object())
        return {};
    std::set<std::string_view> names;
    for (const json_node* each = value.begin(); each != value.end(); each = each->next()) {
        if (value.is_object() && !names.insert(each->string()).second)
            return each->string();
        each += value.is_object() ? 1 : 0; // from a member's name to its value
        if (const auto found = name_twice(*each))
            return found;
    }
    return {};
}

/// Reads one tensor's entry. `data` is the number of bytes behind the header, `start` where they
/// begin.
result<tensor_info> read_entry(const std::filesystem::path& file, std::string_view name,
                               const json_node& entry, std::uint64_t start, std::uint64_t data)
{
    const auto member = [&](std::string_view wanted, bool (json_node::*is)() const noexcept) {
        const json_node* const found = entry.is_object() ? entry.find(wanted) : nullptr;
        return found && (found->*is)() ? found : nullptr;
    };
    const json_node* const dtype = member("dtype", &json_node::is_string);
    const json_node* const shape = member("shape", &json_node::is_array);
    const json_node* const offsets = member("data_offsets", &json_node::is_array);
    if (!dtype || !shape || !offsets || offsets->size() != 2)
        return broken(file, name,
                      "its header entry must have a dtype, a shape and two data_offsets");
    tensor_info info{.dtype = std::string(dtype->string()), .shape = {}};
    const std::uint64_t size = element_size(info.dtype);
    if (size == 0)
        return broken(file, name, "unknown dtype '" + shortened(info.dtype) + "'");
    for (const json_node* each = shape->begin(); each != shape->end(); each = each->next()) {
        const auto length = natural(*each);
        if (!length)
            return broken(file, name,
                          "its shape must be whole numbers, found " + shortened(shape->literal()));
        info.shape.push_back(*length);
    }
    std::uint64_t bytes = size;
    for (const std::uint64_t length : info.shape)
        if (__builtin_mul_overflow(bytes, length, &bytes))
            return broken(file, name, "its shape " + shape_text(info.shape) + " overflows 64 bits");
    const auto begin = natural(*offsets->begin());
    const auto end = natural(*offsets->begin()->next());
    const std::string span = shortened(offsets->literal());
    if (!begin || !end || *begin > *end)
        return broken(file, name, "its data_offsets " + span + " are no range");
    if (*end > data)
        return broken(file, name,
                      "its data_offsets " + span + " lie beyond the " + std::to_string(data) +
                          " bytes of data in the file, which is truncated or corrupt");
    if (*end - *begin != bytes)
        return broken(file, name,
                      "its data_offsets " + span + " span " + std::to_string(*end - *begin) +
                          " bytes, its shape " + shape_text(info.shape) + " of " + info.dtype +
                          " takes " + std::to_string(bytes));
    info.offset = start + *begin;
    info.bytes = bytes;
    return info;
}

/// Every byte of the data must belong to exactly one tensor.
result<void> check_coverage(const std::filesystem::path& file, const tensor_map& tensors,
                            std::uint64_t start, std::uint64_t end)
{
    std::vector<const tensor_map::value_type*> order;
    for (const auto& entry : tensors)
        order.push_back(&entry);
    std::sort(order.begin(), order.end(), [](auto* a, auto* b) {
        return std::pair(a->second.offset, a->second.bytes) <
               std::pair(b->second.offset, b->second.bytes);
    });
    std::uint64_t covered = start;
    for (const auto* entry : order) {
        const auto& [name, info] = *entry;
        if (info.offset < covered)
            return broken(file, name, "its data_offsets overlap another tensor's");
        if (info.offset > covered)
            return broken(file, name,
                          "the " + std::to_string(info.offset - covered) +
                              " bytes before its data_offsets belong to no tensor");
        covered = info.offset + info.bytes;
    }
    if (covered != end)
        return broken(file, std::to_string(end - covered) +
                                " bytes at the end of the file belong to no tensor");
    return {};
}

} // namespace

std::uint64_t tensor_info::elements() const { return bytes / element_size(dtype); }

std::string shape_text(std::span<const std::uint64_t> shape)
{
    std::string text = "[";
    for (std::size_t i = 0; i != shape.size() && text.size() < 200; ++i)
        text += (i ? ", " : "") + std::to_string(shape[i]);
    return text + "]";
}

result<safetensors> safetensors::open(const std::filesystem::path& path, const file_rules& rules)
{
    auto file = input_file::open(path, rules);
    if (!file)
        return file.error();
    std::array<unsigned char, 8> prefix{};
    if (file->size() < prefix.size())
        return broken(path, "truncated: " + std::to_string(file->size()) +
                                " bytes are no safetensors file");
    if (auto read = file->read(0, std::as_writable_bytes(std::span(prefix))); !read)
        return read.error();
    std::uint64_t length = 0;
    for (std::size_t i = prefix.size(); i-- != 0;)
        length = length << 8 | prefix[i];
    if (length > file->size() - prefix.size())
        return broken(path, "truncated or corrupt: its header length is " + std::to_string(length) +
                                ", the file has " + std::to_string(file->size()) + " bytes");
    if (length > largest_header)
        return broken(path, "its header of " + std::to_string(length) +
                                " bytes exceeds the limit of " + std::to_string(largest_header));
    std::string header(length, '\0');
    if (auto read = file->read(prefix.size(), std::as_writable_bytes(std::span(header))); !read)
        return read.error();
    json_document document;
    const auto parsed = document.read(header);
    if (!parsed)
        return broken(path, "its header is not valid JSON: " + parsed.error().detail);
    const json_node& root = **parsed;
    if (!root.is_object())
        return broken(path, "its header is not a JSON object");
    if (const auto name = name_twice(root))
        return broken(path, "its header has a name twice: " + shortened(*name));
    const std::uint64_t start = prefix.size() + length;
    tensor_map tensors;
    for (const json_node* each = root.begin(); each != root.end(); each = each->next()) {
        const std::string name(each->string());
        ++each; // to the member's value
        if (name == "__metadata__")
            continue;
        auto info = read_entry(path, name, *each, start, file->size() - start);
        if (!info)
            return info.error();
        tensors.emplace(name, std::move(*info));
    }
    if (auto sound = check_coverage(path, tensors, start, file->size()); !sound)
        return sound.error();
    return safetensors(std::move(*file), std::move(tensors));
}

result<void> safetensors::read(const std::string& name, std::uint64_t first,
                               std::span<float> to) const
{
    const tensor_info& info = tensors_.find(name)->second;
    const bool full = info.dtype == "F32";
    const bool brain = info.dtype == "BF16";
    if (full)
        return file_.read(info.offset + 4 * first, std::as_writable_bytes(to));
    std::vector<std::uint16_t> piece(std::min<std::size_t>(to.size(), 1 << 20));
    for (std::uint64_t offset = info.offset + 2 * first; !to.empty(); offset += 2 * piece.size()) {
        const std::size_t count = std::min(piece.size(), to.size());
        if (auto got = file_.read(offset, std::as_writable_bytes(std::span(piece).first(count)));
            !got)
            return got.error();
        (brain ? widen_bf16 : widen_fp16)(piece.data(), to.data(), count);
        to = to.subspan(count);
    }
    return {};
}

result<void> safetensors::read_stored(const std::string& name, std::uint64_t first,
                                      std::span<std::byte> to) const
{
    const tensor_info& info = tensors_.find(name)->second;
    return file_.read(info.offset + first * element_size(info.dtype), to);
}

} // namespace warmd::hf

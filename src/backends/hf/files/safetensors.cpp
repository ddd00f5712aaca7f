#include "hf/files/safetensors.hpp"

#include "hf/compute/kernels.hpp"

#include <warmd/json.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>

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

std::optional<std::uint64_t> natural(const json::value& value)
{
    if (value.is_uint64())
        return value.get_uint64();
    if (value.is_int64() && value.get_int64() >= 0)
        return static_cast<std::uint64_t>(value.get_int64());
    return {};
}

/// The members of every object within `value`, all told.
std::size_t members_in(const json::value& value)
{
    std::size_t count = 0;
    if (const json::object* object = value.if_object())
        for (const auto& [name, member] : *object)
            count += 1 + members_in(member);
    else if (const json::array* array = value.if_array())
        for (const json::value& element : *array)
            count += members_in(element);
    return count;
}

/// The colons outside strings: as many as members were written. Boost.JSON drops all but the last
/// member of one name.
std::size_t members_written(std::string_view text)
{
    std::size_t count = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (quoted && text[i] == '\\')
            ++i;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && text[i] == ':')
            ++count;
    }
    return count;
}

/// Reads one tensor's entry. `data` is the number of bytes behind the header, `start` where they
/// begin.
result<tensor_info> read_entry(const std::filesystem::path& file, std::string_view name,
                               const json::value& entry, std::uint64_t start, std::uint64_t data)
{
    const json::object* const object = entry.if_object();
    const json::value* const dtype = object ? object->if_contains("dtype") : nullptr;
    const json::value* const shape = object ? object->if_contains("shape") : nullptr;
    const json::value* const offsets = object ? object->if_contains("data_offsets") : nullptr;
    if (!dtype || !dtype->is_string() || !shape || !shape->is_array() || !offsets ||
        !offsets->is_array() || offsets->get_array().size() != 2)
        return broken(file, name,
                      "its header entry must have a dtype, a shape and two data_offsets");
    tensor_info info{.dtype = std::string(dtype->get_string()), .shape = {}};
    const std::uint64_t size = element_size(info.dtype);
    if (size == 0)
        return broken(file, name, "unknown dtype '" + shortened(info.dtype) + "'");
    for (const json::value& dimension : shape->get_array()) {
        const auto length = natural(dimension);
        if (!length)
            return broken(file, name,
                          "its shape must be whole numbers, found " +
                              shortened(json::serialize(*shape)));
        info.shape.push_back(*length);
    }
    std::uint64_t bytes = size;
    for (const std::uint64_t length : info.shape)
        if (__builtin_mul_overflow(bytes, length, &bytes))
            return broken(file, name, "its shape " + shape_text(info.shape) + " overflows 64 bits");
    const auto begin = natural(offsets->get_array()[0]);
    const auto end = natural(offsets->get_array()[1]);
    const std::string span = shortened(json::serialize(*offsets));
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
    const auto parsed = parse_json(header);
    if (!parsed)
        return broken(path, "its header is not valid JSON: " + parsed.error().detail);
    if (!parsed->is_object())
        return broken(path, "its header is not a JSON object");
    if (members_written(header) != members_in(*parsed))
        return broken(path, "its header has a name twice");
    const std::uint64_t start = prefix.size() + length;
    tensor_map tensors;
    for (const auto& [name, entry] : parsed->get_object()) {
        if (name == "__metadata__")
            continue;
        auto info = read_entry(path, name, entry, start, file->size() - start);
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

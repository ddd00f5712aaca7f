#include "hf/text/tokenizer_config.hpp"

#include "hf/files/input_file.hpp"
#include "hf/text/json_place.hpp"

#include <boost/json.hpp>

namespace warmd::hf {

namespace {

constexpr std::uint64_t max_file_bytes = 16 << 20; // a chat template may be in it

/// A token is its text, or an object with its text as `content`.
std::optional<std::string> read_token(const json_place& fields, std::string_view name)
{
    const json::value* const found = fields.find(name);
    if (!found)
        return {};
    return std::string(found->is_object() ? fields.object(name).text("content")
                                          : fields.text(name));
}

std::optional<bool> read_flag(const json_place& fields, std::string_view name)
{
    return fields.find(name) ? std::optional(fields.flag(name, false)) : std::nullopt;
}

} // namespace

result<tokenizer_config> read_tokenizer_config(const std::filesystem::path& file)
{
    std::error_code ec;
    if (!std::filesystem::exists(file, ec))
        return tokenizer_config{};
    const result<std::string> text = read_text(file, max_file_bytes);
    if (!text)
        return text.error();
    const result<json::value> document = parse_json(*text);
    if (!document)
        return failure{errc::load_failed, file.native() + ": not JSON: " + document.error().detail};
    complaint wrong;
    const json_place fields(*document, "", wrong);
    tokenizer_config read{.class_name = std::string(fields.text_or("tokenizer_class", "")),
                          .bos = read_token(fields, "bos_token"),
                          .eos = read_token(fields, "eos_token"),
                          .add_bos = read_flag(fields, "add_bos_token"),
                          .add_eos = read_flag(fields, "add_eos_token")};
    if (wrong)
        return failure{wrong.first().code, file.native() + ": " + wrong.first().detail};
    return read;
}

} // namespace warmd::hf

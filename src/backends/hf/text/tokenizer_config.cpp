#include "hf/text/tokenizer_config.hpp"

#include "hf/files/input_file.hpp"
#include "hf/text/json_place.hpp"

#include <boost/json.hpp>

namespace warmd::hf {

namespace {

constexpr std::uint64_t max_file_bytes = 16 << 20; // a chat template may be in it

} // namespace

result<std::optional<std::string>> read_bos_token(const std::filesystem::path& file,
                                                  const file_rules& rules)
{
    std::error_code ec;
    if (!std::filesystem::exists(file, ec))
        return std::nullopt;
    const result<std::string> text = read_text(file, max_file_bytes, rules);
    if (!text)
        return text.error();
    const result<json::value> document = parse_json(*text);
    if (!document)
        return failure{errc::load_failed, file.native() + ": not JSON: " + document.error().detail};
    complaint wrong;
    const json_place fields(*document, "", wrong);
    const json::value* const found = fields.find("bos_token");
    std::optional<std::string> bos;
    if (found) // its text, or an object with its text as `content`
        bos = found->is_object() ? fields.object("bos_token").text("content")
                                 : fields.text("bos_token");
    if (wrong)
        return failure{wrong.first().code, file.native() + ": " + wrong.first().detail};
    return bos;
}

} // namespace warmd::hf

#include "hf/text/tokenizer_config.hpp"

#include "hf/files/json_place.hpp"

#include <boost/json.hpp>

namespace warmd::hf {

result<std::optional<std::string>> read_bos_token(const std::filesystem::path& file,
                                                  const file_rules& rules)
{
    std::error_code ec;
    if (!std::filesystem::exists(file, ec))
        return std::nullopt;
    const result<json::value> document = read_json(file, rules);
    if (!document)
        return document.error();
    complaint wrong(file);
    const json_place fields(*document, "", wrong);
    const json::value* const found = fields.find("bos_token");
    std::optional<std::string> bos;
    if (found) // its text, or an object with its text as `content`
        bos = found->is_object() ? fields.object("bos_token").text("content")
                                 : fields.text("bos_token");
    if (wrong)
        return wrong.first();
    return bos;
}

} // namespace warmd::hf

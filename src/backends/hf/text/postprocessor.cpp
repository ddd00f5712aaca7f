#include "hf/text/postprocessor.hpp"

#include <algorithm>
#include <functional>
#include <limits>

namespace warmd::hf {

postprocessor::postprocessor(const json_place& document)
{
    if (document.find("post_processor"))
        read(document.object("post_processor"));
}

void postprocessor::read(const json_place& fields)
{
    const std::string_view type = fields.text("type");
    if (type == "Sequence") {
        for (const json_place& member : fields.objects("processors", max_components))
            read(member);
    } else if (type == "TemplateProcessing") {
        read_template(fields);
    } else if (type != "ByteLevel") {
        refuse_component(fields, "post-processor", type);
    }
}

void postprocessor::read_template(const json_place& fields)
{
    if (has_template_) // the second would see the first's tokens as a pair of texts
        return fields.wrong().add(errc::unsupported,
                                  fields.path() + ": a second TemplateProcessing is not supported");
    has_template_ = true;
    const json_place special_tokens = fields.object("special_tokens");
    bool text_seen = false;
    for (const json_place& piece : fields.objects("single", max_components)) {
        if (piece.find("SpecialToken")) {
            read_special_token(piece.object("SpecialToken"), special_tokens,
                               text_seen ? after_ : before_);
        } else if (piece.object("Sequence").text("id") != "A" || text_seen) {
            fields.wrong().add(errc::unsupported,
                               piece.path() +
                                   ": a single text (A) can be had once, and nothing else");
        } else {
            text_seen = true;
        }
    }
    if (!text_seen)
        fields.wrong().add(errc::unsupported,
                           fields.place_of("single") + " leaves the text (Sequence A) out");
}

void postprocessor::read_special_token(const json_place& piece, const json_place& special_tokens,
                                       std::vector<token_id>& ids) const
{
    const json_place token = special_tokens.object(piece.text("id"));
    const json::value* listed = token.find("ids");
    if (!listed || !listed->is_array() || listed->get_array().size() > max_components)
        return token.wrong().add(errc::load_failed, token.place_of("ids") +
                                                        " must be an array of at most " +
                                                        std::to_string(max_components) + " ids");
    constexpr std::int64_t largest = std::numeric_limits<token_id>::max();
    for (const json::value& id : listed->get_array()) {
        if (!id.is_int64() || id.get_int64() < 0 || id.get_int64() > largest)
            return token.wrong().add(errc::load_failed,
                                     token.place_of("ids") + " must hold integers from 0 to " +
                                         std::to_string(largest) + ", found " + in_short(id));
        ids.push_back(static_cast<token_id>(id.get_int64()));
    }
}

token_id postprocessor::max_id() const
{
    token_id largest = -1;
    for (const std::vector<token_id>& ids : {std::cref(before_), std::cref(after_)})
        for (const token_id id : ids)
            largest = std::max(largest, id);
    return largest;
}

} // namespace warmd::hf

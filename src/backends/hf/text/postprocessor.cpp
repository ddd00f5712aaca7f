#include "hf/text/postprocessor.hpp"

#include <algorithm>
#include <functional>
#include <limits>

namespace warmd::hf {

namespace {

/// The id of a member like ["[CLS]", 101]; 0 after a complaint.
token_id read_token(const json_place& fields, std::string_view name)
{
    const json::value* const found = fields.find(name);
    const json::array* const pair = found ? found->if_array() : nullptr;
    const std::int64_t* const id =
        pair && pair->size() == 2 && (*pair)[0].is_string() ? (*pair)[1].if_int64() : nullptr;
    if (id && *id >= 0 && *id <= std::numeric_limits<token_id>::max())
        return static_cast<token_id>(*id);
    fields.wrong().add(errc::load_failed, fields.place_of(name) + " must be a token and its id");
    return 0;
}

/// What comes after a template would see its tokens and the text as two texts.
void refuse_second(const json_place& fields)
{
    fields.wrong().add(errc::unsupported, fields.path() + ": another post-processor after a "
                                                          "TemplateProcessing is not supported");
}

} // namespace

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
    } else if (type == "BertProcessing" || type == "RobertaProcessing") {
        read_pair(fields);
    } else if (type != "ByteLevel") {
        refuse_component(fields, "post-processor", type);
    }
}

void postprocessor::read_pair(const json_place& fields)
{
    if (fields.wrong())
        return;
    if (has_template_)
        return refuse_second(fields);
    before_.insert(before_.begin(), read_token(fields, "cls"));
    after_.push_back(read_token(fields, "sep"));
    limit_components(fields, before_.size());
}

void postprocessor::read_template(const json_place& fields)
{
    if (has_template_)
        return refuse_second(fields);
    has_template_ = true;
    const json_place special_tokens = fields.object("special_tokens");
    std::vector<token_id> before;
    bool text_seen = false;
    for (const json_place& piece : fields.objects("single", max_components)) {
        if (piece.find("SpecialToken")) {
            read_special_token(piece.object("SpecialToken"), special_tokens,
                               text_seen ? after_ : before);
        } else if (piece.object("Sequence").text("id") != "A" || text_seen) {
            fields.wrong().add(errc::unsupported,
                               piece.path() +
                                   ": a single text (A) can be had once, and nothing else");
        } else {
            text_seen = true;
        }
    }
    before_.insert(before_.begin(), before.begin(), before.end());
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

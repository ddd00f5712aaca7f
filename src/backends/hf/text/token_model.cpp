#include "hf/text/token_model.hpp"

#include <warmd/json.hpp>

namespace warmd::hf {

namespace {

/// The type that files from before 2021 leave out is told by the members.
std::string_view type_of(const json_place& model)
{
    if (model.find("type"))
        return model.text("type");
    if (model.find("merges"))
        return "BPE";
    if (const json::value* const vocab = model.find("vocab"); vocab && vocab->is_array())
        return "Unigram";
    return model.find("max_input_chars_per_word") ? "WordPiece" : "WordLevel";
}

} // namespace

token_model::token_model(const json_place& document)
{
    const json_place model = document.object("model");
    if (model.wrong())
        return;
    const std::string_view type = type_of(model);
    if (type == "Unigram") {
        how_.emplace<unigram>(model, words_);
        return;
    }
    if (type != "BPE" && type != "WordPiece" && type != "WordLevel") {
        model.wrong().add(errc::unsupported,
                          "the tokenizer model " + shortened(type) + " is not supported");
        return;
    }
    words_ = vocabulary(model);
    if (type == "BPE")
        how_.emplace<bpe>(model, words_);
    else if (type == "WordPiece")
        how_.emplace<word_piece>(model, words_);
    else
        how_.emplace<word_level>(model, words_);
}

void token_model::encode(std::string_view word, match_budget& budget,
                         std::vector<token_id>& ids) const
{
    if (const auto* const pairs = std::get_if<bpe>(&how_))
        pairs->encode(word, words_, ids);
    else if (const auto* const pieces = std::get_if<word_piece>(&how_))
        pieces->encode(word, budget, ids);
    else if (const auto* const whole = std::get_if<word_level>(&how_))
        whole->encode(word, words_, ids);
    else if (const auto* const likely = std::get_if<unigram>(&how_))
        likely->encode(word, words_, budget, ids);
}

} // namespace warmd::hf

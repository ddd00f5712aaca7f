#include "hf/text/tokenizer.hpp"

#include "hf/files/input_file.hpp"
#include "hf/text/added_tokens.hpp"
#include "hf/text/decoder.hpp"
#include "hf/text/normalizer.hpp"
#include "hf/text/postprocessor.hpp"
#include "hf/text/pretokenizer.hpp"
#include "hf/text/token_model.hpp"
#include "hf/text/tokenizer_config.hpp"
#include "hf/text/utf8.hpp"

#include <warmd/json.hpp>

#include <algorithm>
#include <exception>

namespace warmd::hf {

namespace {

constexpr std::uint64_t max_file_bytes = 128
                                         << 20; // the largest in the field have a quarter of that

} // namespace

/// The parts of a tokenizer.json. The model is read first: if its type is not supported, that is
/// what to complain of.
struct tokenizer::parts {
    explicit parts(const json_place& document)
        : model(document), normalize(document), added(document, model.words(), normalize),
          pretokenize(document), postprocess(document), detokenize(document)
    {
    }

    void encode_words(std::string text, bool at_start, match_budget& budget,
                      std::vector<token_id>& ids) const;
    const std::string* text_of(token_id id) const
    {
        const std::string* text = added.text_of(id);
        return text ? text : model.words().text_of(id);
    }
    /// What the decoder is given for `id`.
    const std::string* decoded_text_of(token_id id) const
    {
        const std::string* text = added.decoded_text_of(id);
        return text ? text : model.words().text_of(id);
    }

    token_model model;
    normalizer normalize;
    added_tokens added;
    pretokenizer pretokenize;
    postprocessor postprocess;
    decoder detokenize;
};

tokenizer::tokenizer(std::unique_ptr<const parts> p) : parts_(std::move(p)) {}
tokenizer::tokenizer(tokenizer&&) noexcept = default;
tokenizer& tokenizer::operator=(tokenizer&&) noexcept = default;
tokenizer::~tokenizer() = default;

result<tokenizer> tokenizer::load(const std::filesystem::path& tokenizer_json,
                                  const file_rules& rules)
{
    const result<std::string> text = read_text(tokenizer_json, max_file_bytes, rules);
    if (!text)
        return text.error();
    const result<json::value> document = parse_json(*text);
    if (!document)
        return failure{errc::load_failed,
                       tokenizer_json.native() + ": not JSON: " + document.error().detail};
    const auto bos = read_bos_token(tokenizer_json.parent_path() / "tokenizer_config.json", rules);
    if (!bos)
        return bos.error();
    complaint wrong(tokenizer_json);
    try {
        auto all = std::make_unique<const parts>(json_place(*document, "", wrong));
        if (!wrong) {
            tokenizer made(std::move(all));
            if (*bos)
                made.bos_ = made.id_of(**bos);
            return made;
        }
    } catch (const std::exception& e) { // the normalizer, at work on the added tokens
        wrong.add(errc::load_failed, e.what());
    }
    return wrong.first();
}

std::vector<token_id> tokenizer::encode(std::string_view utf8, bool add_special_tokens) const
{
    using stage = added_tokens::stage;
    check_text_size(utf8.size());
    const std::string repaired = is_valid_utf8(utf8) ? std::string() : to_valid_utf8(utf8);
    const std::string_view text = repaired.empty() ? utf8 : repaired;
    match_budget budget;
    std::vector<token_id> ids;
    if (add_special_tokens)
        ids = parts_->postprocess.before();
    for (const auto& raw : parts_->added.split(text, stage::raw)) {
        if (raw.id >= 0) {
            ids.push_back(raw.id);
            continue;
        }
        const auto [normalized, from_start] = parts_->normalize(
            std::string(text.substr(raw.where.begin, raw.where.end - raw.where.begin)), budget);
        for (const auto& [where, id] : parts_->added.split(normalized, stage::normalized)) {
            if (id >= 0)
                ids.push_back(id);
            else
                parts_->encode_words(normalized.substr(where.begin, where.end - where.begin),
                                     raw.where.begin == 0 && where.begin == 0 && from_start, budget,
                                     ids);
        }
    }
    if (add_special_tokens)
        ids.insert(ids.end(), parts_->postprocess.after().begin(),
                   parts_->postprocess.after().end());
    return ids;
}

/// Appends the ids of text without added tokens. A word that comes again is looked up, not merged
/// again.
void tokenizer::parts::encode_words(std::string text, bool at_start, match_budget& budget,
                                    std::vector<token_id>& ids) const
{
    const pieces words = pretokenize(std::move(text), at_start, budget);
    boost::unordered_flat_map<std::string_view, std::pair<std::size_t, std::size_t>>
        seen; // where in `ids`, how many
    for (std::size_t i = 0; i < words.ends.size(); ++i) {
        const std::size_t begin = ids.size();
        const auto [known, is_new] = seen.try_emplace(words.piece(i), begin, 0);
        if (is_new) {
            model.encode(words.piece(i), budget, ids);
            known->second.second = ids.size() - begin;
        } else {
            const auto [from, count] = known->second;
            for (std::size_t k = 0; k < count; ++k)
                ids.push_back(ids[from + k]);
        }
    }
}

std::string tokenizer::decode(std::span<const token_id> ids, bool skip_special_tokens) const
{
    std::vector<std::string> tokens;
    tokens.reserve(ids.size());
    for (token_id id : ids) {
        const std::string* text = parts_->decoded_text_of(id);
        if (text && !(skip_special_tokens && parts_->added.is_special(*text)))
            tokens.push_back(*text);
    }
    match_budget budget;
    return parts_->detokenize(std::move(tokens), budget);
}

const decoder& tokenizer::decodes() const { return parts_->detokenize; }

const std::string* tokenizer::shown(token_id id) const
{
    const std::string* text = parts_->decoded_text_of(id);
    return text && !parts_->added.is_special(*text) ? text : nullptr;
}

std::string tokenizer::token_text(token_id id) const
{
    const std::string* text = parts_->text_of(id);
    return text ? *text : std::string();
}

bool tokenizer::is_special(token_id id) const
{
    const std::string* text = parts_->decoded_text_of(id);
    return text && parts_->added.is_special(*text);
}

std::optional<token_id> tokenizer::id_of(std::string_view text) const
{
    const auto added = parts_->added.id_of(text);
    return added ? added : parts_->model.words().id_of(text);
}

token_id tokenizer::max_id() const
{
    return std::max(
        {parts_->model.words().max_id(), parts_->added.max_id(), parts_->postprocess.max_id()});
}

std::optional<std::pair<token_id, std::string>> tokenizer::entry_from(token_id limit) const
{
    const token_id largest = max_id();
    if (largest < 0 || largest < limit)
        return {};
    return std::pair(largest, token_text(largest));
}

} // namespace warmd::hf

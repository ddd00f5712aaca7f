#include "hf/text/running_text.hpp"

#include "hf/text/decoder.hpp"
#include "hf/text/utf8.hpp"

#include <string_view>

namespace warmd::hf {

void running_text::add(token_id id)
{
    constexpr std::string_view replacement = "\xEF\xBF\xBD";
    const std::string* const token = words_->shown(id);
    if (!token)
        return;
    open_.push_back(*token);
    match_budget budget;
    const decoder::part last = words_->decodes().next(open_, at_start_, budget);
    text_.resize(decoded_);
    text_ += last.text;
    const std::size_t was_settled = settled_;
    if (last.ends == decoder::ending::whole) {
        settled_ = decoded_ = text_.size();
        open_.clear();
        at_start_ = false;
    } else if (last.ends == decoder::ending::character) {
        std::string_view sure = text_;
        while (sure.size() > decoded_ && sure.ends_with(replacement))
            sure.remove_suffix(replacement.size());
        settled_ = sure.size();
    }
    settled_points_ +=
        hf::code_points(std::string_view(text_).substr(was_settled, settled_ - was_settled));
}

std::size_t running_text::code_points() const
{
    return settled_points_ + hf::code_points(std::string_view(text_).substr(settled_));
}

} // namespace warmd::hf

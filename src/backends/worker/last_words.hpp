#pragma once
// What a worker wrote to its standard error: line by line for the log, and the end of it for
// messages. A plain object.

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace warmd::worker {

class last_words {
public:
    static constexpr std::size_t kept = 64 * 1024;
    static constexpr std::size_t most_quoted = 400;

    /// Gives each line that is whole by now to `take_line`, cut to a length that a log can bear.
    template <class TakeLine>
    void add(std::string_view text, TakeLine take_line)
    {
        text_ += text;
        for (std::size_t end; (end = text_.find('\n', line_)) != text_.npos; line_ = end + 1)
            take_line(std::string_view(text_).substr(line_, std::min(end - line_, longest_line)));
        if (text_.size() > 2 * kept) {
            const std::size_t gone = text_.size() - kept;
            text_.erase(0, gone);
            line_ -= std::min(line_, gone);
        }
    }
    /// The last lines, on one: "; it last wrote 'a / b'", or "".
    std::string quoted() const
    {
        std::string_view left(text_);
        while (!left.empty() && left.back() == '\n')
            left.remove_suffix(1);
        if (left.empty())
            return {};
        left.remove_prefix(left.size() - std::min(left.size(), most_quoted));
        std::string all = "; it last wrote '";
        for (const char c : left)
            if (c == '\n')
                all += " / ";
            else
                all += static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) > '~'
                           ? '?'
                           : c;
        return all + '\'';
    }

private:
    static constexpr std::size_t longest_line = 1000;

    std::string text_;
    std::size_t line_ = 0; // where the line under way begins
};

} // namespace warmd::worker

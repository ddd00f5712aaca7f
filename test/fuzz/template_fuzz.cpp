// A chat template. Promises: reading and rendering it end, with UTF-8 or a failure that has a line.

#include "chat/chat_template.hpp"
#include "chat/unicode.hpp"
#include "fuzz/input.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

using namespace warmd;

namespace {

const boost::json::object& variables()
{
    using boost::json::array;
    using boost::json::object;
    static const object all{
        {"messages",
         array{object{{"role", "system"}, {"content", "Be brief."}},
               object{{"role", "user"}, {"content", "H\xC3\xA9llo \xF0\x9F\x99\x82 <b>&"}},
               object{{"role", "assistant"}, {"content", nullptr}, {"n", 1.5}}}},
        {"tools", array{object{{"name", "f"}, {"parameters", object{{"a", array{1, true}}}}}}},
        {"documents", nullptr},
        {"add_generation_prompt", true},
        {"bos_token", "<s>"}};
    return all;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const chat::template_bounds small{
        .steps = 100'000, .text = std::size_t(1) << 20, .memory = std::size_t(4) << 20};
    const auto read = chat::chat_template::parse(fuzz::text_of(data, size), small);
    if (!read) {
        fuzz::check(read.error().line >= 1, "a failure has a line");
        return 0;
    }
    const auto written = read->render(variables(), std::tm{}, small);
    if (written)
        fuzz::check(chat::unicode::is_valid(written->text), "a text is UTF-8");
    else
        fuzz::check(written.error().line >= 1, "a failure has a line");
    return 0;
}

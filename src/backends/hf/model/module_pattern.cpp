#define PCRE2_CODE_UNIT_WIDTH 8

#include "hf/model/module_pattern.hpp"

#include <warmd/json.hpp>

#include <pcre2.h>

namespace warmd::hf {

namespace {

constexpr std::size_t longest_expression = 64 << 10;
constexpr std::uint32_t most_steps = 1'000'000;

const pcre2_code* as_code(const std::shared_ptr<const void>& code)
{
    return static_cast<const pcre2_code*>(code.get());
}

} // namespace

result<module_pattern> module_pattern::compile(const std::string& expression)
{
    const std::string quoted = "the regular expression '" + shortened(expression) + "'";
    if (expression.size() > longest_expression)
        return failure{errc::load_failed,
                       quoted + " is longer than " + std::to_string(longest_expression) + " bytes"};
    int error = 0;
    std::size_t offset = 0;
    pcre2_code* const code = pcre2_compile(
        reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
        PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &error, &offset, nullptr);
    if (!code) {
        char message[120] = "";
        pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message), sizeof message);
        return failure{errc::load_failed,
                       quoted + " is not valid at byte " + std::to_string(offset) + ": " + message};
    }
    module_pattern compiled;
    compiled.code_ = std::shared_ptr<const void>(code, [](const void* p) {
        pcre2_code_free(static_cast<pcre2_code*>(const_cast<void*>(p)));
    });
    return compiled;
}

bool module_pattern::matches(std::string_view path) const
{
    const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match(
        pcre2_match_data_create_from_pattern(as_code(code_), nullptr), pcre2_match_data_free);
    const std::unique_ptr<pcre2_match_context, void (*)(pcre2_match_context*)> context(
        pcre2_match_context_create(nullptr), pcre2_match_context_free);
    pcre2_set_match_limit(context.get(), most_steps);
    return pcre2_match(as_code(code_), reinterpret_cast<PCRE2_SPTR>(path.data()), path.size(), 0, 0,
                       match.get(), context.get()) >= 0;
}

} // namespace warmd::hf

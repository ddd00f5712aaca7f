#include "model/batching_backend.hpp"
#include <warmd/backend_registry.hpp>

#include <boost/test/unit_test.hpp>

#include <cmath>

using namespace warmd;

namespace {

result<resolved_model> resolve(const std::string& options)
{
    return dummy_loader().resolve({.kind = "dummy", .base = "d", .options = options}, {});
}

result<std::unique_ptr<backend>> load(const loader& by, const std::string& options)
{
    load_context context{.stop = {}, .progress = [](std::uint64_t, std::uint64_t) {}};
    return by.load(by.resolve({.kind = "dummy", .base = "d", .options = options}, {}).value(),
                   context);
}

result<outcome> run(backend& on, operation what)
{
    std::vector<result<outcome>> told;
    std::vector<call> calls(1);
    calls[0].what = std::move(what);
    calls[0].complete = [&](result<outcome> r) { told.push_back(std::move(r)); };
    dynamic_cast<batching_backend&>(on).run(calls);
    BOOST_TEST_REQUIRE(told.size() == 1U);
    return told[0];
}

} // namespace

BOOST_AUTO_TEST_CASE(options_are_checked_by_name_type_and_range)
{
    BOOST_TEST(resolve(R"({"load_ms":5,"bytes":7})").value().estimated_bytes == 7U);
    for (const auto& [options, named] : std::initializer_list<std::pair<const char*, const char*>>{
             {R"({"speed":1})", "speed"},
             {R"({"load_ms":-1})", "load_ms"},
             {R"({"load_ms":1.5})", "load_ms"},
             {R"({"load_ms":"1"})", "load_ms"},
             {R"({"load_ms":1e12})", "load_ms"},
             {R"({"load_error":1})", "load_error"}}) {
        const auto refused = resolve(options);
        BOOST_TEST_REQUIRE(!refused.has_value(), options);
        BOOST_TEST((refused.error().code == errc::invalid_params));
        BOOST_TEST(refused.error().detail.find(named) != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(a_load_fails_as_often_as_it_was_told_to)
{
    const loader by = dummy_loader();
    const std::string options = R"({"load_error":"disk on fire","load_error_times":2})";
    for (int attempt = 0; attempt != 2; ++attempt)
        BOOST_CHECK_EXCEPTION(load(by, options), std::runtime_error, [](const auto& e) {
            return std::string(e.what()) == "disk on fire";
        });
    BOOST_TEST(load(by, options).has_value());
}

BOOST_AUTO_TEST_CASE(distributions_add_up_and_views_differ)
{
    const loader by = dummy_loader();
    const auto made = load(by, "{}").value();
    const auto slice = [&](view through, std::size_t top_k) {
        const outcome told = run(*made, next_token{through, {std::string("hello")}, top_k}).value();
        return std::get<distributions>(told).slices.at(0).value();
    };
    const top_slice all = slice({view::mode::base}, 256), some = slice({view::mode::base}, 10);
    double mass = 0;
    for (const float logprob : all.logprobs)
        mass += std::exp(static_cast<double>(logprob));
    BOOST_TEST(std::abs(mass - 1) < 1e-5);
    BOOST_TEST(!all.tail_logprob.has_value());
    BOOST_TEST(some.tail_logprob.has_value());
    BOOST_TEST(std::is_sorted(all.logprobs.rbegin(), all.logprobs.rend()));
    BOOST_TEST((slice({view::mode::ft}, 256).logprobs != all.logprobs));
    BOOST_TEST((slice({.what = view::mode::scaled, .scale = 0}, 256).logprobs == all.logprobs));
}

BOOST_AUTO_TEST_CASE(every_operation_is_answered)
{
    const loader by = dummy_loader();
    const auto made = load(by, "{}").value();
    BOOST_TEST(std::get<tokens>(run(*made, tokenize{"ab", true}).value()).ids.size() == 2U);
    BOOST_TEST(std::get<plain_text>(run(*made, detokenize{{97, 98}, false}).value()).text == "ab");
    BOOST_TEST(std::get<scored_texts>(
                   run(*made, logprob{{}, {{std::string("a"), std::string("bc")}}}).value())
                   .results.at(0)
                   .value()
                   .logprobs.size() == 2U);
    BOOST_TEST(std::get<scored_texts>(run(*made, rolling_logprob{{}, {std::string("abc")}}).value())
                   .results.at(0)
                   .value()
                   .logprobs.size() == 2U);
    BOOST_TEST(std::get<generation_result>(
                   run(*made, generate{.prompt = std::string("a"), .max_new_tokens = 3}).value())
                   .ids.size() == 3U);
    BOOST_TEST(
        std::get<divergence_report>(run(*made, diverge{.prompts = {std::string("a")}}).value())
            .mean > 0);
    BOOST_TEST((run(*made, detokenize{{256}, false}).error().code == errc::invalid_params));
}

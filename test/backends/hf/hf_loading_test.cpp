// Resolving and loading: what is estimated, what is shared, what is refused.

#include "support/demo_model.hpp"
#include "support/scratch.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cmath>
#include <cstdlib>
#include <set>

using namespace warmd;
using namespace warmd::hf;

namespace {

/// Within 10 %, of all memory and of what can be shared.
void expect_good_estimate(const model_spec& spec)
{
    const loader by = hf_loader();
    const resolved_model guessed = by.resolve(spec, {}).value();
    const footprint measured = load_with(by, spec).value()->bytes();
    const auto close = [](std::uint64_t a, std::uint64_t b) {
        return std::abs(static_cast<double>(a) / static_cast<double>(b) - 1) < 0.1;
    };
    BOOST_TEST(close(guessed.estimated_bytes, measured.all));
    BOOST_TEST(close(guessed.shared_bytes, measured.shared));
}

} // namespace

BOOST_DATA_TEST_CASE(the_estimate_is_what_is_allocated,
                     boost::unit_test::data::make(std::vector<std::string>{
                         "demo", "fixtures/llama-smol", "fixtures/llama3-mini",
                         "fixtures/llama2-mini"}) +
                         boost::unit_test::data::make(family_models),
                     name)
{
    expect_good_estimate(spec_of(test_data / name / "model"));
}

BOOST_DATA_TEST_CASE(an_adapters_estimate_is_what_is_allocated,
                     boost::unit_test::data::make({"fp32", "bf16", "int8", "int4"}), dtype)
{
    expect_good_estimate(demo_spec(dtype));
}

BOOST_AUTO_TEST_CASE(bf16_is_a_model_of_its_own_and_takes_half_the_memory_for_weights)
{
    const loader by = hf_loader();
    const auto narrow = by.resolve(demo_spec("bf16"), {}).value(),
               wide = by.resolve(demo_spec("auto"), {}).value();
    BOOST_TEST((narrow.spec.dtype == "bf16" && wide.computes == "fp32"));
    BOOST_TEST((narrow.key != wide.key && narrow.shared_weights != wide.shared_weights));
    BOOST_TEST(narrow.shared_bytes < wide.shared_bytes);
    BOOST_TEST((by.resolve(demo_spec("fp16"), {}).value().key == wide.key));
}

BOOST_AUTO_TEST_CASE(fewer_bits_take_less_memory_and_are_never_chosen_unasked)
{
    const loader by = hf_loader();
    const auto bytes = [&](const char* dtype) {
        return load_with(by, demo_spec(dtype)).value()->bytes().shared;
    };
    BOOST_TEST(bytes("int8") < bytes("bf16"));
    BOOST_TEST(bytes("int4") < bytes("int8"));
    BOOST_TEST(by.resolve(demo_spec("int4"), {}).value().computes == "int4");
    BOOST_TEST(by.resolve(demo_spec("auto"), {}).value().computes == "fp32");
}

BOOST_AUTO_TEST_CASE(adapters_of_one_base_share_its_weights)
{
    const loader by = hf_loader();
    const auto one = by.resolve(spec_of(demo / "model", demo / "adapter"), {}).value();
    const auto other = by.resolve(spec_of(demo / "model", demo / "adapter-early-05"), {}).value();
    BOOST_TEST(one.shared_weights == other.shared_weights);
    BOOST_TEST(
        one.shared_weights !=
        by.resolve(spec_of(test_data / "fixtures/llama-smol/model"), {}).value().shared_weights);
    std::uint64_t read = 0; // bytes reported before the end of a load
    load_context context{.stop = {}, .progress = [&](std::uint64_t done, std::uint64_t total) {
                             read += done < total ? 1 : 0;
                         }};
    auto first = by.load(one, context).value()->bytes();
    BOOST_TEST(first.shared > 0u);
    BOOST_TEST(read > 0u);
    const auto resident = by.load(one, context).value();
    read = 0;
    const auto second = by.load(other, context).value();
    BOOST_TEST(read == 0u); // nothing of the base was read again
    const auto alone = load_model(demo / "model", demo / "adapter-early-05");
    BOOST_TEST((rolling(*second, {}) == rolling(*alone, {})));
}

BOOST_AUTO_TEST_CASE(files_changed_since_they_were_resolved_fail_the_load_as_worth_another_try)
{
    const test::scratch_directory scratch;
    std::filesystem::copy(demo / "adapter", scratch.path / "adapter");
    const std::filesystem::path weights = scratch.path / "adapter/adapter_model.safetensors";
    const loader by = hf_loader();
    load_context context{.stop = {}, .progress = [](std::uint64_t, std::uint64_t) {}};
    const auto outdated = [&](auto&& change) {
        const auto resolved =
            by.resolve(spec_of(demo / "model", scratch.path / "adapter"), {}).value();
        change();
        const auto loaded = by.load(resolved, context);
        BOOST_TEST_REQUIRE(loaded.has_error());
        return loaded.error().code == errc::load_failed &&
               loaded.error().retry_after_seconds == 0.0 &&
               loaded.error().detail.find("changed while they were being loaded") !=
                   std::string::npos;
    };
    BOOST_TEST(outdated([&] {
        std::filesystem::copy_file(demo / "adapter-early-05/adapter_model.safetensors", weights,
                                   std::filesystem::copy_options::overwrite_existing);
    }));
    BOOST_TEST(outdated([&] {
        std::filesystem::resize_file(weights, 1000);
    })); // broken besides: the writer is at it
    BOOST_TEST(outdated([&] { std::filesystem::remove(weights); }));
}

BOOST_AUTO_TEST_CASE(progress_ends_at_the_total_and_a_stop_fails_the_load)
{
    const loader by = hf_loader();
    const auto resolved = by.resolve(spec_of(demo / "model"), {}).value();
    std::uint64_t done = 0, total = 0;
    std::stop_source stop;
    load_context context{.stop = stop.get_token(),
                         .progress = [&](std::uint64_t d, std::uint64_t t) {
                             BOOST_TEST(d >= done);
                             done = d;
                             total = t;
                         }};
    BOOST_TEST(by.load(resolved, context).has_value());
    BOOST_TEST(done == total);
    BOOST_TEST(total > 2'000'000u);
    stop.request_stop();
    done = 0;
    BOOST_TEST(by.load(resolved, context).has_error());
}

BOOST_AUTO_TEST_CASE(resolving_makes_specs_of_one_model_equal)
{
    const loader by = hf_loader();
    model_spec spelled = spec_of(demo / "." / "model/");
    spelled.dtype = "fp32";
    spelled.device = "cpu";
    spelled.trust_remote_code = true;
    BOOST_TEST((by.resolve(spelled, {}).value().key ==
                by.resolve(spec_of(demo / "model"), {}).value().key));
    BOOST_TEST((by.resolve(spec_of(demo / "model", demo / "adapter"), {}).value().key !=
                by.resolve(spelled, {}).value().key));
}

BOOST_AUTO_TEST_CASE(what_a_spec_cannot_ask_for_is_refused_by_name)
{
    const loader by = hf_loader();
    const auto code = [&](auto change) {
        model_spec spec = spec_of(demo / "model");
        change(spec);
        return by.resolve(spec, {}).error().code;
    };
    BOOST_TEST((code([](model_spec& s) { s.base = "/no/such/model"; }) == errc::not_found));
    BOOST_TEST((code([](model_spec& s) { s.adapter = "/no/such/adapter"; }) == errc::not_found));
    BOOST_TEST((code([](model_spec& s) { s.options = R"({"x":1})"; }) == errc::invalid_params));
    BOOST_TEST(
        (code([](model_spec& s) { s.entry_point = "module:make"; }) == errc::invalid_params));
    BOOST_TEST(
        (code([](model_spec& s) { s.base = "no-org/no-such-repository"; }) == errc::not_found));
}

namespace {

/// What an open descriptor refers to, by its last name.
std::string name_of(int descriptor)
{
    return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor))
        .filename()
        .native();
}

/// Resolves and loads the demo model by rules that admit all but `refused`; the names asked about
/// while it is resolved, and while it is loaded.
struct asked_about {
    std::set<std::string> resolving, loading;
    result<std::unique_ptr<backend>> loaded = failure{};

    explicit asked_about(const std::string& refused)
    {
        const auto rules_into = [&](std::set<std::string>& names) {
            return file_rules{[&names, refused](int descriptor) {
                names.insert(name_of(descriptor));
                return name_of(descriptor) != refused;
            }};
        };
        const loader by = hf_loader();
        const resolved_model model = by.resolve(demo_spec("auto"), rules_into(resolving)).value();
        load_context context{.stop = {},
                             .progress = [](std::uint64_t, std::uint64_t) {},
                             .rules = rules_into(loading)};
        loaded = by.load(model, context);
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(no_file_is_read_that_the_rules_do_not_admit)
{
    const std::set<std::string> headers{"config.json", "generation_config.json",
                                        "model.safetensors", "adapter_config.json",
                                        "adapter_model.safetensors"};
    std::set<std::string> all = headers;
    all.insert({"tokenizer.json", "tokenizer_config.json"});
    const asked_about open("");
    BOOST_TEST((open.resolving == headers));
    BOOST_TEST((open.loading == all));
    BOOST_TEST(open.loaded.has_value());
    for (const std::string& name : all) {
        const asked_about without(name);
        BOOST_TEST_REQUIRE(without.loaded.has_error(), name);
        const std::string why = without.loaded.error().detail;
        BOOST_TEST(why.find(name + ": it leads out of the directories") != std::string::npos, why);
    }
}

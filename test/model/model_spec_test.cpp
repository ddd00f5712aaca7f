#include "json/json_document.hpp"
#include <warmd/backend_registry.hpp>

#include <warmd/model_spec.hpp>

#include "support/scratch.hpp"

#include <boost/test/unit_test.hpp>

using namespace warmd;
using namespace warmd::test;
namespace fs = std::filesystem;

namespace {

result<model_spec> read(const std::string& text)
{
    json_document document;
    model_spec spec;
    if (auto why = read_model_spec(*document.read(text).value(), spec))
        return *why;
    return spec;
}
model_spec spec(const std::string& text) { return read(text).value(); }
failure refusal(const std::string& text) { return read(text).error(); }
cache_key key(const std::string& text)
{
    return dummy_loader().resolve(spec(text), {}).value().key;
}

} // namespace

BOOST_AUTO_TEST_CASE(specs_equal_in_identity_have_equal_keys)
{
    BOOST_TEST(key(R"({"kind":"dummy","base":"a"})").text ==
               key(R"({"base":"a","kind":"dummy","adapter":null,"options":{}})").text);
    BOOST_TEST(key(R"({"kind":"dummy","base":"a","options":{"load_ms":1,"bytes":2}})").text ==
               key(R"({"kind":"dummy","base":"a","options":{"bytes":2,"load_ms":1}})").text);
}

BOOST_AUTO_TEST_CASE(every_member_of_the_identity_makes_a_different_key)
{
    const std::string same = key(R"({"kind":"dummy","base":"/m/a"})").text;
    BOOST_TEST(key(R"({"kind":"dummy","base":"/m/b"})").text != same);
    BOOST_TEST(key(R"({"kind":"dummy","base":"/m/a","adapter":"/m/x"})").text != same);
    BOOST_TEST(key(R"({"kind":"dummy","base":"/m/a","entry_point":"f"})").text != same);
    BOOST_TEST(key(R"({"kind":"dummy","base":"/m/a","options":{"load_ms":1}})").text != same);
    BOOST_TEST(key(R"({"kind":"dummy","base":"a","revision":"v1"})").text !=
               key(R"({"kind":"dummy","base":"a","revision":"v2"})").text);
    BOOST_TEST(key(R"({"kind":"dummy","base":"a","revision":"v1"})").text !=
               key(R"({"kind":"dummy","base":"a"})").text);
    model_spec one{.kind = "hf", .base = "/m/a", .dtype = "fp32", .device = "cpu"}, two = one;
    two.dtype = "bf16";
    BOOST_TEST(key_of(one).text != key_of(two).text);
    two = one;
    two.device = "gpu";
    BOOST_TEST(key_of(one).text != key_of(two).text);
    two = one;
    two.kind = "dummy";
    BOOST_TEST(key_of(one).text != key_of(two).text);
}

BOOST_AUTO_TEST_CASE(a_key_is_utf8_whatever_the_directory_is_called)
{
    const model_spec latin{.base = "/m/caf\xE9"}, utf8{.base = "/m/caf\xC3\xA9"};
    BOOST_TEST(key_of(latin).text.starts_with("caf\\xe9-"));
    BOOST_TEST(key_of(utf8).text.starts_with("caf\xC3\xA9-"));
}

BOOST_AUTO_TEST_CASE(trust_remote_code_does_not_change_the_key)
{
    BOOST_TEST(key(R"({"kind":"dummy","base":"a","trust_remote_code":true})").text ==
               key(R"({"kind":"dummy","base":"a"})").text);
}

BOOST_AUTO_TEST_CASE(auto_equals_what_it_resolves_to)
{
    BOOST_TEST(key(R"({"kind":"dummy","base":"a","dtype":"auto","device":"auto"})").text ==
               key(R"({"kind":"dummy","base":"a","dtype":"fp32","device":"cpu"})").text);
}

BOOST_AUTO_TEST_CASE(paths_are_normalised)
{
    const scratch_directory scratch;
    fs::create_directories(scratch.path / "real/model");
    fs::create_symlink(scratch.path / "real", scratch.path / "link");
    const auto key_at = [](const fs::path& p) {
        return key(R"({"kind":"dummy","base":")" + p.string() + "\"}").text;
    };
    const std::string same = key_at(scratch.path / "real/model");
    BOOST_TEST(key_at(scratch.path / "link/model") == same);
    BOOST_TEST(key_at(scratch.path / "real/model/") == same);
    BOOST_TEST(key_at(scratch.path / "real/../real/./model") == same);
    BOOST_TEST(key_at("/nowhere/at/all/") == key_at("/nowhere/x/../at/all"));
}

BOOST_AUTO_TEST_CASE(no_two_identities_share_their_text)
{
    const model_spec a{.kind = "k", .base = "b1:c", .entry_point = "d"},
        b{.kind = "k", .base = "b1", .entry_point = "cd"};
    BOOST_TEST(key_of(a).text != key_of(b).text);
    const model_spec none{.base = "b"}, empty{.base = "b", .entry_point = ""};
    BOOST_TEST(key_of(none).text != key_of(empty).text);
}

BOOST_AUTO_TEST_CASE(a_bad_spec_is_refused_naming_the_member)
{
    for (const auto& [text, named] : std::initializer_list<std::pair<const char*, const char*>>{
             {"[]", "ModelSpec"},
             {"{}", "base"},
             {R"({"base":1})", "base"},
             {R"({"base":""})", "base"},
             {R"({"base":"/m","colour":"red"})", "colour"},
             {R"({"base":"/m","adapter":"relative/path"})", "adapter"},
             {R"({"base":"/m","dtype":"int2"})", "dtype"},
             {R"({"base":"/m","device":"cuda"})", "device"},
             {R"({"base":"/m","trust_remote_code":1})", "trust_remote_code"},
             {R"({"base":"/m","revision":"main"})", "revision"},
             {R"({"base":"org/m","revision":""})", "revision"},
             {R"({"base":"/m","options":[]})", "options"},
             {R"({"base":"/m","options":{"a":[{"b":1e400}]}})", "options has 1e400"},
             {R"({"base":"/m\u0000/n"})", "base"}}) {
        BOOST_TEST((refusal(text).code == errc::invalid_params));
        BOOST_TEST(refusal(text).detail.find(named) != std::string::npos, text);
    }
}

BOOST_AUTO_TEST_CASE(any_change_of_the_files_is_a_new_generation)
{
    const scratch_directory scratch;
    const fs::path file = scratch.path / "f", absent = scratch.path / "g";
    const std::vector<fs::path> files{file, absent};
    write_file(file, "one");
    const generation first = fingerprint(files);
    BOOST_TEST((fingerprint(files) == first));
    write_file(absent, "");
    const generation added = fingerprint(files);
    BOOST_TEST((added != first));
    write_file(scratch.path / "new", "two");
    fs::rename(scratch.path / "new", file);
    BOOST_TEST((fingerprint(files) != added));
}

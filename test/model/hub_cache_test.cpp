// Where models that were downloaded before are found.

#include "model/hub_cache.hpp"

#include "support/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <map>

using namespace warmd;

namespace {

std::string directory_with(const std::map<std::string, std::string>& variables)
{
    return hub_cache_directory([&](const char* name) {
               const auto found = variables.find(name);
               return found == variables.end() ? std::string() : found->second;
           })
        .native();
}

/// A cache with the repository org/name, in which `snapshots` are.
struct cache_of_test {
    test::scratch_directory directory;
    std::filesystem::path repository = directory.path / "models--org--name";

    explicit cache_of_test(const std::vector<std::string>& snapshots)
    {
        for (const std::string& each : snapshots)
            std::filesystem::create_directories(repository / "snapshots" / each);
    }
    void refer(const std::string& name, const std::string& commit) const
    {
        const auto file = repository / "refs" / name;
        std::filesystem::create_directories(file.parent_path());
        test::write_file(file, commit);
    }
    result<hub_snapshot> find(const std::string& revision = "main") const
    {
        return find_in_hub_cache(directory.path, "org/name", revision);
    }
    std::string found(const std::string& revision = "main") const
    {
        return find(revision).value().directory.filename().native();
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(the_cache_is_where_huggingface_hub_would_look)
{
    BOOST_TEST(directory_with({{"HOME", "/u"}}) == "/u/.cache/huggingface/hub");
    BOOST_TEST(directory_with({{"HOME", "/u"}, {"XDG_CACHE_HOME", "/x"}}) == "/x/huggingface/hub");
    BOOST_TEST(directory_with({{"XDG_CACHE_HOME", "/x"}, {"HF_HOME", "/h"}}) == "/h/hub");
    BOOST_TEST(directory_with({{"HOME", "/u"}, {"HF_HOME", "~/h"}}) == "/u/h/hub");
    BOOST_TEST(directory_with({{"HOME", "/u"}, {"HF_HOME", "~"}}) == "/u/hub");
    BOOST_TEST(directory_with({{"HF_HOME", "/h"}, {"HUGGINGFACE_HUB_CACHE", "/old"}}) == "/old");
    BOOST_TEST(directory_with({{"HUGGINGFACE_HUB_CACHE", "/old"}, {"HF_HUB_CACHE", "/new"}}) ==
               "/new");
    BOOST_TEST(directory_with({{"HOME", "/u"}, {"HF_HUB_CACHE", "~/c"}}) == "/u/c");
}

BOOST_AUTO_TEST_CASE(the_branch_main_names_the_snapshot_unless_another_revision_is_asked_for)
{
    const cache_of_test cache({"aaaa", "bbbb", "cccc", "dddd"});
    cache.refer("main", "aaaa\n");
    cache.refer("v1.0", "bbbb");
    cache.refer("refs/pr/3", "cccc");
    BOOST_TEST(cache.found() == "aaaa");
    BOOST_TEST(cache.found("v1.0") == "bbbb");
    BOOST_TEST(cache.found("refs/pr/3") == "cccc");
    BOOST_TEST(cache.found("dddd") == "dddd"); // a commit
    BOOST_TEST((cache.find().value().chosen_by.back() == cache.repository / "refs/main"));
}

BOOST_AUTO_TEST_CASE(without_main_the_only_snapshot_is_meant)
{
    BOOST_TEST(cache_of_test({"aaaa"}).found() == "aaaa");
    const auto of_two = cache_of_test({"aaaa", "bbbb"}).find();
    BOOST_TEST((of_two.error().code == errc::not_found));
    BOOST_TEST(of_two.error().detail.find("2 snapshots") != std::string::npos);
    BOOST_TEST((cache_of_test({"aaaa"}).find("v2").error().code == errc::not_found));
}

BOOST_AUTO_TEST_CASE(what_is_not_there_says_where_it_was_looked_for_and_how_to_get_it)
{
    const test::scratch_directory empty;
    const std::string why = find_in_hub_cache(empty.path, "org/name").error().detail;
    BOOST_TEST(why.find((empty.path / "models--org--name").native()) != std::string::npos, why);
    BOOST_TEST(why.find("HF_HOME") != std::string::npos, why);
    BOOST_TEST(why.find("hf download org/name") != std::string::npos, why);
    const cache_of_test stale({"aaaa"});
    stale.refer("main", "ffff");
    BOOST_TEST(stale.find().error().detail.find("names no snapshot") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_name_leads_out_of_the_cache)
{
    const cache_of_test cache({"aaaa"});
    for (const char* const revision :
         {"", "..", "../x", "a/../b", "/etc", "a//b", "a b", ".hidden", "-x"})
        BOOST_TEST((cache.find(revision).error().code == errc::invalid_params), revision);
    for (const char* const id : {"", "..", "org/..", "org/name/more", "org\\name"})
        BOOST_TEST(
            (find_in_hub_cache(cache.directory.path, id).error().code == errc::invalid_params), id);
    cache.refer("main", "../../x");
    BOOST_TEST((cache.find().error().code == errc::not_found));
}

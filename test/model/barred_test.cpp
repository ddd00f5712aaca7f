#include "model/barred.hpp"

#include "support/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <unistd.h>

using namespace warmd;
namespace fs = std::filesystem;

namespace {

/// Root may enter everything: looks with the eyes of nobody.
struct as_nobody {
    as_nobody() : was_root(::geteuid() == 0 && ::seteuid(65534) == 0) {}
    ~as_nobody()
    {
        if (was_root)
            BOOST_REQUIRE(::seteuid(0) == 0);
    }
    const bool was_root;
};

struct place {
    place()
    {
        fs::permissions(scratch.path, fs::perms(0755));
        fs::create_directories(scratch.path / "home/models/llama");
        fs::create_directory_symlink(scratch.path / "home/models", scratch.path / "link");
        fs::permissions(scratch.path / "home", fs::perms(0700));
        if (::geteuid() != 0)
            fs::permissions(scratch.path / "home", fs::perms(0600));
    }
    ~place() { fs::permissions(scratch.path / "home", fs::perms(0755)); }
    std::string at(const char* name) const { return scratch.path / name; }
    test::scratch_directory scratch;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(the_directory_that_bars_the_way_is_named_with_its_mode_and_the_cure, place)
{
    std::optional<failure> direct, by_link, before;
    {
        const as_nobody eyes;
        direct = barred(at("home/models/llama"));
        by_link = barred(at("link/llama"));
        before = barred(at("nowhere/at/all"));
    }
    for (const std::optional<failure>& why : {direct, by_link}) {
        BOOST_TEST_REQUIRE(why.has_value());
        BOOST_TEST((why->code == errc::permission_denied));
        for (const std::string& part :
             {"permission denied at " + at("home") + " (0", std::string("chmod o+x ") + at("home")})
            BOOST_TEST(why->detail.find(part) != std::string::npos, why->detail);
    }
    BOOST_TEST(!before); // what is not there is not barred
}

BOOST_FIXTURE_TEST_CASE(what_may_be_entered_is_not_barred, place)
{
    fs::permissions(scratch.path / "home", fs::perms(0755));
    const as_nobody eyes;
    BOOST_TEST(!barred(at("home/models/llama")));
    BOOST_TEST(!barred(at("link/llama")));
}

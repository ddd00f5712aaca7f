// The secret that HTTP clients over TCP have to know.

#include "server/http_token.hpp"

#include "support/scratch.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>

#include <sys/stat.h>

using namespace warmd;
using test::scratch_directory, test::write_file;

BOOST_AUTO_TEST_CASE(a_token_is_256_bits_and_another_each_time)
{
    const std::string one = new_http_token();
    BOOST_TEST(one.size() == 64U);
    BOOST_TEST(one.find_first_not_of("0123456789abcdef") == std::string::npos);
    BOOST_TEST(one != new_http_token());
}

BOOST_AUTO_TEST_CASE(what_is_left_beside_the_socket_is_for_its_owner_and_can_be_read_again)
{
    const scratch_directory where;
    const std::string file = http_token_path(where.path / "warmd.sock");
    BOOST_TEST(file == (where.path / "http-token").native());
    for (int i = 0; i != 2; ++i) { // the second in the place of the first
        const std::string token = new_http_token();
        BOOST_TEST(write_http_token(file, token).has_value());
        BOOST_TEST(read_http_token(file).value() == token);
    }
    struct stat about {};
    BOOST_TEST(::stat(file.c_str(), &about) == 0);
    BOOST_TEST((about.st_mode & 0777U) == 0600U);
    BOOST_TEST(!write_http_token(where.path / "none" / "http-token", "x").has_value());
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_token_is_refused_with_the_reason)
{
    const scratch_directory where;
    const auto file = where.path / "t";
    const auto refusal = [&](const std::string& text, unsigned mode = 0600) {
        write_file(file, text);
        std::filesystem::permissions(file, std::filesystem::perms(mode));
        const auto read = read_http_token(file);
        return read ? std::string() : read.error().detail;
    };
    BOOST_TEST(refusal("0123456789abcdef\n") == "");
    BOOST_TEST(refusal("0123456789abcdef", 0640).find("mode 0600") != std::string::npos);
    BOOST_TEST(refusal("short\n").find("has 5 bytes") != std::string::npos);
    BOOST_TEST(refusal(std::string(5000, 'a')).find("4095") != std::string::npos);
    BOOST_TEST(refusal("0123456789 abcdef").find("printable") != std::string::npos);
    BOOST_TEST(read_http_token(where.path / "none").error().detail.find("cannot read") !=
               std::string::npos);
    BOOST_TEST(read_http_token(where.path).error().detail.find("no regular file") !=
               std::string::npos);
}

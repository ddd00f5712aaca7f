#include "hf/compute/kernels.hpp"
#include "hf/files/checkpoint.hpp"
#include "hf/files/safetensors.hpp"

#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

using namespace warmd;
using namespace warmd::hf;

namespace {

/// A directory that is gone at the end.
struct scratch_directory {
    std::filesystem::path path = std::filesystem::temp_directory_path() /
                                 ("warmd-hf-safetensors-" + std::to_string(::getpid()));
    scratch_directory() { std::filesystem::create_directories(path); }
    ~scratch_directory() { std::filesystem::remove_all(path); }

    std::filesystem::path write(const std::string& name, const std::string& bytes) const
    {
        std::ofstream(path / name, std::ios::binary) << bytes;
        return path / name;
    }
};

std::string file_of(const std::string& header, std::size_t data_bytes)
{
    std::string bytes(8, '\0');
    const std::uint64_t length = header.size();
    std::memcpy(bytes.data(), &length,
                sizeof length); // little-endian machines only, as the tests are
    return bytes + header + std::string(data_bytes, '\1');
}

std::string why_not(const std::string& header, std::size_t data_bytes)
{
    const scratch_directory scratch;
    const auto opened =
        safetensors::open(scratch.write("x.safetensors", file_of(header, data_bytes)));
    return opened ? "" : opened.error().detail;
}

bool contains(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_sound_file_gives_its_tensors)
{
    const scratch_directory scratch;
    const auto opened =
        safetensors::open(scratch.write("x.safetensors", file_of(R"({"__metadata__":{"format":"pt"},
        "b":{"dtype":"BF16","shape":[3],"data_offsets":[8,14]},"a":{"dtype":"F32","shape":[2,1],
        "data_offsets":[0,8]},
        "none":{"dtype":"F32","shape":[0,4],"data_offsets":[8,8]}})",
                                                                 14)));
    BOOST_REQUIRE(opened.has_value());
    BOOST_TEST(opened->tensors().size() == 3u);
    BOOST_TEST(opened->tensors().find("b")->second.elements() == 3u);
    std::vector<float> two(2);
    BOOST_TEST(opened->read("b", 1, two).has_value());
    BOOST_TEST(two[0] == std::bit_cast<float>(0x01010000u));
}

BOOST_AUTO_TEST_CASE(a_name_given_twice_is_refused)
{
    const std::string entry = R"({"dtype":"U8","shape":[4],"data_offsets":[0,4]})";
    BOOST_TEST(contains(why_not("{\"a\":" + entry + ",\"a\":" + entry + "}", 4), "twice"));
    BOOST_TEST(
        contains(why_not(R"({"a":{"dtype":"U8","shape":[9],"shape":[4],"data_offsets":[0,4]}})", 4),
                 "twice"));
    BOOST_TEST(why_not("{\"a:\\\":b\":" + entry + "}", 4) ==
               ""); // colons within a name are no members
}

BOOST_AUTO_TEST_CASE(a_hole_between_tensors_is_refused)
{
    BOOST_TEST(contains(
        why_not(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":)"
                R"([1],"data_offsets":[3,4]}})",
                4),
        "tensor b"));
}

BOOST_AUTO_TEST_CASE(half_precision_is_widened_exactly)
{
    constexpr std::array<std::uint16_t, 8> halves{0x3c00, 0xc000, 0x7bff, 0x0001,
                                                  0x83ff, 0x8000, 0xfc00, 0x7e00};
    std::array<float, halves.size()> wide{};
    widen_fp16(halves.data(), wide.data(), halves.size());
    const std::vector<float> expected{1, -2, 65504, 0x1p-24f, -1023 * 0x1p-24f, 0};
    BOOST_TEST(std::vector(wide.begin(), wide.begin() + 6) == expected,
               boost::test_tools::per_element());
    BOOST_TEST(
        (std::isinf(wide[6]) && wide[6] < 0 && std::isnan(wide[7]) && std::signbit(wide[5])));
    constexpr std::uint16_t brain = 0x3fc0;
    widen_bf16(&brain, wide.data(), 1);
    BOOST_TEST(wide[0] == 1.5f);
}

BOOST_AUTO_TEST_CASE(a_directory_or_a_pipe_is_no_weights_file)
{
    const scratch_directory scratch;
    BOOST_TEST(safetensors::open(scratch.path).has_error());
    std::error_code ec;
    std::filesystem::create_symlink("/dev/zero", scratch.path / "zero", ec);
    BOOST_TEST(
        contains(safetensors::open(scratch.path / "zero").error().detail, "not a regular file"));
}

// Whatever the bytes are: a tensor that is listed lies within the file and can be read; else there
// is a reason.
BOOST_AUTO_TEST_CASE(damaged_files_give_an_error_or_readable_tensors)
{
    const unsigned seed = std::random_device()();
    BOOST_TEST_MESSAGE("seed " << seed);
    BOOST_TEST_CONTEXT("seed " << seed)
    {
        std::mt19937 random(seed);
        std::ifstream in(std::filesystem::path(WARMD_TEST_DATA) /
                             "fixtures/broken/ok-base/model.safetensors",
                         std::ios::binary);
        const std::string sound(std::istreambuf_iterator<char>(in), {});
        const scratch_directory scratch;
        std::size_t refused = 0, header = 8;
        std::memcpy(&header, sound.data(), sizeof header);
        for (int round = 0; round != 2000; ++round) {
            std::string bytes = sound;
            for (auto left = 1 + random() % 3; left != 0; --left) {
                const std::size_t at = random() % (8 + header);
                switch (random() % 4) {
                case 0: bytes[at] = static_cast<char>(random()); break;
                case 1: bytes[at] = "0123456789-,:[]{}\""[random() % 18]; break;
                case 2: bytes.erase(at, random() % 8); break;
                case 3:
                    bytes.resize(random() % bytes.size());
                    left = 1;
                    break;
                }
                if (bytes.size() <= 8 + header)
                    break;
            }
            const auto opened = checkpoint::open_file(scratch.write("damaged.safetensors", bytes));
            if (!opened) {
                ++refused;
                BOOST_TEST(contains(opened.error().detail, "damaged.safetensors"));
                continue;
            }
            for (const std::string& name : opened->names()) {
                const tensor_info& info = *opened->find(name);
                std::vector<std::byte> stored(info.bytes);
                BOOST_REQUIRE(info.offset + info.bytes <= bytes.size());
                BOOST_TEST(opened->read_stored(name, 0, stored).has_value());
            }
        }
        BOOST_TEST(refused > 500u);
    }
}

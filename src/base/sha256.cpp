#include "base/sha256.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace warmd {

namespace {

using word = std::uint32_t;
using state = std::array<word, 8>;
constexpr std::size_t block_bytes = 64;

// FIPS 180-4 §5.3.3: the fractions of the square roots of the first eight primes.
constexpr state initial{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
// §4.2.2: those of the cube roots of the first 64.
constexpr std::array<word, 64> constants{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

word big_endian(std::string_view block, std::size_t at)
{
    word made = 0;
    for (std::size_t i = 0; i != 4; ++i)
        made = made << 8 | static_cast<unsigned char>(block[at + i]);
    return made;
}

/// §6.2.2. `block`: block_bytes of them.
void take(state& into, std::string_view block)
{
    std::array<word, 64> schedule{};
    for (std::size_t t = 0; t != 16; ++t)
        schedule[t] = big_endian(block, 4 * t);
    for (std::size_t t = 16; t != 64; ++t) {
        const word near = schedule[t - 2], far = schedule[t - 15];
        schedule[t] = (std::rotr(near, 17) ^ std::rotr(near, 19) ^ near >> 10) + schedule[t - 7] +
                      (std::rotr(far, 7) ^ std::rotr(far, 18) ^ far >> 3) + schedule[t - 16];
    }
    auto [a, b, c, d, e, f, g, h] = into;
    for (std::size_t t = 0; t != 64; ++t) {
        const word first = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                           ((e & f) ^ (~e & g)) + constants[t] + schedule[t];
        const word second =
            (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + first;
        d = c, c = b, b = a, a = first + second;
    }
    const state worked{a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i != into.size(); ++i)
        into[i] += worked[i];
}

/// §5.1.1: what follows the last whole block, a one, zeros, and the number of bits.
std::string padded(std::string_view rest, std::uint64_t bytes)
{
    std::string last(rest);
    last += '\x80';
    last.resize((last.size() + 8 + block_bytes - 1) / block_bytes * block_bytes - 8);
    for (int shift = 56; shift >= 0; shift -= 8)
        last += static_cast<char>(bytes * 8 >> shift & 0xff);
    return last;
}

} // namespace

std::string sha256(std::string_view bytes)
{
    state now = initial;
    const std::size_t whole = bytes.size() / block_bytes * block_bytes;
    for (std::size_t at = 0; at != whole; at += block_bytes)
        take(now, bytes.substr(at, block_bytes));
    const std::string last = padded(bytes.substr(whole), bytes.size());
    for (std::size_t at = 0; at != last.size(); at += block_bytes)
        take(now, std::string_view(last).substr(at, block_bytes));
    std::string hex;
    for (const word each : now)
        for (int shift = 28; shift >= 0; shift -= 4)
            hex += "0123456789abcdef"[each >> shift & 15];
    return hex;
}

} // namespace warmd

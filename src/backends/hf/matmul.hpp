#pragma once
// Matrix products against weights that are packed once into the layout the library likes best. The only part of warmd
// that knows oneDNN.
//
// Each row of a product is the same to the bit however many rows are multiplied together: one packed copy serves every
// row count, the row count is rounded up to a bucket, and long sums are cut at fixed places (hf_matmul_test checks this; it is
// a property of oneDNN 2.6 on AVX-512 and AMX machines, not a promise of the library). Primitives are costly to make, so they
// are kept per shape and bucket.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace warmd::hf {

class matmul_shape; // the primitives for one [in, out]

/// What a product multiplies; it always adds in fp32.
enum class precision { fp32, bf16 };
/// Whether the processor has instructions for bf16 products (AVX512-BF16 or AMX).
bool has_bf16();

/// How weights are stored in their file.
enum class stored_as { fp32, bf16, fp16 };
constexpr std::size_t size_of(stored_as type) { return type == stored_as::fp32 ? 4 : 2; }

/// A weight matrix [out, in], packed. Immutable; movable.
class packed_matrix {
public:
    packed_matrix() = default;

    std::size_t in() const { return in_; }
    std::size_t out() const { return out_; }
    std::uint64_t bytes() const { return bytes_; } ///< of memory, padding included
    precision multiplies() const;
    explicit operator bool() const { return bytes_ != 0; }

private:
    friend class matmul_engine;

    struct release {
        void operator()(std::byte* memory) const;
    };
    std::size_t in_ = 0;
    std::size_t out_ = 0;
    std::uint64_t bytes_ = 0;
    std::unique_ptr<std::byte, release> memory_;
    std::shared_ptr<const matmul_shape> shape_;
};

/// Packs and multiplies. Not thread-safe: its owner lets one thread at a time use it (compute.hpp).
class matmul_engine {
public:
    /// Most rows of one product.
    static constexpr std::size_t most_rows = 512;
    /// `rows` rounded up to the next bucket: so many rows of input and output must be there; those beyond `rows` may hold
    /// anything and receive anything. REQUIRES: 1 <= rows <= most_rows.
    static std::size_t padded(std::size_t rows, const packed_matrix& weights);
    /// The most rows that padded() adds where there are at least `enough_outputs`.
    static constexpr std::size_t most_padding = 127;
    static constexpr std::size_t enough_outputs = 16;

    matmul_engine();
    matmul_engine(matmul_engine&&) noexcept;
    ~matmul_engine();

    /// What pack() would allocate.
    std::uint64_t packed_bytes(std::size_t in, std::size_t out, precision of);
    /// Packs weights [out, in], row-major. bf16 packs of fp32 weights round to the nearest.
    packed_matrix pack(std::span<const std::byte> weights, stored_as type, std::size_t in, std::size_t out, precision of);
    /// y [rows, out] = x [rows, in] * W^T, row-major, both padded(rows, weights) rows long; x in the weights' precision, y in
    /// fp32.
    void multiply(const packed_matrix& weights, const void* x, float* y, std::size_t rows);

private:
    struct state;
    std::shared_ptr<matmul_shape> shape_of(std::size_t in, std::size_t out, precision of);

    std::unique_ptr<state> state_;
};

} // namespace warmd::hf

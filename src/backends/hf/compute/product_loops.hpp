#pragma once
// What the products of all instruction sets have in common: how rows and columns go by in groups
// whose sums stay in registers. Included by product_*.cpp alone.

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace warmd::hf {

/// What is added: the products of `count` inputs of some rows of x and of neighbouring blocks of
/// weights, which are `apart` bytes apart, to y [rows, blocks * block].
template <class Number>
struct operands {
    const Number* x;
    std::size_t x_stride;
    const std::byte* weights;
    std::size_t apart;
    std::size_t count;
    float* y;
    std::size_t y_stride;
    const std::byte*
        ahead; ///< what is wanted next, to be asked for `advance` bytes with each unit of inputs
    std::size_t advance;

    /// At a unit of inputs, of which a block has so many bytes: while a core multiplies, its second
    /// cache fills.
    template <std::size_t bytes>
    [[gnu::always_inline]] void ask_ahead(std::size_t unit) const
    {
        constexpr std::size_t cache_line = 64;
        for (std::size_t line = 0; line < bytes; line += cache_line)
            __builtin_prefetch(ahead + unit * advance + line, 0, 2);
    }
};

/// Where a sum goes on: at nothing, or at what it has come to.
enum class sums { begin, go_on };

/// Kernel has `number`, the type of a row's numbers; `block`, columns; `most_rows` of one group;
/// `unit`, inputs whose weights stand together, a divisor of `piece`, and `unit_bytes`, what a
/// block has of those; and
///     template <std::size_t rows, std::size_t blocks, sums from>
///     static void add(const operands<number>&);
template <class Kernel>
class product_loops {
public:
    using number = typename Kernel::number;

    static void multiply(const number* x, std::size_t rows, const std::byte* weights,
                         std::size_t in, std::size_t outs, float* y, std::size_t y_stride)
    {
        constexpr std::size_t block = Kernel::block;
        const std::size_t block_bytes = (in + Kernel::unit - 1) / Kernel::unit * Kernel::unit_bytes;
        const std::size_t at_once = rows == 1 ? for_one_row : rows <= few_rows ? for_few_rows : 1;
        for (std::size_t o = 0; o < outs;) {
            const std::size_t blocks = o + at_once * block <= outs ? at_once : 1;
            const group of{in, weights + o / block * block_bytes, blocks, block_bytes};
            if (o + block <= outs)
                multiply_blocks(of, x, rows, y + o, y_stride);
            else
                multiply_rest(of, x, rows, outs - o, y + o, y_stride);
            o += blocks * block;
        }
    }

private:
    /// So many blocks are computed at once for so few rows: one addition need not wait for another.
    static constexpr std::size_t for_one_row = 4, for_few_rows = 2, few_rows = 3;
    /// Inputs that are summed over before the next rows have their turn: so many of a block's
    /// weights stay in a core's first cache, and so many of the rows' numbers.
    static constexpr std::size_t piece = 256;
    static_assert(piece % Kernel::unit == 0);

    /// Neighbouring blocks.
    struct group {
        std::size_t in;
        const std::byte* weights;
        std::size_t blocks;
        std::size_t apart; // of blocks
    };
    using step = void (*)(const operands<number>&);

    static void multiply_blocks(const group& of, const number* x, std::size_t rows, float* y,
                                std::size_t y_stride)
    {
        const std::size_t groups = (rows + Kernel::most_rows - 1) / Kernel::most_rows;
        for (std::size_t i = 0; i < of.in; i += piece)
            for (std::size_t g = 0; g != groups; ++g) {
                const std::size_t first = rows * g / groups, last = rows * (g + 1) / groups;
                const std::size_t count = std::min(piece, of.in - i);
                const std::byte* const weights = of.weights + i / Kernel::unit * Kernel::unit_bytes;
                const std::size_t bytes =
                    (count + Kernel::unit - 1) / Kernel::unit * Kernel::unit_bytes;
                step_for(last - first, of.blocks, i == 0 ? sums::begin : sums::go_on)(
                    {x + first * of.in + i, of.in, weights, of.apart, count, y + first * y_stride,
                     y_stride, weights + bytes + bytes * g / groups, Kernel::unit_bytes / groups});
            }
    }

    /// A block whose last columns are not there.
    static void multiply_rest(const group& of, const number* x, std::size_t rows,
                              std::size_t columns, float* y, std::size_t y_stride)
    {
        std::array<float, Kernel::block> whole;
        for (std::size_t r = 0; r != rows; ++r) {
            multiply_blocks(of, x + r * of.in, 1, whole.data(), Kernel::block);
            std::copy_n(whole.data(), columns, y + r * y_stride);
        }
    }

    /// Kernel::add() for 1 to so many rows, from the beginning and going on.
    template <std::size_t blocks, std::size_t rows>
    using steps = std::array<std::array<step, rows>, 2>;
    template <std::size_t blocks, std::size_t... row>
    static constexpr steps<blocks, sizeof...(row)> steps_of(std::index_sequence<row...>)
    {
        return {{{&Kernel::template add<row + 1, blocks, sums::begin>...},
                 {&Kernel::template add<row + 1, blocks, sums::go_on>...}}};
    }
    static step step_for(std::size_t rows, std::size_t blocks, sums from)
    {
        static constexpr auto one = steps_of<for_one_row>(std::make_index_sequence<1>());
        static constexpr auto few = steps_of<for_few_rows>(std::make_index_sequence<few_rows>());
        static constexpr auto many = steps_of<1>(std::make_index_sequence<Kernel::most_rows>());
        const auto which = static_cast<std::size_t>(from);
        if (blocks == for_one_row)
            return one[which][rows - 1];
        if (blocks == for_few_rows)
            return few[which][rows - 1];
        return many[which][rows - 1];
    }
};

} // namespace warmd::hf

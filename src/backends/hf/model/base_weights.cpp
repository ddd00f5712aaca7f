#include "hf/model/base_weights.hpp"

#include "hf/compute/kernels.hpp"
#include "hf/compute/norm.hpp"
#include "hf/compute/threads.hpp"
#include "hf/model/base_tensors.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <span>
#include <utility>

namespace warmd::hf {

namespace {

/// to [columns, rows] = from [rows, columns]
template <class T>
void transpose(std::span<const std::byte> from, std::size_t columns, std::span<std::byte> to)
{
    const auto* const numbers = reinterpret_cast<const T*>(from.data());
    auto* const turned = reinterpret_cast<T*>(to.data());
    const std::size_t rows = from.size() / sizeof(T) / columns;
    for (std::size_t r = 0; r != rows; ++r)
        for (std::size_t c = 0; c != columns; ++c)
            turned[c * rows + r] = numbers[r * columns + c];
}

std::uint64_t bytes_of(const std::vector<float>& values) { return values.size() * sizeof(float); }
std::uint64_t bytes_of(const norm_weights& norm)
{
    return bytes_of(norm.weight) + bytes_of(norm.bias);
}

/// Of all matrices.
std::uint64_t packed_bytes(const model_config& config, const weight_format& computes,
                           compute_gate& gate)
{
    const auto turn = gate.enter();
    std::uint64_t sum = turn.engine().packed_bytes({config.hidden_size, config.vocab_size},
                                                   computes.of_vocabulary());
    for (const layer_plan& layer : config.plan)
        for (const linear_shape& shape : layer.linears)
            sum += turn.engine().packed_bytes(shape.matrix(), computes);
    return sum;
}

/// Reads tensors one after the other; converts those that are not of that type to it, which is then
/// fp32. Returns their norm, for which what was read is looked at on all cores while it is near
/// them. The team itself reads nothing: a file system that hangs holds up this load alone, and not
/// everybody's computing.
result<double> read_all(const checkpoint& file, std::span<const std::string> tensors,
                        stored_as type, std::span<std::byte> to, thread_team& team)
{
    constexpr std::size_t most = 1 << 17; // elements
    struct piece {
        const std::string* tensor;
        std::uint64_t first;
        std::span<std::byte> to;
    };
    std::vector<piece> pieces;
    for (const std::string& tensor : tensors)
        for (std::uint64_t first = 0, all = file.find(tensor)->elements(); first < all;
             first += most) {
            const std::size_t bytes = std::min<std::uint64_t>(most, all - first) * size_of(type);
            pieces.push_back({&tensor, first, to.first(bytes)});
            to = to.subspan(bytes);
        }
    double sum = 0;
    std::array<double, 16> squares{};
    for (std::size_t first = 0; first < pieces.size(); first += squares.size()) {
        const auto some =
            std::span(pieces).subspan(first, std::min(squares.size(), pieces.size() - first));
        for (const auto& [tensor, from, here] : some) {
            const auto got = file.type_of(*tensor) == type
                                 ? file.read_stored(*tensor, from, here)
                                 : file.read(*tensor, from,
                                             {reinterpret_cast<float*>(here.data()),
                                              here.size() / sizeof(float)});
            if (!got)
                return got.error();
        }
        team.for_each(some.size(), some.size() * most,
                      [&](std::size_t i) { squares[i] = sum_of_squares(some[i].to, type); });
        for (std::size_t i = 0; i != some.size(); ++i)
            sum += squares[i];
    }
    return std::sqrt(sum);
}

/// Loads one model; stops at the first failure.
class base_loader {
public:
    base_loader(const model_config& config, const weight_format& computes, const checkpoint& file,
                compute_gate& gate, const load_progress& progress)
        : config_(config), computes_(computes), file_(file), gate_(gate), progress_(progress)
    {
    }

    result<base_weights> load()
    {
        const module_names& names = config_.names;
        auto embedding = load_table(names.embedding);
        if (!embedding)
            return embedding.error();
        base_weights made{.config = config_,
                          .memory = memory_block(packed_bytes(config_, computes_, gate_)),
                          .computes = computes_,
                          .embedding = std::move(*embedding)};
        place_ = made.memory.data();
        if (!names.positions.empty()) {
            auto positions = load_table(names.positions);
            if (!positions)
                return positions.error();
            made.positions = std::move(*positions);
        }
        for (std::size_t layer = 0; layer != config_.layers; ++layer)
            made.layers.push_back(load_layer(config_.plan[layer], layer));
        made.final_norm = read_norm(names.within(names.final_norm));
        const linear_shape& head = config_.head.at(0);
        if (head.bias)
            made.output.bias = read(bias_of(config_.output_name()));
        const stored_rows output = has_own_output(config_, file_)
                                       ? read_rows({weight_of(config_.output_name())})
                                       : made.embedding.rows();
        made.output.norm = computes_.of_vocabulary().norm_at_most(
            output.norm, config_.hidden_size * config_.vocab_size);
        made.output.matrix = pack(output, head.matrix(), computes_.of_vocabulary());
        if (trouble_)
            return *trouble_;
        const auto turn = gate_.enter();
        made.embedding.keep_as(computes_.of_vocabulary(), config_.hidden_size,
                               turn.engine().team());
        return made;
    }

private:
    result<embedding_table> load_table(const std::string& module)
    {
        auto table =
            embedding_table::load(file_, weight_of(config_.names.within(module)), gate_.team());
        if (table)
            progress_.advance(table->bytes());
        return table;
    }

    layer_weights load_layer(const layer_plan& plan, std::size_t layer)
    {
        layer_weights made;
        for (std::size_t place = 0; place != norm_places; ++place)
            if (plan.norms[place].width != 0)
                made.norms[place] = read_norm(module_path(config_, layer, plan.norms[place].name));
        for (const linear_shape& shape : plan.linears)
            made.linears.push_back(load_linear(shape, layer));
        return made;
    }

    linear load_linear(const linear_shape& shape, std::size_t layer)
    {
        linear made;
        std::vector<std::string> weights;
        for (const linear_shape::part& part : shape.parts) {
            const std::string module = module_path(config_, layer, part.name);
            weights.push_back(weight_of(module));
            if (shape.bias) {
                const std::vector<float> bias = read(bias_of(module));
                made.bias.insert(made.bias.end(), bias.begin(), bias.end());
            }
        }
        const stored_rows rows =
            shape.transposed ? turned(read_rows(weights), shape.out()) : read_rows(weights);
        made.norm = computes_.norm_at_most(rows.norm, shape.matrix().in * shape.matrix().out);
        made.matrix = pack(rows, shape.matrix(), computes_);
        return made;
    }

    /// True if there is no point in going on.
    bool given_up()
    {
        if (!trouble_ && progress_.stop.stop_requested())
            trouble_ = failure{errc::load_failed, "asked to stop while loading"};
        return trouble_.has_value();
    }

    std::vector<float> read(const std::string& tensor)
    {
        if (given_up())
            return {};
        std::vector<float> values(file_.find(tensor)->elements());
        if (auto got = file_.read(tensor, values); !got)
            trouble_ = got.error();
        else
            progress_.advance(file_.find(tensor)->bytes);
        return values;
    }

    norm_weights read_norm(const std::string& module)
    {
        norm_weights made{read(module + ".weight"), {}};
        for (float& each : made.weight)
            each += config_.norm_offset;
        if (config_.norm_bias)
            made.bias = read(module + ".bias");
        return made;
    }

    /// Tensors one after the other, as they are stored if all are alike, else in fp32; valid until
    /// the next are read.
    stored_rows read_rows(const std::vector<std::string>& tensors)
    {
        if (given_up())
            return {};
        const auto type_of = [&](const std::string& tensor) { return file_.type_of(tensor); };
        const stored_as first = type_of(tensors[0]);
        const bool alike = std::ranges::all_of(
            tensors, [&](const std::string& each) { return type_of(each) == first; });
        const stored_as type = alike ? first : stored_as::fp32;
        std::size_t elements = 0;
        std::uint64_t in_file = 0;
        for (const std::string& tensor : tensors) {
            elements += file_.find(tensor)->elements();
            in_file += file_.find(tensor)->bytes;
        }
        const std::size_t bytes = elements * size_of(type);
        if (rows_.size() < bytes)
            rows_ = std::vector<std::byte>(bytes);
        const auto norm =
            read_all(file_, tensors, type, std::span(rows_).first(bytes), gate_.team());
        if (!norm) {
            trouble_ = norm.error();
            return {};
        }
        progress_.advance(in_file);
        return {std::span(rows_).first(bytes), type, *norm};
    }

    /// One tensor [in, out] as [out, in]; valid until the next is turned.
    stored_rows turned(const stored_rows& read, std::size_t out)
    {
        turned_.resize(read.bytes.size());
        (size_of(read.type) == sizeof(float) ? transpose<std::uint32_t>
                                             : transpose<std::uint16_t>)(read.bytes, out, turned_);
        return {turned_, read.type, read.norm};
    }

    packed_matrix pack(const stored_rows& rows, const matrix_shape& shape,
                       const weight_format& format)
    {
        if (given_up())
            return {};
        const auto turn = gate_.enter();
        std::byte* const to =
            std::exchange(place_, place_ + turn.engine().packed_bytes(shape, format));
        return turn.engine().pack(rows.bytes, rows.type, shape, format, to);
    }

    const model_config& config_;
    const weight_format& computes_;
    const checkpoint& file_;
    compute_gate& gate_;
    const load_progress& progress_;
    std::vector<std::byte> rows_, turned_; // last read
    std::byte* place_ = nullptr;           // of the next matrix
    std::optional<failure> trouble_;
};

} // namespace

result<embedding_table> embedding_table::load(const checkpoint& file, const std::string& tensor,
                                              thread_team& team)
{
    embedding_table table;
    table.type_ = file.type_of(tensor);
    table.stored_.resize(file.find(tensor)->bytes);
    const auto norm = read_all(file, std::span(&tensor, 1), table.type_, table.stored_, team);
    if (!norm)
        return norm.error();
    table.norm_ = *norm;
    return table;
}

void embedding_table::keep_as(const weight_format& format, std::size_t width, thread_team& team)
{
    if (!is_quantized(format.kept_as()))
        return;
    norm_ = format.norm_at_most(norm_, stored_.size() / size_of(type_));
    quantized_ = quantized_rows(stored_, type_, width, format.kept_as() == precision::int4, team);
    stored_ = {};
}

void embedding_table::look_up(std::size_t id, std::span<float> to) const
{
    if (!quantized_.empty())
        return quantized_.look_up(id, to);
    if (type_ == stored_as::fp32) {
        std::memcpy(to.data(), stored_.data() + id * to.size_bytes(), to.size_bytes());
        return;
    }
    const auto* const from =
        reinterpret_cast<const std::uint16_t*>(stored_.data()) + id * to.size();
    (type_ == stored_as::bf16 ? widen_bf16 : widen_fp16)(from, to.data(), to.size());
}

std::uint64_t base_weights::bytes() const
{
    std::uint64_t sum = memory.bytes() + embedding.bytes() + positions.bytes() +
                        bytes_of(final_norm) + bytes_of(output.bias);
    for (const layer_weights& layer : layers) {
        for (const norm_weights& norm : layer.norms)
            sum += bytes_of(norm);
        for (const linear& each : layer.linears)
            sum += bytes_of(each.bias);
    }
    return sum;
}

std::uint64_t estimate_bytes(const model_config& config, const weight_format& computes,
                             const checkpoint& file, compute_gate& gate)
{
    const module_names& names = config.names;
    std::uint64_t others = 0; // norms, biases and tables
    auto visited = visit_tensors(
        config, file, [&](const std::string& tensor, const std::vector<std::uint64_t>& shape) {
            const bool embedding = tensor == weight_of(names.within(names.embedding)),
                       table = embedding || tensor == weight_of(names.within(names.positions));
            const precision kept = computes.of_vocabulary().kept_as();
            if (embedding && is_quantized(kept))
                others += quantized_rows::bytes(shape[0], shape[1], kept == precision::int4);
            else
                others += shape.size() == 1 ? shape[0] * sizeof(float)
                          : table           ? file.find(tensor)->bytes
                                            : 0;
            return result<void>();
        });
    return visited ? memory_block::rounded(packed_bytes(config, computes, gate)) + others : 0;
}

result<base_weights> load_base(const model_config& config, const weight_format& computes,
                               const checkpoint& file, compute_gate& gate,
                               const load_progress& progress)
{
    return base_loader(config, computes, file, gate, progress).load();
}

} // namespace warmd::hf

#include "hf/model/base_weights.hpp"

#include "hf/compute/kernels.hpp"
#include "hf/compute/norm.hpp"
#include "hf/compute/threads.hpp"

#include <warmd/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <set>
#include <span>
#include <utility>

namespace warmd::hf {

namespace {

constexpr const char* embedding_name = "model.embed_tokens.weight";
constexpr const char* output_name = "lm_head.weight";
constexpr const char* output_bias_name = "lm_head.bias";

std::string weight_of(std::size_t layer, const std::string& name)
{
    return module_path(layer, name) + ".weight";
}
std::string bias_of(std::size_t layer, const std::string& name)
{
    return module_path(layer, name) + ".bias";
}

/// Every tensor of a model and its shape, in the order of the model.
using visitor =
    std::function<result<void>(const std::string& tensor, std::vector<std::uint64_t> shape)>;

result<void> visit_layer(const model_config& config, std::size_t layer, const visitor& visit)
{
    const layer_plan& plan = config.plan[layer];
    std::vector<std::pair<std::string, std::vector<std::uint64_t>>> tensors;
    for (const norm_shape& norm : plan.norms)
        if (norm.width != 0) {
            tensors.push_back({weight_of(layer, norm.name), {norm.width}});
            if (config.norm_bias)
                tensors.push_back({bias_of(layer, norm.name), {norm.width}});
        }
    for (const linear_shape& shape : plan.linears)
        for (const linear_shape::part& part : shape.parts) {
            tensors.push_back({weight_of(layer, part.name), {part.out, shape.in}});
            if (shape.bias)
                tensors.push_back({bias_of(layer, part.name), {part.out}});
        }
    for (auto& [name, shape] : tensors)
        if (auto good = visit(name, std::move(shape)); !good)
            return good;
    return {};
}

/// A projection of its own counts wherever there is one, as Transformers 5 has it: merges write
/// such files for models whose configuration says that it is tied.
bool has_own_output(const model_config& config, const checkpoint& file)
{
    return !config.tied_embeddings || file.find(output_name);
}

result<void> visit_tensors(const model_config& config, const checkpoint& file, const visitor& visit)
{
    if (auto good = visit(embedding_name, {config.vocab_size, config.hidden_size}); !good)
        return good;
    for (std::size_t layer = 0; layer != config.layers; ++layer)
        if (auto good = visit_layer(config, layer, visit); !good)
            return good;
    if (auto good = visit(config.final_norm + ".weight", {config.hidden_size}); !good)
        return good;
    if (config.norm_bias)
        if (auto good = visit(config.final_norm + ".bias", {config.hidden_size}); !good)
            return good;
    if (config.output_bias)
        if (auto good = visit(output_bias_name, {config.vocab_size}); !good)
            return good;
    return has_own_output(config, file)
               ? visit(output_name, {config.vocab_size, config.hidden_size})
               : result<void>();
}

/// Tensors that some checkpoints carry and no model reads.
bool is_redundant(const std::string& tensor) { return tensor.ends_with(".rotary_emb.inv_freq"); }

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
    std::uint64_t sum =
        turn.engine().packed_bytes({config.hidden_size, config.vocab_size}, computes);
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
        auto embedding = embedding_table::load(file_, embedding_name, gate_.team());
        if (!embedding)
            return embedding.error();
        progress_.advance(embedding->bytes());
        base_weights made{.config = config_,
                          .memory = memory_block(packed_bytes(config_, computes_, gate_)),
                          .computes = computes_,
                          .embedding = std::move(*embedding)};
        place_ = made.memory.data();
        for (std::size_t layer = 0; layer != config_.layers; ++layer)
            made.layers.push_back(load_layer(config_.plan[layer], layer));
        made.final_norm = read_norm(config_.final_norm);
        if (config_.output_bias)
            made.output_bias = read(output_bias_name);
        const stored_rows output =
            has_own_output(config_, file_) ? read_rows({output_name}) : made.embedding.rows();
        made.output_norm = output.norm;
        made.output = pack(output, {config_.hidden_size, config_.vocab_size});
        if (trouble_)
            return *trouble_;
        return made;
    }

private:
    layer_weights load_layer(const layer_plan& plan, std::size_t layer)
    {
        layer_weights made;
        for (std::size_t place = 0; place != norm_places; ++place)
            if (plan.norms[place].width != 0)
                made.norms[place] = read_norm(module_path(layer, plan.norms[place].name));
        const auto& shapes = plan.linears;
        for (std::size_t kind = 0; kind != linear_kinds; ++kind) {
            std::vector<std::string> weights;
            for (const linear_shape::part& part : shapes[kind].parts) {
                weights.push_back(weight_of(layer, part.name));
                if (shapes[kind].bias) {
                    const std::vector<float> bias = read(bias_of(layer, part.name));
                    made.linears[kind].bias.insert(made.linears[kind].bias.end(), bias.begin(),
                                                   bias.end());
                }
            }
            const stored_rows rows = read_rows(weights);
            made.linears[kind].norm = rows.norm;
            made.linears[kind].matrix = pack(rows, shapes[kind].matrix());
        }
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

    packed_matrix pack(const stored_rows& rows, const matrix_shape& shape)
    {
        if (given_up())
            return {};
        const auto turn = gate_.enter();
        std::byte* const to =
            std::exchange(place_, place_ + turn.engine().packed_bytes(shape, computes_));
        return turn.engine().pack(rows.bytes, rows.type, shape, computes_, to);
    }

    const model_config& config_;
    const weight_format& computes_;
    const checkpoint& file_;
    compute_gate& gate_;
    const load_progress& progress_;
    std::vector<std::byte> rows_; // last read
    std::byte* place_ = nullptr;  // of the next matrix
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

void embedding_table::look_up(std::size_t id, std::span<float> to) const
{
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
    std::uint64_t sum =
        memory.bytes() + embedding.bytes() + bytes_of(final_norm) + bytes_of(output_bias);
    for (const layer_weights& layer : layers) {
        for (const norm_weights& norm : layer.norms)
            sum += bytes_of(norm);
        for (const linear& each : layer.linears)
            sum += bytes_of(each.bias);
    }
    return sum;
}

result<void> check_tensors(const model_config& config, const checkpoint& file)
{
    std::set<std::string> expected;
    auto sound = visit_tensors(
        config, file, [&](const std::string& tensor, const std::vector<std::uint64_t>& shape) {
            expected.insert(tensor);
            return file.require(tensor, shape);
        });
    if (!sound)
        return sound;
    for (const std::string& tensor : file.names())
        if (!expected.contains(tensor) && !is_redundant(tensor))
            return failure{errc::load_failed,
                           file.file_of(tensor) + ": tensor " + shortened(tensor) +
                               " is not part of the model that config.json describes"};
    return {};
}

std::uint64_t estimate_bytes(const model_config& config, const weight_format& computes,
                             const checkpoint& file, compute_gate& gate)
{
    std::uint64_t vectors = 0; // norms and biases
    auto visited = visit_tensors(config, file,
                                 [&](const std::string&, const std::vector<std::uint64_t>& shape) {
                                     vectors += shape.size() == 1 ? shape[0] * sizeof(float) : 0;
                                     return result<void>();
                                 });
    return visited ? memory_block::rounded(packed_bytes(config, computes, gate)) +
                         file.find(embedding_name)->bytes + vectors
                   : 0;
}

result<base_weights> load_base(const model_config& config, const weight_format& computes,
                               const checkpoint& file, compute_gate& gate,
                               const load_progress& progress)
{
    return base_loader(config, computes, file, gate, progress).load();
}

} // namespace warmd::hf

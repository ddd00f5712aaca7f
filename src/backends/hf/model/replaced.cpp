#include "hf/model/replaced.hpp"

#include "hf/compute/threads.hpp"
#include "hf/model/base_tensors.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

namespace warmd::hf {

namespace {

std::uint64_t bytes_of(const std::vector<float>& values) { return values.size() * sizeof(float); }
std::uint64_t bytes_of(const token_rows& rows)
{
    return rows.tokens.size() * sizeof(token_id) + bytes_of(rows.values);
}
std::uint64_t bytes_of(const norm_weights& norm)
{
    return bytes_of(norm.weight) + bytes_of(norm.bias);
}

/// Of one adapter; stops at the first failure.
class reader {
public:
    reader(const adapter& from, const model_config& config, const checkpoint& base,
           const weight_format& computes, compute_gate& gate)
        : from_(from), config_(config), base_(base), computes_(computes), gate_(gate)
    {
        for (const replacement& each : from.replaced())
            if (each.role != adapter_role::token_rows)
                tensors_[each.role == adapter_role::bias ? bias_of(each.module.path)
                                                         : weight_of(each.module.path)] =
                    each.tensor;
    }

    result<std::shared_ptr<const replaced_parameters>> read()
    {
        read_layers();
        made_.final_norm = norm(config_.names.within(config_.names.final_norm));
        read_embedding();
        read_output();
        for (const replacement& each : from_.replaced())
            if (each.role == adapter_role::token_rows)
                read_rows(each);
        if (trouble_)
            return *trouble_;
        return std::make_shared<const replaced_parameters>(std::move(made_));
    }

private:
    bool has(const std::string& tensor) const { return tensors_.contains(tensor); }

    template <class Read>
    std::vector<float> values(std::size_t count, const Read& read)
    {
        std::vector<float> values(count);
        if (!trouble_)
            if (auto got = read(values); !got)
                trouble_ = got.error();
        return values;
    }
    std::vector<float> own(const std::string& tensor, std::size_t count)
    {
        return values(count, [&](std::span<float> to) { return from_.read(tensor, to); });
    }
    /// The adapter's, or where it has none the base's.
    std::vector<float> either(const std::string& tensor, std::size_t count)
    {
        if (has(tensor))
            return own(tensors_.at(tensor), count);
        return values(count, [&](std::span<float> to) { return base_.read(tensor, to); });
    }

    norm_weights norm(const std::string& module)
    {
        if (!has(weight_of(module)) && !has(bias_of(module)))
            return {};
        const std::size_t width = base_.find(weight_of(module))->elements();
        norm_weights made{either(weight_of(module), width), {}};
        for (float& each : made.weight)
            each += config_.norm_offset;
        if (config_.norm_bias)
            made.bias = either(bias_of(module), width);
        return made;
    }

    void read_layers()
    {
        for (std::size_t layer = 0; layer <= config_.layers; ++layer) {
            replaced_parameters::layer& made = made_.layers.emplace_back();
            for (const linear_shape& shape : linears_of(config_, layer))
                made.biases.push_back(bias(shape, layer));
            if (layer == config_.layers)
                break;
            for (std::size_t place = 0; place != norm_places; ++place)
                if (const norm_shape& shape = config_.plan[layer].norms[place]; shape.width != 0)
                    made.norms[place] = norm(module_path(config_, layer, shape.name));
        }
    }

    std::vector<float> bias(const linear_shape& shape, std::size_t layer)
    {
        const auto tensor = [&](const linear_shape::part& part) {
            return bias_of(module_path(config_, layer, part.name));
        };
        std::vector<float> made;
        if (std::ranges::any_of(shape.parts, [&](const auto& part) { return has(tensor(part)); }))
            for (const linear_shape::part& part : shape.parts) {
                const std::vector<float> some = either(tensor(part), part.out);
                made.insert(made.end(), some.begin(), some.end());
            }
        return made;
    }

    void check_norm(double norm, const std::string& tensor)
    {
        if (!std::isfinite(norm) && !trouble_)
            trouble_ = failure{errc::load_failed, from_.file().path().native() + ": tensor " +
                                                      tensor + " holds a value that is not finite"};
    }

    /// The adapter's own in the place of a module's; nothing: it has none, or there was trouble.
    std::optional<embedding_table> table_of(const std::string& module)
    {
        const auto at = tensors_.find(weight_of(module));
        if (at == tensors_.end() || trouble_)
            return {};
        thread_team alone(1);
        auto table = embedding_table::load(from_.file(), at->second, alone);
        if (!table) {
            trouble_ = table.error();
            return {};
        }
        check_norm(table->rows().norm, at->second);
        return std::move(*table);
    }

    void read_embedding()
    {
        if (auto table = table_of(config_.names.within(config_.names.embedding)))
            made_.embedding = std::move(*table);
    }

    void read_output()
    {
        const auto table = table_of(config_.output_name());
        if (!table)
            return;
        const std::string& tensor = tensors_.at(weight_of(config_.output_name()));
        const matrix_shape shape{config_.hidden_size,
                                 static_cast<std::size_t>(from_.file().find(tensor)->shape[0])};
        const auto turn = gate_.enter();
        made_.memory = memory_block(turn.engine().packed_bytes(shape, computes_.of_vocabulary()));
        made_.output = turn.engine().pack(table->rows().bytes, table->rows().type, shape,
                                          computes_.of_vocabulary(), made_.memory.data());
    }

    /// A tied projection has the embedding's.
    void read_rows(const replacement& from)
    {
        const std::size_t hidden = config_.hidden_size, count = from.tokens.size();
        const std::vector<float> read = own(from.tensor, count * hidden);
        std::vector<std::size_t> order(count);
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::sort(order, {}, [&](std::size_t i) { return from.tokens[i]; });
        token_rows rows;
        for (const std::size_t i : order) {
            rows.tokens.push_back(from.tokens[i]);
            const auto first = read.begin() + static_cast<std::ptrdiff_t>(i * hidden);
            rows.values.insert(rows.values.end(), first,
                               first + static_cast<std::ptrdiff_t>(hidden));
        }
        const bool of_input = from.module.what == base_module::kind::embedding;
        if (!of_input || (!has_own_output(config_, base_) && !made_.output))
            made_.of_output = rows;
        if (of_input)
            made_.of_input = std::move(rows);
    }

    const adapter& from_;
    const model_config& config_;
    const checkpoint& base_;
    const weight_format& computes_;
    compute_gate& gate_;
    std::map<std::string, std::string> tensors_; // of the adapter, by the base's name
    replaced_parameters made_;
    std::optional<failure> trouble_;
};

} // namespace

const float* token_rows::find(token_id token) const
{
    const auto at = std::ranges::lower_bound(tokens, token);
    if (at == tokens.end() || *at != token)
        return nullptr;
    return &values[static_cast<std::size_t>(at - tokens.begin()) * (values.size() / tokens.size())];
}

std::uint64_t replaced_parameters::bytes() const
{
    std::uint64_t sum = memory.bytes() + bytes_of(final_norm) + bytes_of(of_input) +
                        bytes_of(of_output) + (embedding ? embedding->bytes() : 0);
    for (const layer& each : layers) {
        for (const norm_weights& norm : each.norms)
            sum += bytes_of(norm);
        for (const std::vector<float>& bias : each.biases)
            sum += bytes_of(bias);
    }
    return sum;
}

result<std::shared_ptr<const replaced_parameters>> read_replaced(const adapter& from,
                                                                 const model_config& config,
                                                                 const checkpoint& base,
                                                                 const weight_format& computes,
                                                                 compute_gate& gate)
{
    if (from.replaced().empty())
        return std::shared_ptr<const replaced_parameters>();
    return reader(from, config, base, computes, gate).read();
}

std::uint64_t estimate_replaced(const adapter& from, const model_config& config,
                                const weight_format& computes, compute_gate& gate)
{
    std::uint64_t sum = 0;
    for (const replacement& each : from.replaced()) {
        const tensor_info& tensor = *from.file().find(each.tensor);
        const bool is_output =
            each.role == adapter_role::weight && each.module.what == base_module::kind::output;
        const auto turn = gate.enter();
        sum += is_output ? memory_block::rounded(turn.engine().packed_bytes(
                               {config.hidden_size, static_cast<std::size_t>(tensor.shape[0])},
                               computes.of_vocabulary()))
                         : tensor.bytes;
    }
    return sum;
}

} // namespace warmd::hf

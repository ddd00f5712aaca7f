#pragma once
// Models of a wanted shape with random weights, and LoRA adapters for them: for what depends on
// size, not on sense.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace warmbench {

/// Tensors of random values, written as one safetensors file.
class random_tensors {
public:
    enum class storage { bf16, fp32 };

    random_tensors(storage stored, std::uint64_t seed) : stored_(stored), random_(seed) {}

    /// Uniform in [-spread, spread] around `centre`.
    void add(std::string name, std::vector<std::size_t> shape, float spread, float centre = 0)
    {
        tensors_.push_back({std::move(name), std::move(shape), spread, centre});
    }
    void write(const std::filesystem::path& path)
    {
        std::ofstream out(path, std::ios::binary);
        const std::string text = header();
        const std::uint64_t length = text.size();
        out.write(reinterpret_cast<const char*>(&length), sizeof length) << text;
        for (const tensor& each : tensors_)
            out << values(each);
        if (!out.flush())
            throw std::runtime_error("cannot write " + path.native());
    }

private:
    struct tensor {
        std::string name;
        std::vector<std::size_t> shape;
        float spread, centre;

        std::size_t elements() const
        {
            std::size_t product = 1;
            for (const std::size_t each : shape)
                product *= each;
            return product;
        }
    };

    std::size_t width() const { return stored_ == storage::bf16 ? 2 : 4; }

    std::string header() const
    {
        std::string text = "{";
        std::size_t offset = 0;
        for (const tensor& each : tensors_) {
            std::string shape;
            for (const std::size_t length : each.shape)
                shape += (shape.empty() ? "" : ",") + std::to_string(length);
            const std::size_t end = offset + each.elements() * width();
            text += (offset == 0 ? "\"" : ",\"") + each.name + R"(":{"dtype":")" +
                    (stored_ == storage::bf16 ? "BF16" : "F32") + R"(","shape":[)" + shape +
                    R"(],"data_offsets":[)" + std::to_string(offset) + ',' + std::to_string(end) +
                    "]}";
            offset = end;
        }
        return text + "}";
    }

    std::string values(const tensor& of)
    {
        std::string bytes(of.elements() * width(), '\0');
        for (std::size_t at = 0; at != bytes.size(); at += width()) {
            const float uniform = static_cast<float>(random_() >> 8) * 0x1p-23F - 1;
            // bf16 is the upper half of an fp32, which on a little-endian machine comes last.
            const auto bits = std::bit_cast<std::uint32_t>(of.centre + of.spread * uniform);
            for (std::size_t i = 0; i != width(); ++i)
                bytes[at + i] = static_cast<char>(bits >> 8 * (4 - width() + i));
        }
        return bytes;
    }

    storage stored_;
    std::minstd_rand random_;
    std::vector<tensor> tensors_;
};

/// What a model is like.
struct model_shape {
    std::string_view name;
    std::string_view architecture, type;
    std::size_t hidden, intermediate, layers, heads, kv_heads, head_dim, vocabulary;
    bool biases; ///< of q, k and v

    struct linear {
        std::string name;
        std::size_t out, in;
    };
    std::vector<linear> linears() const
    {
        std::vector<linear> all;
        const std::size_t q = heads * head_dim, kv = kv_heads * head_dim;
        for (std::size_t layer = 0; layer != layers; ++layer) {
            const std::string at = "model.layers." + std::to_string(layer) + '.';
            all.insert(all.end(), {{at + "self_attn.q_proj", q, hidden},
                                   {at + "self_attn.k_proj", kv, hidden},
                                   {at + "self_attn.v_proj", kv, hidden},
                                   {at + "self_attn.o_proj", hidden, q},
                                   {at + "mlp.gate_proj", intermediate, hidden},
                                   {at + "mlp.up_proj", intermediate, hidden},
                                   {at + "mlp.down_proj", hidden, intermediate}});
        }
        return all;
    }
};

inline constexpr std::array<model_shape, 3> known_shapes{{
    {"smol135", "LlamaForCausalLM", "llama", 576, 1536, 30, 9, 3, 64, 49152, false},
    {"qwen0.5b", "Qwen2ForCausalLM", "qwen2", 896, 4864, 24, 14, 2, 64, 151936, true},
    {"tiny", "LlamaForCausalLM", "llama", 256, 672, 4, 4, 4, 64, 2048, false},
}};

/// The shape of that name; throws if there is none.
inline const model_shape& shape_named(std::string_view name)
{
    const auto found = std::ranges::find(known_shapes, name, &model_shape::name);
    if (found == known_shapes.end())
        throw std::invalid_argument("no shape is named " + std::string(name) +
                                    "; there are smol135, qwen0.5b and tiny");
    return *found;
}

/// A shape of at least so many weights.
inline model_shape shape_of_size(std::uint64_t weights)
{
    const std::size_t hidden = weights < 32'000'000 ? 256 : 768, heads = hidden / 64;
    model_shape shape{"",
                      "LlamaForCausalLM",
                      "llama",
                      hidden,
                      hidden * 8 / 3 / 32 * 32,
                      1,
                      heads,
                      heads,
                      64,
                      2048,
                      false};
    const std::uint64_t layer = 4 * hidden * hidden + 3 * hidden * shape.intermediate;
    while (shape.vocabulary * hidden + shape.layers * layer < weights)
        ++shape.layers;
    return shape;
}

inline void write_text(const std::filesystem::path& path, const std::string& text)
{
    std::ofstream(path, std::ios::binary) << text;
}

/// The bytes' names in a byte-level tokenizer, in UTF-8: GPT-2's alphabet, in which printable bytes
/// stand for themselves.
inline std::vector<std::string> byte_names()
{
    std::vector<std::string> names;
    unsigned unprintable = 0;
    for (unsigned byte = 0; byte != 256; ++byte) {
        const bool printable =
            (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
        const unsigned code_point = printable ? byte : 256 + unprintable++;
        if (code_point < 0x80)
            names.emplace_back(1, static_cast<char>(code_point));
        else
            names.push_back({static_cast<char>(0xC0 | code_point >> 6),
                             static_cast<char>(0x80 | (code_point & 0x3F))});
    }
    return names;
}

/// A byte-level tokenizer of so many tokens: the bytes, and random words of lower-case letters,
/// each merged of two tokens before it; every other one may begin a word.
inline std::string tokenizer_of(std::size_t vocabulary)
{
    std::vector<std::string> tokens = byte_names(),
                             parts(tokens.begin() + 'a', tokens.begin() + 'z' + 1);
    const std::string blank = tokens[' '];
    std::set<std::string> known(tokens.begin(), tokens.end());
    std::string merges;
    std::minstd_rand random(1);
    while (tokens.size() < vocabulary) {
        const std::string& first = parts[random() % parts.size()];
        const std::string& second = parts[random() % parts.size()];
        const bool begins = first.starts_with(blank), longer = first.size() + second.size() > 12;
        const std::string left = random() % 8 == 0 && !begins ? blank : first;
        if (longer || second.starts_with(blank) || !known.insert(left + second).second)
            continue;
        merges += (merges.empty() ? "\"" : ",\"") + left + ' ' + second + '"';
        tokens.push_back(left + second);
        parts.push_back(left + second);
    }
    std::string entries;
    for (std::size_t id = 0; id != tokens.size(); ++id)
        entries += (id == 0 ? "\"" : ",\"") +
                   std::string(tokens[id] == "\"" || tokens[id] == "\\" ? "\\" : "") + tokens[id] +
                   "\":" + std::to_string(id);
    return R"({"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":)"
           R"({"type":"ByteLevel","add_prefix_space":false,)"
           R"("use_regex":true},"post_processor":null,"decoder":{"type":"ByteLevel"},"model":)"
           R"({"type":"BPE","vocab":{)" +
           entries + R"(},"merges":[)" + merges + "]}}";
}

inline std::string config_of(const model_shape& shape)
{
    const auto number = [](std::string_view name, std::size_t value) {
        return ",\"" + std::string(name) + "\":" + std::to_string(value);
    };
    return R"({"architectures":[")" + std::string(shape.architecture) + R"("],"model_type":")" +
           std::string(shape.type) +
           R"(","hidden_act":"silu","rms_norm_eps":1e-05,"rope_theta":10000.0,)"
           R"("tie_word_embeddings":true)" +
           number("max_position_embeddings", 8192) + number("vocab_size", shape.vocabulary) +
           number("hidden_size", shape.hidden) + number("intermediate_size", shape.intermediate) +
           number("num_hidden_layers", shape.layers) + number("num_attention_heads", shape.heads) +
           number("num_key_value_heads", shape.kv_heads) + number("head_dim", shape.head_dim) + "}";
}

/// A base model directory.
inline void write_base(const std::filesystem::path& directory, const model_shape& shape,
                       random_tensors::storage stored)
{
    std::filesystem::create_directories(directory);
    write_text(directory / "tokenizer.json", tokenizer_of(shape.vocabulary));
    write_text(directory / "config.json", config_of(shape));
    random_tensors weights(stored, 1);
    weights.add("model.embed_tokens.weight", {shape.vocabulary, shape.hidden}, 0.05F);
    weights.add("model.norm.weight", {shape.hidden}, 0, 1);
    for (std::size_t layer = 0; layer != shape.layers; ++layer)
        for (const char* const norm : {"input_layernorm", "post_attention_layernorm"})
            weights.add("model.layers." + std::to_string(layer) + '.' + norm + ".weight",
                        {shape.hidden}, 0, 1);
    for (const model_shape::linear& each : shape.linears()) {
        weights.add(each.name + ".weight", {each.out, each.in}, 0.05F);
        if (shape.biases && (each.name.ends_with("q_proj") || each.name.ends_with("k_proj") ||
                             each.name.ends_with("v_proj")))
            weights.add(each.name + ".bias", {each.out}, 0.05F);
    }
    weights.write(directory / "model.safetensors");
}

/// An adapter for every linear layer of a model of that shape.
inline void write_adapter(const std::filesystem::path& directory, const model_shape& shape,
                          std::size_t rank, std::uint64_t seed)
{
    std::filesystem::create_directories(directory);
    write_text(
        directory / "adapter_config.json",
        R"({"peft_type":"LORA","task_type":"CAUSAL_LM","lora_alpha":16,"bias":"none","r":)" +
            std::to_string(rank) +
            R"(,"target_modules":["q_proj","k_proj","v_proj","o_proj","gate_proj","up_proj",)"
            R"("down_proj"]})");
    random_tensors factors(random_tensors::storage::fp32, seed);
    for (const model_shape::linear& each : shape.linears()) {
        factors.add("base_model.model." + each.name + ".lora_A.weight", {rank, each.in}, 0.05F);
        factors.add("base_model.model." + each.name + ".lora_B.weight", {each.out, rank}, 0.05F);
    }
    factors.write(directory / "adapter_model.safetensors");
}

} // namespace warmbench

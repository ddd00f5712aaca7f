#pragma once
// A Llama model of a wanted size with random weights, and LoRA adapters for it: for what depends on size, not on sense.

#include "support/scratch.hpp"

#include <bit>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace warmd::test {

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
            text += (offset == 0 ? "\"" : ",\"") + each.name + R"(":{"dtype":")" + (stored_ == storage::bf16 ? "BF16" : "F32") +
                    R"(","shape":[)" + shape + R"(],"data_offsets":[)" + std::to_string(offset) + ',' +
                    std::to_string(end) + "]}";
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

/// The shape of a model of at least `bytes` on disk, with the vocabulary of the demo model.
struct generated_model {
    std::size_t hidden, intermediate, layers;
    random_tensors::storage stored;
    static constexpr std::size_t vocabulary = 2048, head = 64, rank = 8;

    generated_model(std::uint64_t bytes, random_tensors::storage as)
        : hidden(bytes < 64'000'000 ? 256 : 768), intermediate(hidden * 8 / 3 / 32 * 32), layers(1), stored(as)
    {
        const std::uint64_t weights = bytes / (as == random_tensors::storage::bf16 ? 2 : 4);
        const std::uint64_t layer = 4 * hidden * hidden + 3 * hidden * intermediate;
        while (vocabulary * hidden + layers * layer < weights)
            ++layers;
    }

    struct linear {
        std::string name;
        std::size_t out, in;
    };
    std::vector<linear> linears() const
    {
        std::vector<linear> all;
        for (std::size_t layer = 0; layer != layers; ++layer) {
            const std::string at = "model.layers." + std::to_string(layer) + '.';
            for (const char* const name : {"q_proj", "k_proj", "v_proj", "o_proj"})
                all.push_back({at + "self_attn." + name, hidden, hidden});
            for (const char* const name : {"gate_proj", "up_proj"})
                all.push_back({at + "mlp." + name, intermediate, hidden});
            all.push_back({at + "mlp.down_proj", hidden, intermediate});
        }
        return all;
    }

    /// `tokenizer`: a tokenizer.json whose ids are within the vocabulary.
    void write_base(const std::filesystem::path& directory, const std::filesystem::path& tokenizer) const
    {
        std::filesystem::create_directories(directory);
        std::filesystem::copy_file(tokenizer, directory / "tokenizer.json");
        const auto number = [](std::string_view name, std::size_t value) {
            return ",\"" + std::string(name) + "\":" + std::to_string(value);
        };
        write_file(directory / "config.json",
                   R"({"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_act":"silu","rms_norm_eps":1e-05,)"
                   R"("rope_theta":10000.0,"tie_word_embeddings":true,"bos_token_id":0,"eos_token_id":0)"
                   R"(,"max_position_embeddings":512)" +
                       number("vocab_size", vocabulary) + number("hidden_size", hidden) +
                       number("intermediate_size", intermediate) +
                       number("num_hidden_layers", layers) + number("num_attention_heads", hidden / head) +
                       number("num_key_value_heads", hidden / head) + number("head_dim", head) + "}");
        random_tensors weights(stored, 1);
        weights.add("model.embed_tokens.weight", {vocabulary, hidden}, 0.05F);
        weights.add("model.norm.weight", {hidden}, 0, 1);
        for (std::size_t layer = 0; layer != layers; ++layer)
            for (const char* const norm : {"input_layernorm", "post_attention_layernorm"})
                weights.add("model.layers." + std::to_string(layer) + '.' + norm + ".weight", {hidden}, 0, 1);
        for (const linear& each : linears())
            weights.add(each.name + ".weight", {each.out, each.in}, 0.05F);
        weights.write(directory / "model.safetensors");
    }

    void write_adapter(const std::filesystem::path& directory, std::uint64_t seed) const
    {
        std::filesystem::create_directories(directory);
        write_file(directory / "adapter_config.json",
                   R"({"peft_type":"LORA","task_type":"CAUSAL_LM","lora_alpha":16,"bias":"none","r":)" + std::to_string(rank) +
                       R"(,"target_modules":["q_proj","k_proj","v_proj","o_proj","gate_proj","up_proj","down_proj"]})");
        random_tensors factors(random_tensors::storage::fp32, seed);
        for (const linear& each : linears()) {
            factors.add("base_model.model." + each.name + ".lora_A.weight", {rank, each.in}, 0.05F);
            factors.add("base_model.model." + each.name + ".lora_B.weight", {each.out, rank}, 0.05F);
        }
        factors.write(directory / "adapter_model.safetensors");
    }
};

} // namespace warmd::test

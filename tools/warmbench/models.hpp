#pragma once
// What the subcommands that measure models have in common: a generated model, loaded in this
// process as the daemon loads it.

#include "contestants.hpp"
#include "generated_model.hpp"

#include <warmd/backend.hpp>
#include <warmd/backend_registry.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace warmbench {

struct model_options {
    std::string shape = "smol135";
    std::string dtype = "bf16";
    std::size_t rank = 8;
    int repeat = 5;
};

/// Reads --shape, --dtype, --rank and --repeat; nothing if --help was asked for and given.
std::optional<model_options> read_model_options(int count, char** arguments);

/// Idle compute threads sleep in the daemon. The library reads that wish before main() begins:
/// starts this process anew.
void compute_as_the_daemon_does(char** arguments);

/// A base and an adapter on disk, gone when this is.
struct model_files {
    scratch in;
    warmd::model_spec spec; ///< with the adapter

    explicit model_files(const model_options& options);
    std::filesystem::path weights() const { return in.path / "base" / "model.safetensors"; }
};

/// Throws what the loader says if it fails.
std::unique_ptr<warmd::backend> load(const warmd::loader& by, const warmd::model_spec& spec);

/// Carries out operations together; throws if one fails.
void run(warmd::backend& model, std::vector<warmd::operation> what);

/// Ids of texts: `count` of them, `length` tokens each, all different.
std::vector<warmd::text_or_ids> some_prompts(std::size_t count, std::size_t length,
                                             std::size_t vocabulary);

/// The least seconds that `what` takes, of `repeat` times and one before to warm up.
double least_seconds(int repeat, const std::function<void()>& what);

/// Bytes per second that all cores together read from memory.
double memory_bandwidth();

} // namespace warmbench

#pragma once
// What to load (model_spec), its identity (cache_key), and the state of the files behind it
// (generation).

#include <warmd/error.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace warmd {

class json_node; // json/json_document.hpp

/// What a client asks to be loaded, as it wrote it. Two specs that mean the same model may differ
/// here; resolving them (backend_registry.hpp) makes their identities equal.
struct model_spec {
    std::string kind = "hf";
    std::string base;                    ///< an absolute path, or a name the kind understands
    std::optional<std::string> revision; ///< of a repository id: branch, tag or commit
    std::optional<std::string> adapter;  ///< an absolute path
    std::string dtype = "auto";          ///< auto, fp32, bf16, fp16, int8, int4
    std::string device = "auto";         ///< auto, cpu
    bool trust_remote_code =
        false; ///< accepted, and not part of the identity: no code is ever loaded
    std::optional<std::string> entry_point;
    std::string options = "{}"; ///< canonical JSON object, meaning depends on the kind

    friend bool operator==(const model_spec&, const model_spec&) = default;
};

struct model_spec_hash {
    std::size_t operator()(const model_spec& spec) const noexcept;
};

/// What is wrong with a ModelSpec: the member at fault ("": the whole), and the rest of the
/// sentence that begins with its name.
struct spec_fault {
    std::string member;
    std::string what;
};
/// Reads a ModelSpec object, wherever it stands, into `spec`, whatever that was; its memory is used
/// again.
std::optional<spec_fault> parse_model_spec(const json_node& value, model_spec& spec);
/// The same for the parameter `model`; invalid_params names the member that is missing, unknown or
/// ill-typed.
std::optional<failure> read_model_spec(const json_node& value, model_spec& spec);

/// `path` with symbolic links, `.`, `..` and a trailing `/` resolved; the part that does not exist
/// stays as written. Makes system calls: worker threads only.
std::string real_path(const std::string& path);

/// The identity of a resolved spec: opaque, stable text, equal exactly when kind, base, revision,
/// adapter, dtype, device, entry point and options are equal.
struct cache_key {
    std::string text;

    friend auto operator<=>(const cache_key&, const cache_key&) = default;
};

/// REQUIRES: `resolved` went through resolution: absolute real paths, nothing left at `auto`.
cache_key key_of(const model_spec& resolved);

/// A fingerprint of the files behind a model: changes when any of them is rewritten, replaced,
/// added or removed.
struct generation {
    std::string text;

    friend bool operator==(const generation&, const generation&) = default;
};

/// Fingerprints `files` (path, device, inode, size, modification and status change time). A file
/// that is absent counts as absent. Makes one system call per file.
generation fingerprint(std::span<const std::filesystem::path> files);

/// A spec made unambiguous, and what is known of it before anything is loaded.
struct resolved_model {
    model_spec spec;                   ///< real paths, nothing at `auto`, canonical options
    cache_key key;                     ///< key_of(spec)
    generation files;                  ///< fingerprint at the time of resolving
    std::uint64_t estimated_bytes = 0; ///< room to reserve before loading, shared weights included
    std::string shared_weights;        ///< identity of weights that other models may share, files
                                       ///< included; "" if none
    std::uint64_t shared_bytes =
        0; ///< of estimated_bytes, those weights: charged once however many share them
    std::string computes{};          ///< what its weights are kept in, where the kind says: "fp32",
                                     ///< "bf16", "int8", "int4"; auto says nothing of it
    std::uint64_t longest_input = 0; ///< tokens, what is generated included; 0: the kind does not
                                     ///< say
    std::vector<std::filesystem::path>
        watched; ///< absolute paths: all of the above holds until one of them means another file,
                 ///< or that file is written to; empty: nothing to watch
};

/// Memory that a loaded model holds, in bytes.
struct footprint {
    std::uint64_t all = 0;
    std::uint64_t shared =
        0; ///< of those, weights held in common with other models (resolved_model::shared_weights)

    friend bool operator==(const footprint&, const footprint&) = default;
};

} // namespace warmd

template <>
struct std::hash<warmd::cache_key> {
    std::size_t operator()(const warmd::cache_key& key) const noexcept
    {
        return std::hash<std::string>{}(key.text);
    }
};

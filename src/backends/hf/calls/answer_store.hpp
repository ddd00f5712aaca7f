#pragma once
// Answers through the base view, which do not change when an adapter is retrained: remembered by
// what was asked, so that a second adapter's evaluation computes its own half only.

#include "base/metrics.hpp"

#include <warmd/backend.hpp>
#include <warmd/divergence.hpp>

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <variant>
#include <vector>

namespace warmd::hf {

/// What an answer depends on.
struct answer_key {
    enum class kind { top_slice, logprobs };

    std::uint64_t base = 0; ///< this load of it
    kind what = kind::top_slice;
    std::size_t detail = 0; ///< top_slice: top_k; logprobs: the position of the first
    std::vector<token_id> ids;

    friend bool operator==(const answer_key&, const answer_key&) = default;
};

/// By the key's kind.
using remembered_answer = std::variant<top_slice, std::vector<float>>;

/// Remembers answers, the least recently used go first. Thread-safe.
class answer_store {
public:
    /// Takes at most `most_bytes`, what it takes to find them included; 0: remembers nothing. What
    /// it takes, and how often an answer was there, is told to `shown`, if there is one.
    explicit answer_store(std::uint64_t most_bytes, std::shared_ptr<metrics> shown = {});

    /// What was asked before; null: not that one, or not any longer.
    std::shared_ptr<const remembered_answer> find(const answer_key& asked);
    /// Does nothing if it is there already, or has no room even alone.
    void keep(answer_key asked, remembered_answer what);
    /// Forgets what was asked of a base.
    void drop(std::uint64_t base);

private:
    struct entry {
        answer_key asked;
        std::shared_ptr<const remembered_answer> what;

        std::uint64_t bytes() const;
    };
    using entries = std::list<entry>;
    struct hash {
        std::size_t operator()(const answer_key* asked) const;
    };
    struct equal {
        bool operator()(const answer_key* a, const answer_key* b) const { return *a == *b; }
    };

    void forget(entries::iterator which);
    void show() const;

    const std::uint64_t most_bytes_;
    const std::shared_ptr<metrics> shown_;
    std::mutex mutex_; // guards what follows
    entries all_;      // the last used first
    std::unordered_map<const answer_key*, entries::iterator, hash, equal> by_key_;
    std::uint64_t bytes_ = 0;
};

} // namespace warmd::hf

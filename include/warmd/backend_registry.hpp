#pragma once
// Which kinds of model this daemon can load. Filled in main, constant afterwards.

#include <warmd/backend.hpp>
#include <warmd/file_rules.hpp>
#include <warmd/model_spec.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace warmd {

/// The worker threads for calls, as one backend sees them: for work that blocks for a while. They
/// are few (warmd's --workers: by default as many as there are cores to use, at least two), the
/// same for all backends, and what is posted waits for one that is free. Usable while the backend
/// is being loaded, while a call is not completed, and in a job: close() waits for the end of both.
/// A loader that fails has nothing posted that is still to run.
struct call_worker {
    std::function<void(std::function<void()>)> post; ///< runs it there later, beside what else was
                                                     ///< posted; it must not throw
    std::function<void(std::size_t calls)>
        took; ///< for the metrics: so many calls are begun together; may be empty
};

/// What a loader is given besides the model.
struct load_context {
    std::stop_token stop; ///< asked to give up: fail soon
    std::function<void(std::uint64_t bytes_done, std::uint64_t bytes_total)>
        progress;         ///< never empty; any thread
    file_rules rules{};   ///< for every file that is opened
    call_worker worker{}; ///< for the backend that is made
    /// What whoever uses the model should know of it, a sentence each: filled in by the loader.
    std::vector<std::string> warnings{};
    /// To be told, at most once and on any thread, when the backend that is made can answer nothing
    /// any more: it is closed as soon as nobody holds it, and not asked again. May be empty.
    std::function<void(failure why)> lost{};
};

/// One kind of model. Both functions run on a worker thread, may block, and may throw
/// (load_failed).
struct loader {
    /// Makes the spec unambiguous, finds its files and estimates their footprint, reading no more
    /// than headers. not_found: base or adapter is not on disk; unsupported: a dtype, device or
    /// option this kind cannot do. Files are opened by `rules`.
    std::function<result<resolved_model>(const model_spec&, const file_rules& rules)> resolve;
    /// Loads what resolve() returned. A failure names the file and the cause; with
    /// retry_after_seconds 0, the files changed since, and what resolve() says now may well load.
    std::function<result<std::unique_ptr<backend>>(const resolved_model&, load_context&)> load;
};

/// Kinds whose names come and go. Both functions are called on any thread.
struct other_kinds {
    /// The loader of a kind, or null. One that was found once is found from then on, and stays
    /// where it is: what has become of its kind is for it to say.
    std::function<const loader*(const std::string& kind)> find;
    std::function<std::vector<std::string>()> names;
};

class backend_registry {
public:
    void add(std::string kind, loader how)
    {
        loaders_.insert_or_assign(std::move(kind), std::move(how));
    }
    /// Asked for the kinds that were not added.
    void add(other_kinds more) { more_ = std::move(more); }
    /// The loader of `kind`, or null.
    const loader* find(const std::string& kind) const
    {
        const auto found = loaders_.find(kind);
        return found != loaders_.end() ? &found->second : more_.find ? more_.find(kind) : nullptr;
    }
    /// The kinds, comma separated, for messages.
    std::string kinds() const;

private:
    std::map<std::string, loader> loaders_;
    other_kinds more_;
};

/// A canned backend for tests and benchmarks (backends/dummy.cpp). Options of the spec, all
/// optional: load_ms, call_ms, close_ms (how long each takes), bytes (claimed footprint),
/// load_error, close_error, call_error (message thrown), load_error_times (how many loads fail; 0:
/// all).
loader dummy_loader();

} // namespace warmd

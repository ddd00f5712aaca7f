#pragma once
// What the simulated cache loads, and the plain account of it that the cache is held against.

#include <warmd/backend_registry.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace warmd::test {

/// Models a, b, … with files that change, loads and closes that fail on demand, and every
/// instance's true life. It knows nothing of what the cache believes; wherever a rule is broken it
/// notes the first time.
class world {
public:
    static constexpr std::size_t models = 5;
    /// Sizes in bytes; a and b share 30 of theirs.
    static constexpr std::array<std::uint64_t, models> sizes{40, 35, 20, 60, 10};
    static constexpr std::uint64_t shared_size = 30;

    world(std::size_t max_models, std::uint64_t max_bytes)
        : max_models_(max_models), max_bytes_(max_bytes)
    {
    }

    static std::string base(std::size_t model)
    {
        return std::string(1, static_cast<char>('a' + model));
    }
    static std::size_t model_of(const std::string& base)
    {
        return static_cast<std::size_t>(base.at(0) - 'a');
    }

    std::size_t max_models() const { return max_models_; }

    // -- what a schedule does to it --------------------
    void change_files(std::size_t model) { ++files_[model]; }
    void fail_next_load(std::size_t model) { fail_load_.insert(model); }
    void fail_next_close(std::size_t model) { fail_close_.insert(model); }
    void fail_next_run(std::size_t model) { fail_run_.insert(model); }

    /// What is there of it and does not close yet dies.
    void lose(std::size_t model);

    // -- what the cache does to it --------------------
    loader make_loader();

    // -- the account --------------------
    int files(std::size_t model) const { return files_[model]; }
    int loads() const { return loads_; }
    int closes() const { return closes_; }
    std::size_t alive() const { return alive_.size(); }
    /// A caller got, or gave back, a lease on this model as of these files.
    void leased(std::size_t model, int files) { ++leases_[{model, files}]; }
    void returned(std::size_t model, int files) { --leases_[{model, files}]; }
    bool load_failed_once(std::size_t model) const { return load_failures_.contains(model); }
    bool lost_once(std::size_t model) const { return losses_.contains(model); }
    void check(bool holds, const std::string& rule)
    {
        if (!holds && !violation_)
            violation_ = rule;
    }
    const std::optional<std::string>& violation() const { return violation_; }

    using instance = std::pair<std::size_t, int>; // model, files

    void load_began(instance which, std::function<void(failure)> lost);
    void load_ended(instance which, bool well);
    void close_began(instance which);
    void destroyed(instance which);
    bool take_failure(std::set<std::size_t>& of, std::size_t model) { return of.erase(model) != 0; }
    std::set<std::size_t> fail_load_, fail_close_, fail_run_;

private:
    std::uint64_t bytes_alive() const;

    std::size_t max_models_;
    std::uint64_t max_bytes_;
    std::array<int, models> files_{};
    std::map<instance, bool> alive_; // from start of load to end of close; true once close began
    std::map<instance, int> leases_;
    std::map<instance, std::function<void(failure)>> lost_; // of those alive
    std::set<std::size_t> load_failures_, losses_;
    int loads_ = 0, closes_ = 0;
    std::optional<std::string> violation_;
};

} // namespace warmd::test

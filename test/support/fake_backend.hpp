#pragma once
// A loader under the test's control: what it did is a journal, what it does is told beforehand.

#include "model/batching_backend.hpp"
#include <warmd/backend_registry.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace warmd::test {

/// Everything the fake kind does goes through here. Must outlive the cache.
struct fake_world {
    std::vector<std::string>
        journal; ///< "load a", "run a 2" (calls together), "close a", "destroy a"
    std::set<std::string> load_throws, close_throws, run_throws, run_drops, submit_throws,
        load_throws_unknown;                              ///< by base
    std::map<std::string, std::string> files;             ///< base -> generation; "g1" if absent
    std::map<std::string, std::filesystem::path> watched; ///< base -> what it is made of
    std::map<std::string, int> changes; ///< base -> during how many loads its files will change
    std::map<std::string, std::uint64_t> bytes; ///< base -> measured and estimated; 1 if absent
    std::map<std::string, activity> doing;      ///< base -> what it says of itself
    std::vector<std::string> asked_what;        ///< by base: what they do
    std::string last_call;                      ///< "7 batch fresh": its origin, and what it said
    std::function<void()> on_worker = [] {
    }; ///< called first by everything that must run on a worker

    std::size_t count(const std::string& line) const
    {
        return static_cast<std::size_t>(std::count(journal.begin(), journal.end(), line));
    }
    std::uint64_t size_of(const std::string& base) const
    {
        const auto found = bytes.find(base);
        return found == bytes.end() ? 1 : found->second;
    }
    loader make_loader();
    backend_registry registry()
    {
        backend_registry made;
        made.add("fake", make_loader());
        return made;
    }
};

class fake_backend final : public batching_backend {
public:
    fake_backend(fake_world& world, std::string base, call_worker worker)
        : batching_backend(std::move(worker)), world_(world), base_(std::move(base))
    {
    }
    ~fake_backend() override { world_.journal.push_back("destroy " + base_); }

    void submit(call what) override
    {
        if (world_.submit_throws.contains(base_))
            throw std::runtime_error("submit to " + base_ + " broke");
        world_.last_call = std::to_string(what.origin) +
                           (what.priority == call_priority::batch ? " batch" : " interactive") +
                           (what.fresh ? " fresh" : "");
        batching_backend::submit(std::move(what));
    }
    activity now() const override
    {
        world_.asked_what.push_back(base_);
        return world_.doing[base_];
    }
    /// tokenize answers with the text's bytes; everything else is unsupported.
    void run(std::span<call> calls) override
    {
        world_.on_worker();
        world_.journal.push_back("run " + base_ + ' ' + std::to_string(calls.size()));
        if (world_.run_drops.contains(base_))
            return;
        for (call& each : calls) {
            const auto* what = std::get_if<tokenize>(&each.what);
            if (world_.run_throws.contains(base_))
                throw std::runtime_error("run of " + base_ + " broke");
            if (!what) {
                each.complete(failure{errc::unsupported, "the fake backend only tokenizes"});
                continue;
            }
            tokens told;
            const auto& text = std::get<std::string>(what->text);
            told.ids.assign(text.begin(), text.end());
            each.complete(outcome(std::move(told)));
        }
    }
    footprint bytes() const override { return {.all = world_.size_of(base_)}; }
    void close() override
    {
        world_.on_worker();
        world_.journal.push_back("close " + base_);
        if (world_.close_throws.contains(base_))
            throw std::runtime_error("close of " + base_ + " broke");
    }

private:
    fake_world& world_;
    std::string base_;
};

inline loader fake_world::make_loader()
{
    const auto resolve = [this](const model_spec& asked,
                                const file_rules&) -> result<resolved_model> {
        on_worker();
        if (asked.base == "absent")
            return failure{errc::not_found, "no model at absent"};
        resolved_model model{
            .spec = asked, .key = {}, .files = {"g1"}, .estimated_bytes = size_of(asked.base)};
        model.spec.dtype = "fp32";
        model.spec.device = "cpu";
        model.key = key_of(model.spec);
        if (const auto found = files.find(asked.base); found != files.end())
            model.files.text = found->second;
        if (const auto found = watched.find(asked.base); found != watched.end())
            model.watched = {found->second};
        return model;
    };
    const auto load = [this](const resolved_model& model,
                             load_context& context) -> result<std::unique_ptr<backend>> {
        on_worker();
        const std::string& base = model.spec.base;
        journal.push_back("load " + base);
        context.progress(1, 2);
        if (changes[base] > 0) {
            files[base] = "change " + std::to_string(changes[base]--);
            return failure{.code = errc::load_failed,
                           .detail = "the files changed",
                           .retry_after_seconds = 0.0};
        }
        if (load_throws.contains(base))
            throw std::runtime_error("load of " + base + " broke");
        if (load_throws_unknown.contains(base))
            throw 42;
        return std::make_unique<fake_backend>(*this, base, std::move(context.worker));
    };
    return loader{resolve, load};
}

} // namespace warmd::test

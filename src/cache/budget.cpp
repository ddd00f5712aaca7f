#include "cache/budget.hpp"

namespace warmd {

footprint budget::charge(const resolved_model& model)
{
    ++models_;
    footprint estimate{model.estimated_bytes, model.shared_bytes};
    if (!model.shared_weights.empty()) {
        shared_weights& shared = shared_[model.shared_weights];
        if (shared.users++ != 0) // there already, and perhaps measured
            estimate = {estimate.all - estimate.shared + shared.bytes, shared.bytes};
    }
    change(model, {}, estimate);
    return estimate;
}

void budget::change(const resolved_model& model, const footprint& before, const footprint& now)
{
    bytes_ += (now.all - now.shared) - (before.all - before.shared);
    if (const auto shared = shared_.find(model.shared_weights); shared != shared_.end()) {
        bytes_ += now.shared - shared->second.bytes;
        shared->second.bytes = now.shared;
    }
}

void budget::drop(const resolved_model& model, const footprint& charged)
{
    --models_;
    bytes_ -= charged.all - charged.shared;
    const auto shared = shared_.find(model.shared_weights);
    if (shared != shared_.end() && --shared->second.users == 0) {
        bytes_ -= shared->second.bytes;
        shared_.erase(shared);
    }
}

void budget::what_if::without(const resolved_model& gone, const footprint& charged)
{
    --models_;
    bytes_ -= charged.all - charged.shared;
    const auto shared = now_.shared_.find(gone.shared_weights);
    if (shared == now_.shared_.end())
        return;
    std::size_t& users = users_.try_emplace(shared->first, shared->second.users).first->second;
    if (--users == 0)
        bytes_ -= shared->second.bytes;
}

bool budget::what_if::within_limits() const
{
    return models_ <= now_.max_models_ && (now_.max_bytes_ == 0 || bytes_ <= now_.max_bytes_);
}

bool budget::what_if::admits(const resolved_model& newcomer) const
{
    if (models_ >= now_.max_models_)
        return false;
    const auto shared = now_.shared_.find(newcomer.shared_weights);
    const auto left = users_.find(newcomer.shared_weights);
    const bool there = shared != now_.shared_.end() && (left == users_.end() || left->second != 0);
    const std::uint64_t more = newcomer.estimated_bytes - (there ? newcomer.shared_bytes : 0);
    return now_.max_bytes_ == 0 || bytes_ + more <= now_.max_bytes_;
}

} // namespace warmd

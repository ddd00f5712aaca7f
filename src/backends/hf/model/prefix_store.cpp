#include "hf/model/prefix_store.hpp"

#include <algorithm>
#include <iterator>

namespace warmd::hf {

/// One block of a beginning. It has keys and values only if its parent has: whoever computes or
/// begins with a block holds those before.
struct prefix_store::node {
    std::map<lens_key, nodes>::iterator lens;
    node* parent = nullptr; // none: a first block
    nodes::iterator self{};
    nodes below{};
    kv_block block{}; // none: not there
    std::optional<std::uint64_t> computing{};
    std::size_t places = 0;          // that have it on their path
    std::size_t holders = 0;         // of those, that have begun
    kept* in = nullptr;              // if there is a block
    std::list<node*>::iterator at{}; // there

    /// What it takes while nobody has it: with its entries in a map and a list.
    std::uint64_t bytes() const
    {
        constexpr std::size_t links = 4 + 2, allocations = 3;
        return block->bytes() + sizeof(node) + sizeof(nodes::value_type) + sizeof(node*) +
               (links + allocations) * sizeof(void*);
    }
};

prefix_store::prefix_store(std::uint64_t most_bytes) : most_bytes_(most_bytes) {}

prefix_store::~prefix_store()
{
    forget_if([](const lens_key&) { return true; }); // not by recursion as deep as a text is long
}

prefix_store::place prefix_store::enter(std::uint64_t by, const lens_key& through,
                                        std::span<const token_id> ids, std::size_t shareable)
{
    place entered(*this, by, through, std::min(shareable, ids.size() / attention_block));
    entered.append(ids);
    for (auto each = entered.path_.rbegin(); each != entered.path_.rend(); ++each)
        list(**each);
    return entered;
}

std::uint64_t prefix_store::give_up(std::uint64_t bytes)
{
    std::uint64_t given = 0;
    for (kept* const from : {&idle_, &awaited_})
        while (given < bytes && !from->all.empty())
            given += forget(*from->all.back());
    return given;
}

void prefix_store::drop_base(std::uint64_t base)
{
    forget_if([&](const lens_key& through) { return through.base == base; });
}

void prefix_store::drop_adapter(std::uint64_t adapter)
{
    forget_if([&](const lens_key& through) { return through.adapter == adapter; });
}

/// Those of the lenses that are meant. From the back, so that a block goes after all below it.
template <class Which>
void prefix_store::forget_if(const Which& which)
{
    auto& all = idle_.all;
    for (auto after = all.end(); after != all.begin();) {
        const auto each = std::prev(after);
        if (which((*each)->lens->first))
            forget(**each); // `after` stays valid
        else
            after = each;
    }
}

/// The one with these ids, made if need be.
prefix_store::node& prefix_store::child(node* parent, const lens_key& through,
                                        std::span<const token_id> ids)
{
    block_ids key;
    std::copy_n(ids.begin(), attention_block, key.begin());
    const auto lens = first_.try_emplace(through).first;
    nodes& siblings = parent ? parent->below : lens->second;
    if (const auto found = siblings.find(key); found != siblings.end())
        return *found->second;
    auto made = std::make_unique<node>(node{.lens = lens, .parent = parent});
    node& added = *made;
    added.self = siblings.emplace(key, std::move(made)).first;
    return added;
}

/// Where it belongs now, as the last used. A path is listed from its end on, so that it is given up
/// from there.
void prefix_store::list(node& one)
{
    if (!one.block)
        return;
    kept& to = one.holders != 0 ? held_ : one.places != 0 ? awaited_ : idle_;
    to.all.splice(to.all.begin(), one.in->all, one.at);
    to.bytes += one.bytes();
    one.in->bytes -= one.bytes();
    one.in = &to;
}

/// What its block gives back to the budget: nothing, as long as a cache has it.
std::uint64_t prefix_store::forget(node& unheld)
{
    const std::uint64_t given = unheld.block.use_count() == 1 ? unheld.block->bytes() : 0;
    unheld.in->bytes -= unheld.bytes();
    unheld.in->all.erase(unheld.at);
    unheld.block.reset();
    prune(unheld);
    return given;
}

/// Ends what nobody needs.
void prefix_store::prune(node& one)
{
    if (one.block || one.places != 0 || !one.below.empty())
        return;
    const auto lens = one.lens;
    nodes& siblings = one.parent ? one.parent->below : lens->second;
    siblings.erase(one.self);
    if (lens->second.empty())
        first_.erase(lens);
}

void prefix_store::trim()
{
    while (idle_.bytes > most_bytes_)
        forget(*idle_.all.back());
}

prefix_store::place::~place()
{
    if (begun_)
        let_go();
    for (auto each = path_.rbegin(); each != path_.rend(); ++each) {
        --(*each)->places;
        in_->list(**each);
        in_->prune(**each);
    }
    if (!path_.empty())
        in_->trim();
}

std::size_t prefix_store::place::there()
{
    while (there_ != 0 && !path_[there_ - 1]->block)
        --there_;
    while (there_ != shareable_ && path_[there_]->block)
        ++there_;
    return there_;
}

std::optional<std::uint64_t> prefix_store::place::waits_for()
{
    const std::size_t next = there();
    return next != shareable_ ? path_[next]->computing : std::nullopt;
}

std::vector<kv_block> prefix_store::place::begin()
{
    std::vector<kv_block> shared;
    for (std::size_t i = 0, all = there(); i != all; ++i)
        shared.push_back(path_[i]->block);
    begun_ = true;
    told_ = shared.size();
    for (node* const each : path_) {
        ++each->holders;
        in_->list(*each);
        if (!each->block && !each->computing)
            each->computing = by_;
    }
    return shared;
}

void prefix_store::place::undo() { let_go(); }

void prefix_store::place::computed(const kv_cache& cache, std::span<const token_id> ids)
{
    const std::size_t whole = cache.length() / attention_block;
    if (whole > path_.size())
        append(ids.first(whole * attention_block).subspan(path_.size() * attention_block));
    for (; told_ < whole; ++told_) {
        node& each = *path_[told_];
        if (each.computing == by_)
            each.computing.reset();
        if (each.block)
            continue;
        each.at = in_->held_.all.insert(in_->held_.all.begin(), &each);
        each.in = &in_->held_;
        each.block = cache.blocks()[told_];
        each.in->bytes += each.bytes();
    }
}

/// The whole blocks of `ids` come next on its path.
void prefix_store::place::append(std::span<const token_id> ids)
{
    const std::size_t blocks = ids.size() / attention_block;
    path_.reserve(path_.size() + blocks);
    for (std::size_t i = 0; i != blocks; ++i) {
        node* const last = path_.empty() ? nullptr : path_.back();
        node& next = in_->child(last, through_, ids.subspan(i * attention_block));
        ++next.places;
        path_.push_back(&next);
        if (begun_) {
            ++next.holders;
            in_->list(next);
        }
    }
}

/// Has not begun.
void prefix_store::place::let_go()
{
    begun_ = false;
    for (auto each = path_.rbegin(); each != path_.rend(); ++each) {
        if ((*each)->computing == by_)
            (*each)->computing.reset();
        --(*each)->holders;
        in_->list(**each);
    }
}

} // namespace warmd::hf

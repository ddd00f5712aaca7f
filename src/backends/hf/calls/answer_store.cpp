#include "hf/calls/answer_store.hpp"

#include <boost/container_hash/hash.hpp>

#include <iterator>
#include <utility>

namespace warmd::hf {

namespace {

std::uint64_t heap_bytes(const top_slice& slice)
{
    return slice.token_ids.capacity() * sizeof(token_id) +
           slice.logprobs.capacity() * sizeof(float);
}

std::uint64_t heap_bytes(const std::vector<float>& logprobs)
{
    return logprobs.capacity() * sizeof(float);
}

} // namespace

/// With a shared answer's counts, its places in a list and in a table, and what the allocator keeps
/// beside each piece.
std::uint64_t answer_store::entry::bytes() const
{
    constexpr std::size_t list_links = 2, table_words = 4, counts = 2, pieces = 6, beside = 2;
    return sizeof(entry) + sizeof(remembered_answer) + asked.ids.capacity() * sizeof(token_id) +
           std::visit([](const auto& each) { return heap_bytes(each); }, *what) +
           (list_links + table_words + counts + pieces * beside) * sizeof(void*);
}

std::size_t answer_store::hash::operator()(const answer_key* asked) const
{
    std::size_t seed = boost::hash_range(asked->ids.begin(), asked->ids.end());
    boost::hash_combine(seed, asked->base);
    boost::hash_combine(seed, static_cast<int>(asked->what));
    boost::hash_combine(seed, asked->detail);
    return seed;
}

answer_store::answer_store(std::uint64_t most_bytes, std::shared_ptr<metrics> shown)
    : most_bytes_(most_bytes), shown_(std::move(shown))
{
}

std::shared_ptr<const remembered_answer> answer_store::find(const answer_key& asked)
{
    const std::lock_guard lock(mutex_);
    const auto found = by_key_.find(&asked);
    if (found == by_key_.end())
        return nullptr;
    all_.splice(all_.begin(), all_, found->second);
    if (shown_)
        ++shown_->answers_remembered;
    return found->second->what;
}

void answer_store::keep(answer_key asked, remembered_answer what)
{
    entries one;
    one.push_front({std::move(asked), std::make_shared<const remembered_answer>(std::move(what))});
    const std::uint64_t bytes = one.front().bytes();
    if (bytes > most_bytes_)
        return;
    const std::lock_guard lock(mutex_);
    if (!by_key_.try_emplace(&one.front().asked, one.begin()).second)
        return;
    all_.splice(all_.begin(), one);
    bytes_ += bytes;
    while (bytes_ > most_bytes_)
        forget(std::prev(all_.end()));
    show();
}

void answer_store::drop(std::uint64_t base)
{
    const std::lock_guard lock(mutex_);
    for (auto next = all_.begin(); next != all_.end();) {
        const auto each = next++;
        if (each->asked.base == base)
            forget(each);
    }
    show();
}

void answer_store::forget(entries::iterator which)
{
    by_key_.erase(&which->asked);
    bytes_ -= which->bytes();
    all_.erase(which);
}

void answer_store::show() const
{
    if (shown_)
        shown_->answer_bytes = bytes_;
}

} // namespace warmd::hf

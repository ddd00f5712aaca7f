#include "cache/cache_log.hpp"

#include "base/text.hpp"

namespace warmd {

namespace {

std::string in_words(const model_spec& spec)
{
    return spec.kind + " model " + spec.base +
           (spec.adapter ? " with adapter " + *spec.adapter : "");
}

} // namespace

failure described(failure why, const model_spec& spec)
{
    why.cause = std::move(why.detail);
    why.detail = "loading " + in_words(spec) + " failed: " + why.cause;
    return why;
}

void cache_log::loading(const resolved_model& model) const
{
    to_.info("loading " + in_words(model.spec) + " as " + model.key.text);
}

void cache_log::loaded(const residency& what, std::uint64_t max_loaded_bytes) const
{
    const std::string& key = what.model->key.text;
    const std::string bytes = std::to_string(what.bytes.all) + " bytes";
    to_.info("loaded " + key + ": " + bytes + " in " + std::to_string(what.load_seconds) + " s");
    if (max_loaded_bytes != 0 && what.bytes.all > max_loaded_bytes)
        to_.warning(key + " overruns max_loaded_bytes " + std::to_string(max_loaded_bytes) +
                    " with " + bytes + "; the estimate was " +
                    std::to_string(what.model->estimated_bytes));
}

void cache_log::load_failed(const residency& what, const failure& why) const
{
    to_.warning(why.detail + " (" + what.model->key.text + ", after " +
                std::to_string(what.load_seconds) + " s)");
}

void cache_log::closing(const cache_key& key, evict_reason why, std::chrono::nanoseconds after_load,
                        std::uint64_t calls) const
{
    to_.info("closing " + key.text + ": " + std::string(name(why)) + ", " +
             seconds_text(after_load) + " after its load, " + std::to_string(calls) + " calls");
}

void cache_log::closed(const cache_key& key, std::chrono::nanoseconds took,
                       const std::string& thrown) const
{
    to_.debug("closed " + key.text + " in " + seconds_text(took));
    if (!thrown.empty())
        to_.warning("close raised for " + key.text + ": " + thrown);
}

void cache_log::overdue(const cache_key& key, std::string_view which,
                        std::chrono::nanoseconds since) const
{
    to_.error(key.text + " is overdue: its " + std::string(which) + " has not come back after " +
              seconds_text(since));
}

void cache_log::not_watching(const failure& why) const
{
    to_.warning("model files are not watched for changes but looked at again and again: " +
                why.detail);
}

} // namespace warmd

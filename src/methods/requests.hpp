#pragma once
// What clients ask for, as values: each method's parameters once they are read.

#include "cache/cache_event.hpp"
#include <warmd/backend.hpp>
#include <warmd/model_spec.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace warmd {

/// Of every method that is about a model.
struct about_request {
    std::optional<std::chrono::nanoseconds> timeout;
    bool progress = false;
    std::chrono::nanoseconds keep_alive{0};
    call_priority priority = call_priority::interactive;
    bool fresh = false;
};

/// An operation on a model, whichever it is.
struct operation_request {
    model_spec model;
    operation what;
    bool stream = false; ///< generate and complete only
    about_request about;
};

/// The same where the model need not be named: then it is the only one that there is.
struct tokenizer_request {
    std::optional<model_spec> model;
    operation what;
    about_request about;
};

struct load_request {
    model_spec model;
    bool pin = false;
    about_request about;
};

/// A loaded model, named by itself or by its key.
struct entry_request {
    std::optional<model_spec> model;
    std::optional<std::string> key;
    about_request about;
};

struct unload_options {
    bool all = false;
    bool wait = true;
};

struct subscribe_request {
    event_filter events;
};

struct shutdown_request {
    std::optional<std::chrono::nanoseconds> drain_seconds;
};

struct hello_request {
    std::uint64_t protocol = 0;
};

struct estimate_request {
    model_spec model;
    about_request about;
};

} // namespace warmd

#pragma once
// The contract (schema.hpp), part by part: each in the source of its name.

#include "methods/schema.hpp"

namespace warmd::schema {

std::vector<method> operation_methods();  // contract_operations.cpp
std::vector<method> chat_methods();       // contract_chat.cpp
std::vector<method> completion_methods(); // contract_completions.cpp
std::vector<method> tokenizer_methods();  // contract_tokenizer.cpp
std::vector<method> suite_methods();      // contract_suites.cpp
std::vector<method> residency_methods();  // contract_daemon.cpp, as the next
std::vector<method> daemon_methods();
std::vector<method> worker_methods(); // contract_worker.cpp
std::vector<type> all_types();        // contract_types.cpp
std::vector<type> completion_types(); // contract_completions.cpp
std::vector<type> suite_types();      // contract_suites.cpp

/// What the model's chat template makes a text of: of Conversation, and of `render`. They are read
/// together, by read_chat_prompt().
std::vector<field> conversation_members();

/// `own` between `model` and what every method about a model takes besides.
std::vector<field> about_a_model(field model, std::vector<field> own);
/// How a request for a model may end, besides as any may.
std::vector<errc> errors_of_a_load();

} // namespace warmd::schema

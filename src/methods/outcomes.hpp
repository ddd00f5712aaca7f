#pragma once
// Writes the outcomes of operations as results.

#include "base/config.hpp"
#include <warmd/backend.hpp>
#include <warmd/json_writer.hpp>

#include <cstddef>
#include <functional>
#include <string>

namespace warmd::replies {

/// Writes the members of a result. REQUIRES: the alternative of `outcome` that belongs to the
/// operation.
using outcome_writer = void (*)(json_writer& to, const outcome&);
/// Null: a completion, which is written as it was asked for (completion_text.hpp).
outcome_writer writer_of(const operation& asked) noexcept;

/// The whole result; reply_too_large() if it is longer than `max_bytes`.
result<std::string> written(const std::function<void(json_writer& to, const outcome&)>& write,
                            const outcome& what, std::size_t max_bytes);

} // namespace warmd::replies
